/// The products with second derivatives: with differences of the gradients.
extension CallbackCheck {
    mutating func checkHessianProduct() throws(HPMError) {
        guard problem.hessianProduct != nil, !isWrong("hessian_product") else { return }
        let parameters = problem.parameters
        var tests = [
            try test("u.Hv", with: .symmetry) { (seed) throws(HPMError) in
                let (u, v) = (try direction(seed), try direction(seed &+ 1))
                let forward = try hessianProduct(v)
                return CallbackComparison(
                    observed: try parameters.dot(u, forward),
                    expected: MeasuredNumber(value: try parameters.dot(v, try hessianProduct(u))),
                    scale: try parameters.length(of: u) * parameters.length(of: forward))
            }
        ]
        if problem.innerGradient != nil, !isWrong("inner_gradient") {
            let reference = CallbackReference.differences(
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

    mutating func checkCrossProduct() throws(HPMError) {
        guard problem.crossProduct != nil, !isWrong("cross_product") else { return }
        let hyperparameters = problem.hyperparameters
        var tests: [CallbackTest] = []
        for callback in ["inner_gradient", "inner_hyper_gradient"] {
            let isOfW = callback == "inner_gradient"
            guard isOfW ? problem.innerGradient != nil : problem.innerHyperGradient != nil,
                !isWrong(callback)
            else { continue }
            let reference = CallbackReference.differences(of: callback, isTrusted: isRight(callback))
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
            return skipUncompared(
                "cross_product",
                with: isThere && problem.innerGradient == nil ? "inner_hyper_gradient" : "inner_gradient",
                isThere: isThere)
        }
        judge("cross_product", tests)
    }
}
