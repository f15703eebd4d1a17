/// What an estimator needs of a problem, each an error that names what is missing.
extension BilevelProblem {
    /// - Parameters:
    ///   - purpose: What the callback would be for, as the sentence goes on.
    ///   - need: Who needs it, or what would do instead.
    static func missing(_ callback: String, for purpose: String = "", _ need: String) -> HPMError {
        HPMError(
            .unsupported, "the problem has no callback \(callback)\(purpose); \(need)",
            missingCallback: callback)
    }

    func requireOuterGradient() throws(HPMError) {
        guard outerGradient == nil else { return }
        throw Self.missing(
            "outer_gradient", "every estimator but finite differences and SPSA needs it")
    }

    func requireHessianProduct() throws(HPMError) {
        guard hessianProduct == nil, innerGradient == nil else { return }
        throw Self.missing(
            "inner_gradient", for: " to make Hessian products of by differences", "set it, or hessian_product")
    }

    func requireCrossProduct() throws(HPMError) {
        guard crossProduct == nil, innerHyperGradient == nil else { return }
        throw Self.missing(
            "cross_product", for: ", and no inner_hyper_gradient to make it by differences", "set one of them")
    }

    func requireStep() throws(HPMError) {
        guard step == nil else { return }
        throw Self.missing("step", "reverse and forward mode need it")
    }

    func requireStepBackward() throws(HPMError) {
        guard stepBackward == nil else { return }
        throw Self.missing("step_backward", "reverse mode needs it; differences can't make it")
    }

    func requireResponse() throws(HPMError) {
        guard response == nil else { return }
        throw Self.missing("response", "finite differences and SPSA need it")
    }

    /// Those of the implicit function theorem.
    func requireProducts() throws(HPMError) {
        try requireOuterGradient()
        try requireHessianProduct()
        try requireCrossProduct()
    }

    /// Unit vectors of all hyperparameters.
    func requireUnits(_ what: String) throws(HPMError) {
        _ = try EstimatorSettings.requireDimension(hyperparameters.dimension, what)
        try hyperparameters.require(.unit)
    }
}
