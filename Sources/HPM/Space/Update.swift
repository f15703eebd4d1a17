/// Who may move a hyperparameter. The raw values are the C interface's `hpm_update`.
public enum Update: Int32, CaseIterable, Sendable {
    /// The algorithm decides.
    case automatic = 0
    /// Mutation alone.
    case mutate = 1
    /// Hyper-training alone, along the hypergradient.
    case hypergradient = 2
    case both = 3
    /// Nobody: it keeps its starting value.
    case fixed = 4

    var allowsMutation: Bool { self != .hypergradient && self != .fixed }
    var allowsHypergradient: Bool { self != .mutate && self != .fixed }
}
