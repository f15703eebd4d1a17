/// The estimators by name. The raw values are those of the option `estimator`.
public enum EstimatorKind: String, CaseIterable, Sendable {
    case conjugateGradient = "conjugate-gradient"
    case neumann
    case nystrom
    case oneStep = "one-step"
    case reverse
    case forward
    case finiteDifferences = "finite-differences"
    case spsa
    case bestResponse = "best-response"
}

extension ResolvedOptions {
    /// The estimator that the options describe.
    ///
    /// - Throws: `argument` for a setting that the estimator does not allow.
    public func makeEstimator() throws(HPMError) -> any Estimator {
        let iterations = estimatorIterations
        switch estimator {
        case .conjugateGradient:
            return try ConjugateGradient(
                iterations: iterations, tolerance: estimatorTolerance,
                damping: estimatorDamping)
        case .neumann:
            return try NeumannSeries(
                learningRate: estimatorLearningRate, terms: iterations,
                tolerance: estimatorTolerance)
        case .nystrom:
            return try Nystrom(
                rank: iterations, damping: estimatorDamping,
                tolerance: estimatorTolerance, seed: UInt64(seed))
        case .oneStep:
            return try OneStep(learningRate: estimatorLearningRate)
        case .reverse:
            return try ReverseMode(
                steps: iterations, checkpoints: estimatorCheckpoints == 0 ? nil : estimatorCheckpoints)
        case .forward:
            return try ForwardMode(steps: iterations)
        case .finiteDifferences:
            return try FiniteDifferences(step: estimatorStep)
        case .spsa:
            return try SimultaneousPerturbation(
                step: estimatorStep, samples: iterations, seed: UInt64(seed))
        case .bestResponse:
            return BestResponse()
        }
    }
}
