extension Algorithm {
    /// Sub-populations that evolve at different frequencies, with factors of 0.8 and 1.2.
    ///
    /// Source: Doulazmi et al., 2025: ``SubPopulations``.
    public static let mfPBT = guided(
        "mf-pbt", reads: SubPopulationSelection.options + RandomMutation.options,
        check: { setup throws(HPMError) in try SubPopulationSelection.check(setup) },
        selection: { SubPopulationSelection($0) }
    ) { setup, hasTeacher in
        [RandomMutation.factors(setup, guided: hasTeacher ? .none : .all)]
    }
}
