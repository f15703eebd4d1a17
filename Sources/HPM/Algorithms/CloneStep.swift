extension Algorithm {
    /// One more hypergradient step of the clone in place of the teacher; what no hypergradient guides is multiplied
    /// by 0.8 or 1.2.
    public static let cloneStep = guided(
        "clone-step", reads: Truncation.options + Descent.options + RandomMutation.options
    ) { setup, hasTeacher in
        [
            RandomMutation.factors(setup, guided: hasTeacher ? .none : .whereAskedFor),
            Descent(setup, stepsClones: !hasTeacher),
        ]
    }
}
