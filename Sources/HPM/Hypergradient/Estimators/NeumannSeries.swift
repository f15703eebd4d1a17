/// The inverse Hessian as a Neumann series, cut after `terms`:
///
///     q = a sum_i (I - a H)^i dF/dw,  i = 0 ..< terms,  a = learningRate
///
/// Converges where a is below 2 / the largest curvature; the error falls as the spectral radius of
/// I - a H to the power of the terms. One Hessian product a term and one for the residual, 3 vectors of
/// parameters.
///
/// Source: Lorraine, Vicol and Duvenaud, 'Optimizing millions of hyperparameters by implicit
/// differentiation', AISTATS 2020, algorithm 3.
public struct NeumannSeries: Estimator {
    public static let name = "neumann"
    public let learningRate: Double
    public let terms: Int
    public let tolerance: Double

    public init(learningRate: Double, terms: Int = 20, tolerance: Double = 1e-10) throws(HPMError) {
        try EstimatorSettings.requirePositive(learningRate, "learning_rate")
        try EstimatorSettings.requireCount(terms, "iterations")
        try EstimatorSettings.requireTolerance(tolerance)
        self.learningRate = learningRate
        self.terms = terms
        self.tolerance = tolerance
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireProducts()
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        // The residual of the sum so far: (I - a H)^i g.
        let residual = try derivatives.makeParameters()
        guard let length = try derivatives.beginSolve(w, h, residual, into: result) else { return }
        let q = try derivatives.makeParameters()
        let product = try derivatives.makeParameters()
        var squared = 1.0
        var largest = 0.0
        while derivatives.certificate.iterations < terms {
            try space.add(learningRate, residual, to: q)
            try derivatives.hessianProduct(w, h, residual, product)
            let curvature = try space.dot(residual, product) / squared
            largest = max(largest, try space.norm(product) / squared.squareRoot())
            guard curvature.isFinite, largest.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            derivatives.certificate.meet(curvature: curvature)
            derivatives.certificate.iterations += 1
            if curvature < -derivatives.productRounding * largest {
                derivatives.certificate.status = .indefinite
                return
            }
            try space.add(-learningRate, product, to: residual)
            squared = try space.dot(residual, residual)
            // Beyond this it will not come back, and would overflow in the end.
            if squared.squareRoot() > 1e8 { break }
            if squared.squareRoot() <= tolerance { break }
        }
        guard squared <= 1 else {
            derivatives.certificate.relativeResidual = squared.squareRoot()
            derivatives.certificate.status = .diverged
            return
        }
        let left = try derivatives.residual(w, h, q, damping: 0, residual, product, into: result)
        try derivatives.finishSolve(
            w, h, q, length: length, residual: left, tolerance: tolerance, into: result)
    }
}
