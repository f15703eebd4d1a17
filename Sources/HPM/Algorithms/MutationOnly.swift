extension Algorithm {
    /// The attention teacher without hyper-training.
    public static let mutationOnly = guided(
        "mutation-only", teacher: .attention, reads: Truncation.options + RandomMutation.options
    ) { setup, hasTeacher in
        [RandomMutation.factors(setup, guided: hasTeacher ? .none : .all)]
    }
}
