extension Algorithm {
    /// Bayesian optimisation: values of each trial proposed by a Gaussian process with expected improvement.
    public static let bayesian = Algorithm(
        name: "bayesian",
        memory: { [(BayesianTrials.capacity + BayesianTrials.proposals, $0.dimension, 16)] },
        options: { _ in Trials.options },
        makeStrategy: { setup, _ in Trials(setup, proposals: BayesianTrials(setup)) })
}
