/// The inverse Hessian as a Neumann series, cut after `terms`:
///
///     q = a sum_i (I - a H)^i dF/dw,  i = 0 ..< terms,  a = learningRate
///
/// Converges where a is below 2 / the largest curvature; the error falls as the spectral radius of
/// I - a H to the power of the terms. One Hessian product a term, 3 vectors of parameters.
///
/// Source: Lorraine, Vicol and Duvenaud, 'Optimizing millions of hyperparameters by implicit
/// differentiation', AISTATS 2020, algorithm 3.
public struct NeumannSeries: Estimator {
    public static let name = "neumann"
    public let learningRate: Double
    public let terms: Int
    public let tolerance: Double

    public init(learningRate: Double, terms: Int = 20, tolerance: Double = 1e-10) throws(HPMError) {
        try Settings.requirePositive(learningRate, "learning_rate")
        try Settings.requireCount(terms, "iterations")
        try Settings.requireTolerance(tolerance)
        self.learningRate = learningRate
        self.terms = terms
        self.tolerance = tolerance
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        // The residual of the sum so far: (I - a H)^i dF/dw.
        let residual = try derivatives.makeParameters()
        let q = try derivatives.makeParameters()
        let product = try derivatives.makeParameters()
        try derivatives.outerGradient(w, h, residual, result)
        let size = try space.norm(residual)
        derivatives.certificate.relativeResidual = size > 0 ? 1 : 0
        derivatives.certificate.status = size > 0 ? .iterationLimit : .converged
        guard size.isFinite else {
            derivatives.certificate.status = .nonfinite
            return
        }
        guard size > 0 else { return }
        var squared = size * size
        for _ in 0..<terms {
            try space.add(learningRate, residual, to: q)
            try derivatives.hessianProduct(w, h, residual, product)
            derivatives.certificate.meet(curvature: try space.dot(residual, product) / squared)
            try space.add(-learningRate, product, to: residual)
            squared = try space.dot(residual, residual)
            derivatives.certificate.iterations += 1
            derivatives.certificate.relativeResidual = squared.squareRoot() / size
            guard squared.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            if squared.squareRoot() <= tolerance * size {
                derivatives.certificate.status = .converged
                break
            }
        }
        if derivatives.certificate.relativeResidual > 1 {
            derivatives.certificate.status =
                derivatives.certificate.smallestCurvature < 0 ? .indefinite : .diverged
            return
        }
        try derivatives.subtractCrossProduct(w, h, q, from: result)
    }
}
