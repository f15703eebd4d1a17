extension Algorithm {
    /// Population-based training: truncation, each coordinate drawn anew with probability 0.25, else multiplied by
    /// 0.8 or 1.2.
    ///
    /// Source: Jaderberg et al., 'Population Based Training of Neural Networks', 2017.
    public static let pbt = guided(
        "pbt", reads: Truncation.options + RandomMutation.options
    ) { setup, hasTeacher in
        [RandomMutation.factors(setup, resampling: 0.25, guided: hasTeacher ? .none : .all)]
    }
}
