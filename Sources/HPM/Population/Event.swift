/// Something that happened in a population.
public struct Event: Sendable {
    /// The raw values are the bits of the C interface's `hpm_event`.
    public enum Kind: UInt32, CaseIterable, Sendable {
        /// A student reported on training.
        case trained = 1
        /// A hyper-step moved a student.
        case moved = 2
        /// A student is to become a clone: its hyperparameters are its parent's from here on.
        case cloned = 4
        /// A clone was mutated.
        case mutated = 8
        /// A student's copy was evaluated.
        case evaluated = 16
        /// A teacher or a policy learned.
        case taught = 32
        /// A student begins a new trial.
        case restarted = 64
        /// The population was asked to stop, or a student is done.
        case stopped = 128
    }

    /// Kinds of events that are asked for.
    public struct Kinds: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public init(_ kinds: Kind...) { rawValue = kinds.reduce(0) { $0 | $1.rawValue } }

        public static let all = Kinds(rawValue: Kind.allCases.reduce(0) { $0 | $1.rawValue })

        public func contains(_ kind: Kind) -> Bool { rawValue & kind.rawValue != 0 }
    }

    /// A hyperparameter that became other, in natural units.
    public struct Change: Equatable, Sendable {
        public let index: Int
        public let from: Double
        public let to: Double
    }

    public let kind: Kind
    /// Whom it happened to.
    public let student: Int
    /// The training reports that the student had made.
    public let report: Int
    /// Of a clone and an evaluation the student whose weights are copied, else the student itself.
    public internal(set) var source: Int
    /// Of a clone the student whose hyperparameters it takes, else the student itself.
    public internal(set) var parent: Int
    /// Of a clone, its own and its source's place in the ranking, from 0, the best; else 0.
    public internal(set) var rank = 0
    public internal(set) var sourceRank = 0
    /// As it was reported, of a training report and an evaluation; else NaN.
    public internal(set) var loss = Double.nan
    /// What it cost, of a training report and an evaluation; else 0.
    public internal(set) var trainingCost = 0.0
    public internal(set) var hypergradientCost = 0.0
    /// Which part of the algorithm moved the student or learned.
    public internal(set) var part: StaticString?
    /// What became other, of a move and a mutation, ascending by index.
    public internal(set) var changes: [Change] = []

    init(_ kind: Kind, student: Int, report: Int) {
        self.kind = kind
        self.student = student
        self.report = report
        source = student
        parent = student
    }
}

/// The events that were asked for and not yet taken. No part of a population's state.
struct EventJournal: Sendable {
    var kinds = Event.Kinds()
    private(set) var events: [Event] = []

    mutating func append(_ event: Event) {
        if kinds.contains(event.kind) { events.append(event) }
    }

    mutating func take() -> [Event] {
        if events.isEmpty { return [] }
        defer { events = [] }
        return events
    }
}
