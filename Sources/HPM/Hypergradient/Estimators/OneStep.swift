/// One step of gradient descent of length `learningRate` is taken for all of training: T1-T2.
///
///     q = learningRate dF/dw
///
/// Exact for the last step alone; biased towards what acts at once. One cross product.
///
/// Source: Luketina, Berglund, Greff and Raiko, 'Scalable gradient-based tuning of continuous
/// regularization hyperparameters', ICML 2016, section 3.
public struct OneStep: Estimator {
    public static let name = "one-step"
    public let learningRate: Double

    public init(learningRate: Double) throws(HPMError) {
        try EstimatorSettings.requirePositive(learningRate, "learning_rate")
        self.learningRate = learningRate
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireOuterGradient()
        try problem.requireCrossProduct()
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let q = try derivatives.makeParameters()
        guard let length = try derivatives.beginSolve(w, h, q, into: result) else {
            derivatives.certificate.relativeResidual = .nan
            return
        }
        try derivatives.subtractCrossProduct(w, h, q, times: learningRate * length, from: result)
        derivatives.certificate.iterations = 1
    }
}
