/// What a check found of one callback.
public struct CallbackFinding: Equatable, Sendable {
    public enum Verdict: Sendable {
        case right, wrong, notChecked
    }

    /// The callback's name in the C interface.
    public let callback: String
    public let verdict: Verdict
    /// The relative difference of what was compared; NaN where nothing was.
    public let error: Double
    /// A sentence.
    public let words: String
}

extension BilevelProblem {
    /// Tests the callbacks at a place, each by an identity that holds for the right one: symmetry of the
    /// Hessian product, the adjoint identity of the step's two products, and central differences along
    /// random directions for every derivative.
    ///
    /// A callback is compared with others; where one of those is wrong already, it isn't.
    ///
    /// - Parameters:
    ///   - tolerance: The relative difference from which on a callback is wrong; nil: 1e-4, or 1e-2 for
    ///     vectors in single precision.
    ///   - differenceStep: Relative step of the differences; nil: what balances rounding and truncation at
    ///     the vectors' precision.
    /// - Throws: `callback` where a callback failed.
    /// - Complexity: About 30 calls of each callback.
    public func check(
        at w: W, _ h: H, tolerance: Double? = nil, differenceStep: Double? = nil, seed: UInt64 = 0
    ) throws(HPMError) -> [CallbackFinding] {
        var check = CallbackCheck(
            problem: self, w: w, h: h,
            // Ten times and more what differences in single precision can reach.
            tolerance: tolerance
                ?? max(1e-4, 400 * balancedDifferenceStep * balancedDifferenceStep),
            differenceStep: differenceStep ?? balancedDifferenceStep, seed: seed)
        return try check.run()
    }
}

struct CallbackCheck<P: VectorSpace, H: VectorSpace> {
    let problem: BilevelProblem<P, H>
    let w: P.Vector
    let h: H.Vector
    let tolerance: Double
    let differenceStep: Double
    let seed: UInt64
    private var findings: [CallbackFinding] = []
    private static var trials: Int { 3 }

    init(
        problem: BilevelProblem<P, H>, w: P.Vector, h: H.Vector, tolerance: Double,
        differenceStep: Double, seed: UInt64
    ) {
        self.problem = problem
        self.w = w
        self.h = h
        self.tolerance = tolerance
        self.differenceStep = differenceStep
        self.seed = seed
    }

    /// A number and how far rounding may have taken it.
    private struct Measured {
        let value: Double
        var rounding = 0.0
    }

    /// Two numbers that should be the same.
    private struct Comparison {
        let observed: Double
        let expected: Measured
        /// The size of what both are sums of, so that a sum near 0 is not judged by its rounding.
        let scale: Double

        var size: Double {
            max(observed.magnitude, expected.value.magnitude, 1e-6 * scale, .leastNormalMagnitude)
        }
        var error: Double {
            max(0, (observed - expected.value).magnitude - expected.rounding) / size
        }
        /// Whether a wrong number could hide in the rounding.
        func isBlind(_ tolerance: Double) -> Bool { expected.rounding > tolerance * size }
    }

    /// The precision of the user's numbers; a step as long as single precision needs tells it of vectors
    /// that are known by callbacks alone.
    private var precision: Double {
        max(
            problem.parameters.precision, problem.hyperparameters.precision,
            differenceStep >= 4e-3 ? 0x1p-23 : 0)
    }

    mutating func run() throws(HPMError) -> [CallbackFinding] {
        try checkOuterGradient()
        try checkInnerGradient()
        try checkHessianProduct()
        try checkInnerHyperGradient()
        try checkCrossProduct()
        try checkStepForward()
        try checkStepBackward()
        return findings
    }

    private func isWrong(_ callback: String) -> Bool {
        findings.contains { $0.callback == callback && $0.verdict == .wrong }
    }

    private mutating func skip(_ callback: String, _ reason: String) {
        findings.append(
            CallbackFinding(
                callback: callback, verdict: .notChecked, error: .nan,
                words: "\(callback) was not checked: \(reason)"))
    }

    /// Compares over several random directions and keeps the worst.
    private mutating func compare(
        _ callback: String, _ what: String, with other: String,
        _ comparison: (_ trial: UInt64) throws(HPMError) -> Comparison
    ) throws(HPMError) {
        guard !isWrong(callback) else { return }
        var worst: Comparison?
        for trial in 0..<Self.trials {
            let found = try comparison(RandomSeed.derived(from: seed, student: trial, event: 1))
            guard found.observed.isFinite else {
                return findings.append(
                    CallbackFinding(
                        callback: callback, verdict: .wrong, error: .infinity,
                        words: "\(callback) is wrong: it gives numbers that are not finite"))
            }
            guard found.expected.value.isFinite else {
                return skip(callback, "\(other) are not finite here")
            }
            if worst.map({ found.error > $0.error }) ?? true { worst = found }
        }
        guard let worst else { return }
        if worst.error > tolerance {
            findings.append(
                CallbackFinding(
                    callback: callback, verdict: .wrong, error: worst.error,
                    words:
                        "\(callback) is wrong: \(what) is \(worst.observed), \(other) \(worst.expected.value), a relative difference of \(worst.error)"
                ))
        } else if worst.isBlind(tolerance) {
            skip(callback, "\(what) is too small here to be told from rounding; check it elsewhere")
        } else {
            findings.append(
                CallbackFinding(
                    callback: callback, verdict: .right, error: worst.error,
                    words: "\(callback) is right: \(what) agrees with \(other) to \(worst.error)"))
        }
    }

    /// Whether a gradient's numbers are finite; says so where they are not.
    private mutating func requireFinite<Space: VectorSpace>(
        _ callback: String, _ space: Space, _ vector: Space.Vector
    ) throws(HPMError) -> Bool {
        if try space.dot(vector, vector).isFinite { return true }
        if try space.normalize(space.makeCopy(of: vector)).isFinite { return true }
        findings.append(
            CallbackFinding(
                callback: callback, verdict: .wrong, error: .infinity,
                words: "\(callback) is wrong: it gives numbers that are not finite"))
        return false
    }

    private func direction(_ seed: UInt64) throws(HPMError) -> P.Vector {
        let vector = try problem.parameters.makeZeros()
        try problem.parameters.randomize(vector, seed: seed, .normal)
        return vector
    }

    private func hyperDirection(_ seed: UInt64) throws(HPMError) -> H.Vector {
        let vector = try problem.hyperparameters.makeZeros()
        try problem.hyperparameters.randomize(vector, seed: seed, .normal)
        return vector
    }

    /// The step along a direction, relative to the size of where it begins.
    private func step<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ direction: Space.Vector
    ) throws(HPMError) -> Double {
        let length = try space.norm(direction)
        return differenceStep * (1 + (try space.norm(origin))) / max(length, .leastNormalMagnitude)
    }

    private func shifted<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ step: Double, _ direction: Space.Vector
    ) throws(HPMError) -> Space.Vector {
        let vector = try space.makeCopy(of: origin)
        try space.add(step, direction, to: vector)
        return vector
    }

    /// (value(w + e v) - value(w - e v)) / 2e for a number.
    private func difference<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ direction: Space.Vector,
        size: Double = 0, _ value: (Space.Vector) throws(HPMError) -> Double
    ) throws(HPMError) -> Measured {
        let step = try step(space, origin, direction)
        let above = try value(try shifted(space, origin, step, direction))
        let below = try value(try shifted(space, origin, -step, direction))
        return measured(above, below, step, size: size)
    }

    /// - Parameter size: Of the terms that the two numbers are sums of, where it is larger than they.
    private func measured(
        _ above: Double, _ below: Double, _ step: Double, size: Double
    ) -> Measured {
        Measured(
            value: (above - below) / (2 * step),
            rounding: 4 * precision * max(above.magnitude, below.magnitude, size) / step)
    }

    private mutating func checkOuterGradient() throws(HPMError) {
        guard let outerGradient = problem.outerGradient else { return }
        let dw = try problem.parameters.makeZeros()
        let dh = try problem.hyperparameters.makeZeros()
        try outerGradient(w, h, dw, dh)
        guard try requireFinite("outer_gradient", problem.parameters, dw),
            try requireFinite("outer_gradient", problem.hyperparameters, dh)
        else { return }
        guard let outerLoss = problem.outerLoss else {
            return skip("outer_gradient", "there is no outer_loss to compare it with")
        }
        let (parameters, hyperparameters, w, h) = (
            problem.parameters, problem.hyperparameters, w, h
        )
        try compare(
            "outer_gradient", "its part of w along a direction", with: "differences of outer_loss"
        ) { [self] (seed) throws(HPMError) in
            let v = try direction(seed)
            return Comparison(
                observed: try parameters.dot(dw, v),
                expected: try difference(parameters, w, v) { (w) throws(HPMError) in
                    try outerLoss(w, h)
                }, scale: try parameters.norm(dw) * parameters.norm(v))
        }
        try compare(
            "outer_gradient", "its part of h along a direction", with: "differences of outer_loss"
        ) { [self] (seed) throws(HPMError) in
            let u = try hyperDirection(seed)
            return Comparison(
                observed: try hyperparameters.dot(dh, u),
                expected: try difference(hyperparameters, h, u) { (h) throws(HPMError) in
                    try outerLoss(w, h)
                }, scale: try hyperparameters.norm(dh) * hyperparameters.norm(u))
        }
    }

    private mutating func checkInnerGradient() throws(HPMError) {
        guard let innerGradient = problem.innerGradient else { return }
        let gradient = try problem.parameters.makeZeros()
        try innerGradient(w, h, gradient)
        guard try requireFinite("inner_gradient", problem.parameters, gradient) else { return }
        guard let innerLoss = problem.innerLoss else {
            return skip("inner_gradient", "there is no inner_loss to compare it with")
        }
        let (parameters, w, h) = (problem.parameters, w, h)
        try compare(
            "inner_gradient", "it along a direction", with: "differences of inner_loss"
        ) { [self] (seed) throws(HPMError) in
            let v = try direction(seed)
            return Comparison(
                observed: try parameters.dot(gradient, v),
                expected: try difference(parameters, w, v) { (w) throws(HPMError) in
                    try innerLoss(w, h)
                }, scale: try parameters.norm(gradient) * parameters.norm(v))
        }
    }

    /// |gradient| |v|: what the rounding of their product is measured by.
    private func size(
        of innerGradient: (P.Vector, H.Vector, P.Vector) throws(HPMError) -> Void, times v: P.Vector
    ) throws(HPMError) -> Double {
        let gradient = try problem.parameters.makeZeros()
        try innerGradient(w, h, gradient)
        return try problem.parameters.norm(gradient) * problem.parameters.norm(v)
    }

    private mutating func checkHessianProduct() throws(HPMError) {
        guard let hessianProduct = problem.hessianProduct else { return }
        let (parameters, w, h) = (problem.parameters, w, h)
        func product(_ v: P.Vector) throws(HPMError) -> P.Vector {
            let result = try parameters.makeZeros()
            try hessianProduct(w, h, v, result)
            return result
        }
        try compare("hessian_product", "u.Hv", with: "v.Hu") { [self] (seed) throws(HPMError) in
            let (u, v) = (try direction(seed), try direction(seed &+ 1))
            let forward = try product(v)
            return Comparison(
                observed: try parameters.dot(u, forward),
                expected: Measured(value: try parameters.dot(v, try product(u))),
                scale: try parameters.norm(u) * parameters.norm(forward))
        }
        guard let innerGradient = problem.innerGradient, !isWrong("inner_gradient") else { return }
        try compare(
            "hessian_product", "u.Hv", with: "differences of inner_gradient"
        ) { [self] (seed) throws(HPMError) in
            let (u, v) = (try direction(seed), try direction(seed &+ 1))
            let forward = try product(v)
            return Comparison(
                observed: try parameters.dot(u, forward),
                expected: try difference(
                    parameters, w, v, size: try size(of: innerGradient, times: u)
                ) { (w) throws(HPMError) in
                    let gradient = try parameters.makeZeros()
                    try innerGradient(w, h, gradient)
                    return try parameters.dot(u, gradient)
                }, scale: try parameters.norm(u) * parameters.norm(forward))
        }
    }

    private mutating func checkInnerHyperGradient() throws(HPMError) {
        guard let innerHyperGradient = problem.innerHyperGradient else { return }
        let gradient = try problem.hyperparameters.makeZeros()
        try innerHyperGradient(w, h, gradient)
        guard try requireFinite("inner_hyper_gradient", problem.hyperparameters, gradient) else {
            return
        }
        guard let innerLoss = problem.innerLoss else {
            return skip("inner_hyper_gradient", "there is no inner_loss to compare it with")
        }
        let (hyperparameters, w, h) = (problem.hyperparameters, w, h)
        try compare(
            "inner_hyper_gradient", "it along a direction", with: "differences of inner_loss"
        ) { [self] (seed) throws(HPMError) in
            let u = try hyperDirection(seed)
            return Comparison(
                observed: try hyperparameters.dot(gradient, u),
                expected: try difference(hyperparameters, h, u) { (h) throws(HPMError) in
                    try innerLoss(w, h)
                }, scale: try hyperparameters.norm(gradient) * hyperparameters.norm(u))
        }
    }

    private mutating func checkCrossProduct() throws(HPMError) {
        guard let crossProduct = problem.crossProduct else { return }
        guard let innerGradient = problem.innerGradient, !isWrong("inner_gradient") else {
            return skip(
                "cross_product",
                problem.innerGradient == nil
                    ? "there is no inner_gradient to compare it with"
                    : "inner_gradient, with which it is compared, is wrong itself")
        }
        let (parameters, hyperparameters, w, h) = (
            problem.parameters, problem.hyperparameters, w, h
        )
        try compare(
            "cross_product", "it along a direction", with: "differences of inner_gradient"
        ) { [self] (seed) throws(HPMError) in
            let (v, u) = (try direction(seed), try hyperDirection(seed &+ 1))
            let product = try hyperparameters.makeZeros()
            try crossProduct(w, h, v, product)
            return Comparison(
                observed: try hyperparameters.dot(u, product),
                expected: try difference(
                    hyperparameters, h, u, size: try size(of: innerGradient, times: v)
                ) { (h) throws(HPMError) in
                    let gradient = try parameters.makeZeros()
                    try innerGradient(w, h, gradient)
                    return try parameters.dot(v, gradient)
                }, scale: try hyperparameters.norm(u) * hyperparameters.norm(product))
        }
    }

    /// A step's derivatives are checked apart: the larger would hide the smaller.
    private enum StepPart: String, CaseIterable {
        case w, h
    }

    private func directions(
        of part: StepPart, _ seed: UInt64
    ) throws(HPMError) -> (P.Vector, H.Vector) {
        switch part {
        case .w: (try direction(seed), try problem.hyperparameters.makeZeros())
        case .h: (try problem.parameters.makeZeros(), try hyperDirection(seed))
        }
    }

    /// v . d step along (dw, dh), by differences.
    private func stepDifference(
        _ step: (Int, P.Vector, H.Vector, P.Vector) throws(HPMError) -> Void, _ dw: P.Vector,
        _ dh: H.Vector, along v: P.Vector
    ) throws(HPMError) -> Measured {
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        let size = try parameters.norm(w) + hyperparameters.norm(h)
        let length =
            try differenceStep * (1 + size) / (parameters.norm(dw) + hyperparameters.norm(dh))
        var values: [Double] = []
        var terms = 0.0
        for signed in [length, -length] {
            let result = try parameters.makeZeros()
            try step(
                0, try shifted(parameters, w, signed, dw), try shifted(hyperparameters, h, signed, dh),
                result)
            values.append(try parameters.dot(v, result))
            terms = max(terms, try parameters.norm(v) * parameters.norm(result))
        }
        return measured(values[0], values[1], length, size: terms)
    }

    private mutating func checkStepForward() throws(HPMError) {
        guard let stepForward = problem.stepForward else { return }
        guard let step = problem.step else {
            return skip("step_forward", "there is no step to compare it with")
        }
        let (parameters, w, h) = (problem.parameters, w, h)
        for part in StepPart.allCases {
            try compare(
                "step_forward", "its part of \(part.rawValue) along a direction",
                with: "differences of step"
            ) { [self] (seed) throws(HPMError) in
                let v = try direction(seed)
                let (dw, dh) = try directions(of: part, seed &+ 1)
                let result = try parameters.makeZeros()
                try stepForward(0, w, h, dw, dh, result)
                return Comparison(
                    observed: try parameters.dot(v, result),
                    expected: try stepDifference(step, dw, dh, along: v),
                    scale: try parameters.norm(v) * parameters.norm(result))
            }
        }
    }

    private mutating func checkStepBackward() throws(HPMError) {
        guard let stepBackward = problem.stepBackward else { return }
        let forward = isWrong("step_forward") ? nil : problem.stepForward
        guard forward != nil || problem.step != nil else {
            return skip("step_backward", "there is no step to compare it with")
        }
        let (parameters, hyperparameters, w, h) = (
            problem.parameters, problem.hyperparameters, w, h
        )
        for part in StepPart.allCases {
            try compare(
                "step_backward", "its part of \(part.rawValue) along a direction",
                with: forward == nil ? "differences of step" : "the adjoint identity with step_forward"
            ) { [self] (seed) throws(HPMError) in
                let v = try direction(seed)
                let (dw, dh) = try directions(of: part, seed &+ 1)
                let (pulled, pulledHyper) = (try parameters.makeZeros(), try hyperparameters.makeZeros())
                try stepBackward(0, w, h, v, pulled, pulledHyper)
                var expected = Measured(value: .nan)
                if let forward {
                    let result = try parameters.makeZeros()
                    try forward(0, w, h, dw, dh, result)
                    expected = Measured(value: try parameters.dot(v, result))
                } else if let step = problem.step {
                    expected = try stepDifference(step, dw, dh, along: v)
                }
                let (first, second) = (
                    try parameters.dot(pulled, dw), try hyperparameters.dot(pulledHyper, dh)
                )
                return Comparison(
                    observed: first + second, expected: expected,
                    scale: try parameters.norm(pulled) * parameters.norm(dw)
                        + hyperparameters.norm(pulledHyper) * hyperparameters.norm(dh))
            }
        }
    }
}
