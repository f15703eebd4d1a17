/// The gradients of the losses: with differences of those, and two of them with one another.
extension CallbackCheck {
    mutating func checkOuterGradient() throws(HPMError) {
        guard problem.outerGradient != nil, !isWrong("outer_gradient") else { return }
        let (dw, dh) = try outerGradient(w, h)
        guard let outerLoss = problem.outerLoss, !isWrong("outer_loss") else {
            return skipUncompared("outer_gradient", with: "outer_loss", isThere: problem.outerLoss != nil)
        }
        let (w, h) = (w, h)
        let ofParameters = try test(
            "its part of w along a direction", of: dw, in: problem.parameters, at: w, loss: "outer_loss"
        ) { (w) throws(HPMError) in try outerLoss(w, h) }
        judge("outer_gradient", [ofParameters])
        let ofHyperparameters = try test(
            "its part of h along a direction", of: dh, in: problem.hyperparameters, at: h, loss: "outer_loss"
        ) { (h) throws(HPMError) in try outerLoss(w, h) }
        judge("outer_gradient", [ofHyperparameters])
    }

    mutating func checkInnerGradients() throws(HPMError) {
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

    private mutating func testInnerGradient() throws(HPMError) -> CallbackTest? {
        guard problem.innerGradient != nil, !isWrong("inner_gradient") else { return nil }
        guard let innerLoss = problem.innerLoss, !isWrong("inner_loss") else {
            skipUncompared("inner_gradient", with: "inner_loss", isThere: problem.innerLoss != nil)
            return nil
        }
        let h = h
        return try test(
            "it along a direction", of: try innerGradient(w, h), in: problem.parameters, at: w,
            loss: "inner_loss"
        ) { (w) throws(HPMError) in try innerLoss(w, h) }
    }

    private mutating func testInnerHyperGradient() throws(HPMError) -> CallbackTest? {
        guard problem.innerHyperGradient != nil, !isWrong("inner_hyper_gradient") else { return nil }
        guard let innerLoss = problem.innerLoss, !isWrong("inner_loss") else {
            skipUncompared("inner_hyper_gradient", with: "inner_loss", isThere: problem.innerLoss != nil)
            return nil
        }
        let w = w
        return try test(
            "it along a direction", of: try innerHyperGradient(w, h), in: problem.hyperparameters, at: h,
            loss: "inner_loss"
        ) { (h) throws(HPMError) in try innerLoss(w, h) }
    }

    /// A gradient along random directions beside differences of its loss.
    private func test<Space: VectorSpace>(
        _ what: String, of gradient: Space.Vector, in space: Space, at origin: Space.Vector, loss name: String,
        _ loss: (Space.Vector) throws(HPMError) -> Double
    ) throws(HPMError) -> CallbackTest {
        try test(what, with: .differences(of: name, isTrusted: true)) { (seed) throws(HPMError) in
            let v = try direction(in: space, seed)
            return try compared(
                observed: try space.dot(gradient, v),
                scale: try space.length(of: gradient) * space.length(of: v)
            ) { (part) throws(HPMError) in
                try difference(space, origin, v, part: part, loss)
            }
        }
    }

    /// u . d(df/dh)/dw v against v . d(df/dw)/dh u.
    private func testMixedDerivative() throws(HPMError) -> CallbackTest {
        try test(
            "differences of inner_hyper_gradient",
            with: .differences(of: "inner_gradient", isTrusted: false)
        ) { (seed) throws(HPMError) in
            let (v, u) = (try direction(seed), try hyperDirection(seed &+ 1))
            let hyper = try differenceOfInnerHyperGradient(along: v, times: u)
            var plain = try differenceOfInnerGradient(inHyperparametersAlong: u, times: v)
            plain.rounding += hyper.rounding
            return CallbackComparison(observed: hyper.value, expected: plain, scale: 0)
        }
    }

    func differenceOfInnerGradient(
        inHyperparametersAlong u: H.Vector, times v: P.Vector, part: Double = 1
    ) throws(HPMError) -> MeasuredNumber {
        let parameters = problem.parameters
        let size = try parameters.length(of: innerGradient(w, h)) * parameters.length(of: v)
        return try difference(problem.hyperparameters, h, u, part: part, size: size) { (h) throws(HPMError) in
            try parameters.dot(v, innerGradient(w, h))
        }
    }

    func differenceOfInnerHyperGradient(
        along v: P.Vector, times u: H.Vector, part: Double = 1
    ) throws(HPMError) -> MeasuredNumber {
        let hyperparameters = problem.hyperparameters
        let size = try hyperparameters.length(of: innerHyperGradient(w, h)) * hyperparameters.length(of: u)
        return try difference(problem.parameters, w, v, part: part, size: size) { (w) throws(HPMError) in
            try hyperparameters.dot(u, innerHyperGradient(w, h))
        }
    }
}
