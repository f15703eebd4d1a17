extension Algorithm {
    /// Mutations drawn from policies that a score function trains.
    ///
    /// Source: after Chen et al., 2018: ``MutationPolicy``.
    public static let reinforced = guided(
        "reinforced", mutationScale: 0.1, reads: Truncation.options + MutationPolicy.options
    ) { setup, hasTeacher in
        [MutationPolicy(setup, guided: hasTeacher ? .none : .all)]
    }
}
