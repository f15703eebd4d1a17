/// Everything that changes a population from outside. A population is a function of its space, its options and
/// its inputs in order.
public enum Input {
    /// A student's task is begun: what ``Population/next(_:)-(Int)`` answers first.
    case begin(student: Int, Beginning)
    /// - ticket: Of the task that is reported on.
    case report(student: Int, ticket: Int, loss: Double, hypergradient: UnsafeBufferPointer<Double>?)
    case cost(student: Int, training: Double, hypergradient: Double)
    case start(student: Int, UnsafeBufferPointer<Double>)
    case stop
    case release(student: Int)
    case retire(student: Int)
    case grow(count: Int, Origin)
    case steps(Int)
    /// The same space with other bounds.
    case bounds(SearchSpace)

    /// The task that a student begins: a log that is replayed elsewhere shows where it differs.
    public struct Beginning: Equatable, Sendable {
        public let action: Action
        public let source: Int
        public let ticket: Int
    }

    /// Where students that join come from. The raw values are the C interface's `hpm_origin`.
    public enum Origin: Int32, CaseIterable, Sendable {
        /// Hyperparameters drawn as at the start, weights of their own.
        case drawn = 0
        /// Clones of the best.
        case clone = 1
    }
}
