extension Algorithm {
    /// Population-based bandits: a clone's values are chosen by a Gaussian-process bandit.
    ///
    /// Source: Parker-Holder, Nguyen and Roberts, NeurIPS 2020: ``PopulationBandit``.
    public static let pb2 = guided(
        "pb2", reads: Truncation.options + PopulationBandit.options,
        memory: { [(PopulationBandit.capacity + PopulationBandit.choices, $0.dimension, 16)] }
    ) { setup, hasTeacher in
        [PopulationBandit(setup, guided: hasTeacher ? .none : .all)]
    }
}
