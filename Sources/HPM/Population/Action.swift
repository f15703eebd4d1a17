/// What a student is to do next. The raw values are the C interface's `hpm_action`.
public enum Action: Int32, CaseIterable, Sendable {
    /// Train one interval with the hyperparameters; report the validation loss and, if possible, the
    /// hypergradient.
    case train = 0
    /// Copy the weights and the optimizer state of the source; report (the loss is ignored).
    case clone = 1
    /// Loss and hypergradient at the hyperparameters, on a copy that is thrown away; report.
    case evaluate = 2
    /// A new trial: initialise the weights anew; report (the loss is ignored).
    case restart = 3
    /// Nothing to do until others report.
    case wait = 4
    /// Done.
    case stop = 5
}

/// What ``Population/next(_:)`` answers.
public struct Assignment: Equatable, Sendable {
    public let action: Action
    /// The student to copy for a clone, else the student itself.
    public let source: Int
    /// In natural units.
    public let hyperparameters: [Double]
    /// The number of the order, for ``Population/report(_:ticket:loss:hypergradient:)``; 0 for wait and stop.
    public let ticket: Int

    public init(action: Action, source: Int, hyperparameters: [Double], ticket: Int) {
        self.action = action
        self.source = source
        self.hyperparameters = hyperparameters
        self.ticket = ticket
    }
}
