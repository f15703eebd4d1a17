extension Certificate {
    /// What happened and what to do, for an estimate that is not usable; nil for one that is.
    public var failure: String? {
        let residual = relativeResidual
        let curvature = smallestCurvature
        return switch status {
        case .converged, .iterationLimit: nil
        case .indefinite:
            "there is no estimate: a direction of negative curvature, \(curvature), was met, so that w is no minimum of the inner loss; train longer, or set estimator_damping above \(-curvature)"
        case .singular:
            "there is no estimate: a direction without curvature was met, so that the minimum is not unique; set estimator_damping above 0"
        case .nonfinite:
            "there is no estimate: a callback gave a number that is NaN or infinite, or left an output unwritten; hpm_problem_check says which"
        case .diverged:
            "there is no estimate: the linear solve ended with a relative residual of \(residual), too large for an estimate; set a larger estimator_damping or more estimator_iterations, or, for neumann, a smaller estimator_learning_rate"
        case .error: "there is no estimate: the call ended with an error"
        }
    }
}
