/// The linear system (H + damping I) q = dF/dw by conjugate gradient, from q = 0.
///
/// Ends at the tolerance, after `iterations`, or where a direction shows that the system has no
/// positive definite matrix. On a quadratic of n parameters it ends in at most n iterations. One
/// Hessian product an iteration, 4 vectors of parameters.
///
/// Source: Hestenes and Stiefel, 'Methods of conjugate gradients for solving linear systems', 1952;
/// Pedregosa, 'Hyperparameter optimization with approximate gradient', ICML 2016.
public struct ConjugateGradient: Estimator {
    public static let name = "conjugate-gradient"
    public let iterations: Int
    public let tolerance: Double
    public let damping: Double

    public init(
        iterations: Int = 100, tolerance: Double = 1e-10, damping: Double = 0
    ) throws(HPMError) {
        try Settings.requireCount(iterations, "iterations")
        try Settings.requireTolerance(tolerance)
        try Settings.requireNonNegative(damping, "damping")
        self.iterations = iterations
        self.tolerance = tolerance
        self.damping = damping
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        let residual = try derivatives.makeParameters()
        let direction = try derivatives.makeParameters()
        let product = try derivatives.makeParameters()
        let q = try derivatives.makeParameters()
        try derivatives.outerGradient(w, h, residual, result)
        try space.copy(residual, to: direction)
        var squared = try space.dot(residual, residual)
        let size = squared.squareRoot()
        guard size.isFinite else {
            derivatives.certificate.status = .nonfinite
            return
        }
        derivatives.certificate.relativeResidual = size > 0 ? 1 : 0
        derivatives.certificate.status = size > 0 ? .iterationLimit : .converged
        var largest = 0.0
        while derivatives.certificate.status == .iterationLimit,
            derivatives.certificate.iterations < iterations
        {
            try derivatives.hessianProduct(w, h, direction, product)
            if damping > 0 { try space.add(damping, direction, to: product) }
            let length = try space.dot(direction, direction)
            let curvature = try space.dot(direction, product) / length
            let productSize = try space.norm(product)
            guard curvature.isFinite, productSize.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            derivatives.certificate.meet(curvature: curvature - damping)
            largest = max(largest, productSize / length.squareRoot())
            // What rounding can make of a curvature of 0.
            let rounding = 1e-14 * largest
            if curvature <= rounding {
                derivatives.certificate.status = curvature < -rounding ? .indefinite : .singular
                return
            }
            let step = squared / (curvature * length)
            try space.add(step, direction, to: q)
            try space.add(-step, product, to: residual)
            let next = try space.dot(residual, residual)
            derivatives.certificate.iterations += 1
            derivatives.certificate.relativeResidual = next.squareRoot() / size
            guard next.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            if next.squareRoot() <= tolerance * size {
                derivatives.certificate.status = .converged
                break
            }
            try space.scale(direction, by: next / squared, adding: residual)
            squared = next
        }
        try derivatives.subtractCrossProduct(w, h, q, from: result)
    }
}
