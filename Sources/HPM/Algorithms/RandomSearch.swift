extension Algorithm {
    /// Random search: values drawn anew for each trial.
    public static let random = Algorithm(
        name: "random", options: { _ in Trials.options },
        makeStrategy: { setup, _ in Trials(setup, proposals: DrawnTrials()) })
}
