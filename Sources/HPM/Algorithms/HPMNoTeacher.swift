extension Algorithm {
    /// Hyper-training and truncation with random factors of 0.8 and 1.2 in place of the teacher: the ablation of
    /// the paper.
    public static let hpmNoTeacher = guided(
        "hpm-no-teacher", reads: Truncation.options + Descent.options + RandomMutation.options
    ) { setup, hasTeacher in
        [RandomMutation.factors(setup, guided: hasTeacher ? .none : .all), Descent(setup)]
    }
}
