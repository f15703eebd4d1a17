extension Algorithm {
    /// The form of the paper: an attention teacher that is trained on the worse half of the population, in natural
    /// coordinates with SGD; what no hypergradient guides is multiplied by 0.8 or 1.2. Which of it the paper says
    /// and which is this library's: docs/algorithms.md.
    ///
    /// Source: Tao et al., 'Learning to Mutate with Hypergradient Guided Population', NeurIPS 2020.
    public static let hpmPaper = guided(
        "hpm-paper", optimizer: .sgd, teacher: .attention, coordinates: .natural,
        reads: Truncation.options + Descent.options + RandomMutation.options
    ) { setup, hasTeacher in
        [RandomMutation.factors(setup, guided: hasTeacher ? .none : .all), Descent(setup)]
    }
}
