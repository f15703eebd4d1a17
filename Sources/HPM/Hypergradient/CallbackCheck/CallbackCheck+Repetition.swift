/// Whether callbacks give the same when they are asked again, as every estimator takes for granted.
extension CallbackCheck {
    private typealias Results = (w: P.Vector?, h: H.Vector?)

    /// Sums in another order give other last bits, those of a step much fewer than those of a gradient
    /// that nearly cancels.
    private var roundingOfSums: Double { 1000 * precision }
    private var roundingOfSteps: Double { 16 * precision }

    mutating func checkRepetition() throws(HPMError) {
        let (h, problem) = (h, problem)
        try repeatLoss("outer_loss", problem.outerLoss)
        try repeatLoss("inner_loss", problem.innerLoss)
        if let response = problem.response {
            let u = try hyperDirection(seed)
            try repeatNumber("response", at: problem.hyperparameters, h, along: u, response)
        }
        if problem.outerGradient != nil {
            try repeatVectors("outer_gradient", changing: true) { (check, w) throws(HPMError) in
                let (dw, dh) = try check.outerGradient(w, h)
                return (dw, dh)
            }
        }
        if problem.innerGradient != nil {
            try repeatVectors("inner_gradient", changing: true) { (check, w) throws(HPMError) in
                (try check.innerGradient(w, h), nil)
            }
        }
        if problem.innerHyperGradient != nil {
            try repeatVectors("inner_hyper_gradient", changing: true) { (check, w) throws(HPMError) in
                (nil, try check.innerHyperGradient(w, h))
            }
        }
        let v = try direction(RandomSeed.derived(from: seed, student: 0, event: 2))
        if problem.hessianProduct != nil {
            try repeatVectors("hessian_product") { (check, _) throws(HPMError) in
                (try check.hessianProduct(v), nil)
            }
        }
        if problem.crossProduct != nil {
            try repeatVectors("cross_product") { (check, _) throws(HPMError) in
                (nil, try check.crossProduct(v))
            }
        }
        if problem.step != nil {
            try repeatVectors("step", rounding: roundingOfSteps) { (check, w) throws(HPMError) in
                (try check.step(w, h), nil)
            }
            noteRepeated("step", rounding: roundingOfSteps)
        }
        if problem.stepForward != nil {
            let u = try hyperDirection(RandomSeed.derived(from: seed, student: 1, event: 2))
            try repeatVectors("step_forward") { (check, _) throws(HPMError) in
                (try check.stepForward(v, u), nil)
            }
        }
        if problem.stepBackward != nil {
            try repeatVectors("step_backward") { (check, _) throws(HPMError) in
                let (dw, dh) = try check.stepBackward(v)
                return (dw, dh)
            }
        }
    }

    /// Of what says what the problem is, no more can be tested.
    private mutating func noteRepeated(_ callback: String, rounding: Double) {
        if isWrong(callback) { return }
        note(
            callback, .right, .repetition, error: 0, tolerance: rounding,
            "\(callback) is right: asked again with the same input it gives the same, and no more can be tested of it")
    }

    private mutating func noteStochastic(_ callback: String, error: Double, tolerance: Double) {
        note(
            callback, .wrong, .repetition, error: error, tolerance: tolerance,
            "\(callback) is wrong: asked again with the same input it gives another result, a relative difference of \(error); it may not be random, nor depend on what was asked before")
    }

    private mutating func repeatLoss(
        _ callback: String, _ loss: ((P.Vector, H.Vector) throws(HPMError) -> Double)?
    ) throws(HPMError) {
        guard let loss else { return }
        let h = h
        let v = try direction(seed)
        try repeatNumber(callback, at: problem.parameters, w, along: v) { (w) throws(HPMError) in
            try loss(w, h)
        }
    }

    private mutating func repeatNumber<Space: VectorSpace>(
        _ callback: String, at space: Space, _ place: Space.Vector, along direction: Space.Vector,
        _ value: (Space.Vector) throws(HPMError) -> Double
    ) throws(HPMError) {
        let first = try value(place)
        guard first.isFinite else { return noteNotFinite(callback) }
        for _ in 1..<Self.trials {
            let again = try value(place)
            guard again.isFinite else { return noteNotFinite(callback) }
            if again == first { continue }
            // A number near 0 is a sum of larger ones: their size shows where it changes.
            let step = try stepLength(space, place, direction)
            let change = try value(try shifted(space, place, step, direction)) - first
            let size = max(first.magnitude, again.magnitude)
            let moved = (again - first).magnitude
            let allowed = roundingOfSums * max(size, change.magnitude / differenceStep)
            if moved > allowed {
                return noteStochastic(callback, error: moved / size, tolerance: allowed / size)
            }
        }
        noteRepeated(callback, rounding: roundingOfSums)
    }

    /// - Parameter changing: Whether the callback gives a gradient, which is 0 but for rounding at a
    ///   minimum, so that its size is taken from how it changes with w.
    private mutating func repeatVectors(
        _ callback: String, rounding: Double? = nil, changing: Bool = false,
        _ call: (CallbackCheck, P.Vector) throws(HPMError) -> Results
    ) throws(HPMError) {
        let first = try call(self, w)
        let firstSize = try size(first)
        guard firstSize.isFinite else { return noteNotFinite(callback) }
        for _ in 1..<Self.trials {
            let again = try call(self, w)
            let size = max(firstSize, try self.size(again))
            guard size.isFinite else { return noteNotFinite(callback) }
            let moved = try distance(again, first)
            if moved == 0 { continue }
            var terms = size
            if changing {
                let v = try direction(seed)
                let step = try stepLength(problem.parameters, w, v)
                let elsewhere = try call(self, try shifted(problem.parameters, w, step, v))
                terms = max(terms, try distance(elsewhere, first) / differenceStep)
            }
            let allowed = (rounding ?? roundingOfSums) * terms
            if !(moved <= allowed) {
                return noteStochastic(callback, error: moved / size, tolerance: allowed / size)
            }
        }
    }

    /// NaN where a component is not finite; at most the largest double.
    private func size(_ results: Results) throws(HPMError) -> Double {
        var size = 0.0
        if let w = results.w { size += try problem.parameters.length(of: w) }
        if let h = results.h { size += try problem.hyperparameters.length(of: h) }
        return size.isNaN ? .nan : min(size, .greatestFiniteMagnitude)
    }

    /// Overwrites the first.
    private func distance(_ left: Results, _ right: Results) throws(HPMError) -> Double {
        if let w = left.w, let other = right.w { try problem.parameters.add(-1, other, to: w) }
        if let h = left.h, let other = right.h { try problem.hyperparameters.add(-1, other, to: h) }
        return try size(left)
    }
}
