extension Algorithm {
    /// Each student alone descends its hypergradient: from random starts, gradient-based hyperparameter
    /// optimisation with random restarts.
    public static let hypergradient = Algorithm(
        name: "hypergradient", options: { _ in Descent.options },
        makeStrategy: { setup, _ in
            GuidedPopulation(setup, selection: NoSelection(), parts: [Descent(setup)])
        })
}
