/// The linear system (H + damping I) q = dF/dw by conjugate gradient, from q = 0.
///
/// Ends at the tolerance, after `iterations`, or where a direction shows that the system has no
/// positive definite matrix. On a quadratic of n parameters it ends in at most n iterations. One
/// Hessian product an iteration and one for the residual, 4 vectors of parameters. The error falls at
/// each iteration, the residual need not: it can reach the root of the condition number. One above 100 is
/// no estimate.
///
/// Source: Hestenes and Stiefel, 'Methods of conjugate gradients for solving linear systems', 1952;
/// Pedregosa, 'Hyperparameter optimization with approximate gradient', ICML 2016.
public struct ConjugateGradient: Estimator {
    public static let name = "conjugate-gradient"
    static let largestResidual = 100.0
    public let iterations: Int
    public let tolerance: Double
    public let damping: Double

    public init(
        iterations: Int = 100, tolerance: Double = 1e-10, damping: Double = 0
    ) throws(HPMError) {
        try EstimatorSettings.requireCount(iterations, "iterations")
        try EstimatorSettings.requireTolerance(tolerance)
        try EstimatorSettings.requireNonNegative(damping, "damping")
        self.iterations = iterations
        self.tolerance = tolerance
        self.damping = damping
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
        let residual = try derivatives.makeParameters()
        guard let length = try derivatives.beginSolve(w, h, residual, into: result) else { return }
        let direction = try derivatives.makeCopy(of: residual)
        let product = try derivatives.makeParameters()
        let q = try derivatives.makeParameters()
        var squared = 1.0
        var largest = 0.0
        // Below its precision the recursion's residual means nothing.
        let enough = max(tolerance, space.precision)
        while derivatives.certificate.iterations < iterations, squared.squareRoot() > enough {
            try derivatives.hessianProduct(w, h, direction, product)
            if damping > 0 { try space.add(damping, direction, to: product) }
            let size = try space.dot(direction, direction)
            let curvature = try space.dot(direction, product) / size
            let stretch = try space.norm(product) / size.squareRoot()
            guard curvature.isFinite, stretch.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            derivatives.certificate.meet(curvature: curvature - damping)
            largest = max(largest, stretch)
            let rounding = derivatives.productRounding
            if curvature <= rounding * largest {
                // Of a semidefinite matrix, a direction without curvature has no product either.
                derivatives.certificate.status =
                    curvature >= -rounding * largest && stretch <= rounding.squareRoot() * largest
                    ? .singular : .indefinite
                return
            }
            let step = squared / (curvature * size)
            try space.add(step, direction, to: q)
            try space.add(-step, product, to: residual)
            let next = try space.dot(residual, residual)
            derivatives.certificate.iterations += 1
            guard next.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            try space.scale(direction, by: next / squared, adding: residual)
            squared = next
        }
        let left = try derivatives.residual(
            w, h, q, damping: damping, residual, product, into: result)
        try derivatives.finishSolve(
            w, h, q, length: length, residual: left, tolerance: tolerance,
            largestResidual: Self.largestResidual, into: result)
    }
}
