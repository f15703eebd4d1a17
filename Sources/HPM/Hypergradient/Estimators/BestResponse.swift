/// The derivative of the outer loss at parameters that carry their best response to the hyperparameters,
/// as those of self-tuning networks do: w are the parameters of a response w(h), and the outer loss goes
/// through it,
///
///     F(w, h) = G(w(h), h),   dF/dh = partial dF/dh at fixed w
///
/// Exact where w(h) is the best response. Nothing is solved, so no certificate measures how far it is
/// from that. One outer gradient, whose dF/dw is looked at for NaN alone: one vector of parameters.
///
/// Source: MacKay, Vicol, Lorraine, Duvenaud and Grosse, 'Self-Tuning Networks: Bilevel Optimization of
/// Hyperparameters using Structured Best-Response Functions', ICLR 2019 (arXiv 1903.03088), equation 2
/// at a fitted response.
public struct BestResponse: Estimator {
    public static let name = "best-response"

    public init() {}

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireOuterGradient()
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let gradient = try derivatives.makeParameters()
        try derivatives.outerGradient(w, h, gradient, result)
        // A NaN that no hyperparameter reaches is a NaN all the same.
        guard try derivatives.problem.parameters.isFinite(gradient) else {
            derivatives.certificate.status = .nonfinite
            return
        }
    }
}
