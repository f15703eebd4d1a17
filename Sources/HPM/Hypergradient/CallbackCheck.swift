extension BilevelProblem {
    /// Tests the callbacks at a place, each by what holds for the right one: it gives the same when asked
    /// again; symmetry of the Hessian product; the adjoint identity of the step's two products; and
    /// central differences along random directions for every derivative.
    ///
    /// The losses, `step` and `response` say what the problem is: what contradicts them is wrong, and of
    /// themselves no more than repetition can be tested. A derivative is compared with others, unless
    /// those are wrong already. Where one contradicts another that nothing has confirmed, the two
    /// disagree. An identity alone, which every factor keeps, leaves a product not checked.
    ///
    /// - Parameters:
    ///   - tolerance: The relative difference from which on a callback is wrong; nil: 1e-4, or 1e-2 for
    ///     vectors in single precision.
    ///   - differenceStep: Relative step of the differences; nil: what balances rounding and truncation at
    ///     the vectors' precision.
    /// - Throws: `callback` where a callback failed; `argument` for a tolerance or step that is not
    ///   allowed; `unsupported` where a vector space can't draw random vectors.
    /// - Complexity: About 40 calls of each callback, up to five times as many of those that seem wrong.
    public func check(
        at w: W, _ h: H, tolerance: Double? = nil, differenceStep: Double? = nil, seed: UInt64 = 0
    ) throws(HPMError) -> [CallbackFinding] {
        // Ten times and more what differences in single precision can reach.
        let tolerance = tolerance ?? max(1e-4, 400 * balancedDifferenceStep * balancedDifferenceStep)
        let differenceStep = differenceStep ?? balancedDifferenceStep
        try Settings.requireNonNegative(tolerance, "check_tolerance")
        try Settings.requirePositive(differenceStep, "difference_step")
        var check = CallbackCheck(
            problem: self, w: w, h: h, tolerance: tolerance, differenceStep: differenceStep, seed: seed)
        try check.run()
        return check.findings
    }
}

struct CallbackCheck<P: VectorSpace, H: VectorSpace> {
    let problem: BilevelProblem<P, H>
    let w: P.Vector
    let h: H.Vector
    let tolerance: Double
    let differenceStep: Double
    let seed: UInt64
    var findings: [CallbackFinding] = []
    static var trials: Int { 3 }

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

    /// The precision of the user's numbers; a step as long as single precision needs tells it of vectors
    /// that are known by callbacks alone.
    var precision: Double {
        max(
            problem.parameters.precision, problem.hyperparameters.precision,
            differenceStep >= 4e-3 ? 0x1p-23 : 0)
    }

    mutating func run() throws(HPMError) {
        try checkRepetition()
        try checkOuterGradient()
        try checkInnerGradients()
        try checkHessianProduct()
        try checkCrossProduct()
        try checkStepProducts()
    }

    private mutating func checkOuterGradient() throws(HPMError) {
        guard problem.outerGradient != nil, !isWrong("outer_gradient") else { return }
        let (dw, dh) = try outerGradient(w, h)
        guard let outerLoss = problem.outerLoss, !isWrong("outer_loss") else {
            return skip("outer_gradient", withoutReference("outer_loss", problem.outerLoss != nil))
        }
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        let reference = Reference.differences(of: "outer_loss", isTrusted: true)
        judge(
            "outer_gradient",
            [
                try test("its part of w along a direction", with: reference) { (seed) throws(HPMError) in
                    let v = try direction(seed)
                    return try compared(
                observed: try parameters.dot(dw, v), scale: try parameters.length(of: dw) * parameters.length(of: v)
            ) { (part) throws(HPMError) in
                try difference(parameters, w, v, part: part) { (w) throws(HPMError) in try outerLoss(w, h) }
            }
                }
            ])
        judge(
            "outer_gradient",
            [
                try test("its part of h along a direction", with: reference) { (seed) throws(HPMError) in
                    let u = try hyperDirection(seed)
                    return try compared(
                observed: try hyperparameters.dot(dh, u), scale: try hyperparameters.length(of: dh) * hyperparameters.length(of: u)
            ) { (part) throws(HPMError) in
                try difference(hyperparameters, h, u, part: part) { (h) throws(HPMError) in try outerLoss(w, h) }
            }
                }
            ])
    }

    private mutating func checkInnerGradients() throws(HPMError) {
        let gradient = try testInnerGradient()
        let hyperGradient = try testInnerHyperGradient()
        // Two gradients of one function that is not inner_loss: that may be what is wrong.
        if let gradient, let hyperGradient, gradient.contradicts(tolerance),
            hyperGradient.contradicts(tolerance),
            try testMixedDerivative().agrees(tolerance)
        {
            disagree(
                "inner_gradient", gradient,
                "; inner_hyper_gradient contradicts inner_loss, too, and agrees with inner_gradient")
            return disagree("inner_hyper_gradient", hyperGradient)
        }
        if let gradient { judge("inner_gradient", [gradient]) }
        if let hyperGradient { judge("inner_hyper_gradient", [hyperGradient]) }
    }

    private mutating func testInnerGradient() throws(HPMError) -> Test? {
        guard problem.innerGradient != nil, !isWrong("inner_gradient") else { return nil }
        guard let innerLoss = problem.innerLoss, !isWrong("inner_loss") else {
            skip("inner_gradient", withoutReference("inner_loss", problem.innerLoss != nil))
            return nil
        }
        let gradient = try innerGradient(w, h)
        let parameters = problem.parameters
        return try test(
            "it along a direction", with: .differences(of: "inner_loss", isTrusted: true)
        ) { (seed) throws(HPMError) in
            let v = try direction(seed)
            return try compared(
                observed: try parameters.dot(gradient, v), scale: try parameters.length(of: gradient) * parameters.length(of: v)
            ) { (part) throws(HPMError) in
                try difference(parameters, w, v, part: part) { (w) throws(HPMError) in try innerLoss(w, h) }
            }
        }
    }

    private mutating func testInnerHyperGradient() throws(HPMError) -> Test? {
        guard problem.innerHyperGradient != nil, !isWrong("inner_hyper_gradient") else { return nil }
        guard let innerLoss = problem.innerLoss, !isWrong("inner_loss") else {
            skip("inner_hyper_gradient", withoutReference("inner_loss", problem.innerLoss != nil))
            return nil
        }
        let gradient = try innerHyperGradient(w, h)
        let hyperparameters = problem.hyperparameters
        return try test(
            "it along a direction", with: .differences(of: "inner_loss", isTrusted: true)
        ) { (seed) throws(HPMError) in
            let u = try hyperDirection(seed)
            return try compared(
                observed: try hyperparameters.dot(gradient, u), scale: try hyperparameters.length(of: gradient) * hyperparameters.length(of: u)
            ) { (part) throws(HPMError) in
                try difference(hyperparameters, h, u, part: part) { (h) throws(HPMError) in try innerLoss(w, h) }
            }
        }
    }

    /// u . d(df/dh)/dw v against v . d(df/dw)/dh u.
    private func testMixedDerivative() throws(HPMError) -> Test {
        try test(
            "differences of inner_hyper_gradient",
            with: .differences(of: "inner_gradient", isTrusted: false)
        ) { (seed) throws(HPMError) in
            let (v, u) = (try direction(seed), try hyperDirection(seed &+ 1))
            let hyper = try differenceOfInnerHyperGradient(along: v, times: u)
            var plain = try differenceOfInnerGradient(inHyperparametersAlong: u, times: v)
            plain.rounding += hyper.rounding
            return Comparison(observed: hyper.value, expected: plain, scale: 0)
        }
    }

    private func differenceOfInnerGradient(
        inHyperparametersAlong u: H.Vector, times v: P.Vector, part: Double = 1
    ) throws(HPMError) -> Measured {
        let parameters = problem.parameters
        let size = try parameters.length(of: innerGradient(w, h)) * parameters.length(of: v)
        return try difference(problem.hyperparameters, h, u, part: part, size: size) { (h) throws(HPMError) in
            try parameters.dot(v, innerGradient(w, h))
        }
    }

    private func differenceOfInnerHyperGradient(
        along v: P.Vector, times u: H.Vector, part: Double = 1
    ) throws(HPMError) -> Measured {
        let hyperparameters = problem.hyperparameters
        let size = try hyperparameters.length(of: innerHyperGradient(w, h)) * hyperparameters.length(of: u)
        return try difference(problem.parameters, w, v, part: part, size: size) { (w) throws(HPMError) in
            try hyperparameters.dot(u, innerHyperGradient(w, h))
        }
    }

    private mutating func checkHessianProduct() throws(HPMError) {
        guard problem.hessianProduct != nil, !isWrong("hessian_product") else { return }
        let parameters = problem.parameters
        var tests = [
            try test("u.Hv", with: .symmetry) { (seed) throws(HPMError) in
                let (u, v) = (try direction(seed), try direction(seed &+ 1))
                let forward = try hessianProduct(v)
                return Comparison(
                    observed: try parameters.dot(u, forward),
                    expected: Measured(value: try parameters.dot(v, try hessianProduct(u))),
                    scale: try parameters.length(of: u) * parameters.length(of: forward))
            }
        ]
        if problem.innerGradient != nil, !isWrong("inner_gradient") {
            let reference = Reference.differences(
                of: "inner_gradient", isTrusted: isRight("inner_gradient"))
            let compared = try test("u.Hv", with: reference) { (seed) throws(HPMError) in
                let (u, v) = (try direction(seed), try direction(seed &+ 1))
                let forward = try hessianProduct(v)
                let size = try parameters.length(of: innerGradient(w, h)) * parameters.length(of: u)
                return try self.compared(
                    observed: try parameters.dot(u, forward),
                    scale: try parameters.length(of: u) * parameters.length(of: forward)
                ) { (part) throws(HPMError) in
                    try difference(parameters, w, v, part: part, size: size) { (w) throws(HPMError) in
                        try parameters.dot(u, innerGradient(w, h))
                    }
                }
            }
            tests.append(compared)
        }
        judge("hessian_product", tests)
    }

    private mutating func checkCrossProduct() throws(HPMError) {
        guard problem.crossProduct != nil, !isWrong("cross_product") else { return }
        let hyperparameters = problem.hyperparameters
        var tests: [Test] = []
        for callback in ["inner_gradient", "inner_hyper_gradient"] {
            let isOfW = callback == "inner_gradient"
            guard isOfW ? problem.innerGradient != nil : problem.innerHyperGradient != nil,
                !isWrong(callback)
            else { continue }
            let reference = Reference.differences(of: callback, isTrusted: isRight(callback))
            let compared = try test("it along a direction", with: reference) { (seed) throws(HPMError) in
                let (v, u) = (try direction(seed), try hyperDirection(seed &+ 1))
                let product = try crossProduct(v)
                return try self.compared(
                    observed: try hyperparameters.dot(u, product),
                    scale: try hyperparameters.length(of: u) * hyperparameters.length(of: product)
                ) { (part) throws(HPMError) in
                    isOfW
                        ? try differenceOfInnerGradient(inHyperparametersAlong: u, times: v, part: part)
                        : try differenceOfInnerHyperGradient(along: v, times: u, part: part)
                }
            }
            tests.append(compared)
        }
        if tests.isEmpty {
            let isThere = problem.innerGradient != nil || problem.innerHyperGradient != nil
            return skip(
                "cross_product",
                withoutReference(
                    isThere && problem.innerGradient == nil ? "inner_hyper_gradient" : "inner_gradient",
                    isThere))
        }
        judge("cross_product", tests)
    }
}
