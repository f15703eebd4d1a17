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
    ///   - tolerance: The relative difference from which on a callback is wrong. Differences of vectors in
    ///     single precision are not better than about 1e-2.
    ///   - differenceStep: Relative step of the differences.
    /// - Throws: `callback` where a callback failed.
    /// - Complexity: About 30 calls of each callback.
    public func check(
        at w: W, _ h: H, tolerance: Double = 1e-4, differenceStep: Double = 6e-6, seed: UInt64 = 0
    ) throws(HPMError) -> [CallbackFinding] {
        var check = CallbackCheck(
            problem: self, w: w, h: h, tolerance: tolerance, differenceStep: differenceStep,
            seed: seed)
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

    /// Two numbers that should be the same.
    private struct Comparison {
        let observed: Double
        let expected: Double
        /// The size of what both are sums of, so that a sum near 0 is not judged by its rounding.
        let scale: Double

        var error: Double {
            guard observed.isFinite, expected.isFinite else { return .infinity }
            let size = max(observed.magnitude, expected.magnitude, 1e-6 * scale, 1e-300)
            return (observed - expected).magnitude / size
        }
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
            let found = try comparison(seed &+ UInt64(1000 * trial))
            if worst.map({ found.error > $0.error }) ?? true { worst = found }
        }
        guard let worst else { return }
        let isRight = worst.error <= tolerance
        let words =
            isRight
            ? "\(callback) is right: \(what) agrees with \(other) to \(worst.error)"
            : !worst.observed.isFinite
                ? "\(callback) is wrong: it gives numbers that are not finite"
                : "\(callback) is wrong: \(what) is \(worst.observed), \(other) \(worst.expected), a relative difference of \(worst.error)"
        findings.append(
            CallbackFinding(
                callback: callback, verdict: isRight ? .right : .wrong, error: worst.error,
                words: words))
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
        _ value: (Space.Vector) throws(HPMError) -> Double
    ) throws(HPMError) -> Double {
        let step = try step(space, origin, direction)
        let above = try value(try shifted(space, origin, step, direction))
        let below = try value(try shifted(space, origin, -step, direction))
        return (above - below) / (2 * step)
    }

    private mutating func checkOuterGradient() throws(HPMError) {
        guard let outerGradient = problem.outerGradient else { return }
        guard let outerLoss = problem.outerLoss else {
            return skip("outer_gradient", "there is no outer_loss to compare it with")
        }
        let (parameters, hyperparameters, w, h) = (
            problem.parameters, problem.hyperparameters, w, h
        )
        let dw = try parameters.makeZeros()
        let dh = try hyperparameters.makeZeros()
        try outerGradient(w, h, dw, dh)
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
        guard let innerLoss = problem.innerLoss else {
            return skip("inner_gradient", "there is no inner_loss to compare it with")
        }
        let (parameters, w, h) = (problem.parameters, w, h)
        let gradient = try parameters.makeZeros()
        try innerGradient(w, h, gradient)
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
                expected: try parameters.dot(v, try product(u)),
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
                expected: try difference(parameters, w, v) { (w) throws(HPMError) in
                    let gradient = try parameters.makeZeros()
                    try innerGradient(w, h, gradient)
                    return try parameters.dot(u, gradient)
                }, scale: try parameters.norm(u) * parameters.norm(forward))
        }
    }

    private mutating func checkInnerHyperGradient() throws(HPMError) {
        guard let innerHyperGradient = problem.innerHyperGradient else { return }
        guard let innerLoss = problem.innerLoss else {
            return skip("inner_hyper_gradient", "there is no inner_loss to compare it with")
        }
        let (hyperparameters, w, h) = (problem.hyperparameters, w, h)
        let gradient = try hyperparameters.makeZeros()
        try innerHyperGradient(w, h, gradient)
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
                expected: try difference(hyperparameters, h, u) { (h) throws(HPMError) in
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
    ) throws(HPMError) -> Double {
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        let size = try parameters.norm(w) + hyperparameters.norm(h)
        let length =
            try differenceStep * (1 + size) / (parameters.norm(dw) + hyperparameters.norm(dh))
        var values: [Double] = []
        for signed in [length, -length] {
            let result = try parameters.makeZeros()
            try step(
                0, try shifted(parameters, w, signed, dw), try shifted(hyperparameters, h, signed, dh),
                result)
            values.append(try parameters.dot(v, result))
        }
        return (values[0] - values[1]) / (2 * length)
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
                var expected = Double.nan
                if let forward {
                    let result = try parameters.makeZeros()
                    try forward(0, w, h, dw, dh, result)
                    expected = try parameters.dot(v, result)
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
