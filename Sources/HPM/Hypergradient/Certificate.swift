/// What an estimator says of its own result. It comes with every hypergradient.
public struct Certificate: Equatable, Sendable {
    /// How an estimate ended. The raw values are the C interface's.
    public enum Status: Int32, CaseIterable, Sendable {
        /// The linear system was solved to the tolerance, or the method solves none and ran to its end.
        case converged = 0
        /// The tolerance was not reached, for want of iterations or of precision: an estimate with the
        /// residual that is given, which is 1 or less.
        case iterationLimit = 1
        /// A direction of negative curvature was met: there is no minimum to differentiate.
        case indefinite = 2
        /// A direction without curvature was met: the minimum is not unique.
        case singular = 3
        /// A callback gave a number that is NaN or infinite.
        case nonfinite = 4
        /// A linear solve ended with a relative residual above 1, which is worse than no solve: the Neumann
        /// series' step is longer than 2 / the largest curvature, or curvature lies outside of Nystrom's
        /// sketch. Or conjugate gradient, whose error falls while its residual may grow, ended with one above
        /// 100: the Hessian is nearly singular.
        case diverged = 5
        /// The call ended with an error before there was anything to say.
        case error = 6

        /// Whether the result can be used. Where it can't, every component of it is NaN.
        public var isUsable: Bool { self == .converged || self == .iterationLimit }
    }

    public var status = Status.converged
    /// Of the linear solve, or steps that were unrolled, or samples; 0 of ``BestResponse``.
    public var iterations = 0
    /// |g - (H + damping) q| / |g|, computed anew from q; NaN where the method solves no linear system.
    public var relativeResidual = Double.nan
    /// The smallest v.Hv / v.v met; NaN where there was none.
    public var smallestCurvature = Double.nan
    public var calls = CallbackCounts()
    /// Vectors that were allocated, parameters and hyperparameters.
    public var parameterVectors = 0
    public var hyperparameterVectors = 0
    public var seconds = 0.0

    public init(status: Status = .converged) { self.status = status }

    mutating func meet(curvature: Double) {
        if !(curvature >= smallestCurvature) { smallestCurvature = curvature }
    }
}

/// Callbacks made, by kind; a product that is made by differences counts as the gradients it takes.
public struct CallbackCounts: Equatable, Sendable {
    public var outerLosses = 0
    public var outerGradients = 0
    public var innerGradients = 0
    public var innerHyperGradients = 0
    public var hessianProducts = 0
    public var crossProducts = 0
    public var steps = 0
    public var stepProducts = 0
}
