extension Algorithm {
    /// The default: the parts of HPM in the form that measures best. Hypergradients pooled over the population,
    /// truncation that replaces only what is strictly worse, a Gaussian mutation in latent coordinates. Where no
    /// report ever held a hypergradient, the mutation is that of `pbt`.
    ///
    /// Source of the form: Tao et al., 'Learning to Mutate with Hypergradient Guided Population', NeurIPS 2020.
    public static let hpm = guided(
        "hpm", mutationScale: 0.1,
        reads: Truncation.options + Descent.options + RandomMutation.options,
        selection: { Truncation($0, isStrict: true) }
    ) { setup, hasTeacher in
        [
            MutationByGuidance(
                guided: .gaussian(setup, choiceProbability: 0.1, guided: hasTeacher ? .none : .all),
                // That of `pbt`.
                unguided: .factors(
                    setup, scale: min(2 * setup.options.mutationScale, 0.5), resampling: 0.25,
                    guided: hasTeacher ? .none : .all)),
            setup.options.hyperOptimizer == .adam ? PooledDescent(setup) : Descent(setup),
        ]
    }
}
