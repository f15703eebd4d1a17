/// An algorithm at work: what it has learned from the reports so far, and what it decides.
///
/// A strategy never knows who waits for whom. It is told of reports in cohorts: under the synchronous schedule
/// all living students at once, in student order, under the asynchronous one a single student as its report
/// arrives. Equal cohorts lead to equal decisions to the bit.
///
/// The life of a student, as a strategy sees it:
///
///     trained -> plan -> (clone) -> cloned -> (evaluations -> evaluated) -> mutate -> trained ...
///                     -> (restart) -> trained ...
protocol Strategy: Sendable {
    /// Checks a training report before anything is changed.
    ///
    /// - Throws: `argument` where the algorithm can't do with it.
    func check(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?,
        _ students: Students) throws(HPMError)

    /// Learns from training reports and moves the students that made them.
    mutating func trained(_ cohort: [Int], _ students: inout Students)

    /// Decides what becomes of students that have just trained; those that no decision names train on.
    mutating func plan(_ cohort: [Int], _ students: inout Students) -> [Decision]

    /// Takes over what becomes of a clone's parts: its hyperparameters are its parent's already.
    mutating func becameClone(_ clone: Clone, _ students: Students)

    /// Clones have their weights; answers the evaluations that are to be made before they are mutated, or, where
    /// nobody waits, meanwhile.
    ///
    /// - Parameter affordable: How many of a number of evaluations the budget allows.
    mutating func cloned(
        _ clones: [Clone], _ students: inout Students, affordable: (Int) -> Int
    ) -> [Evaluation]

    mutating func evaluated(_ answers: [Answer], _ students: inout Students)

    mutating func mutate(_ clones: [Clone], _ students: inout Students)

    /// Makes room for students that have joined.
    mutating func grow(_ students: inout Students)

    /// The best known point, also one that no student holds any more; nil before there is one.
    func best(_ students: Students) -> KnownReport?

    /// Whether a student's weights train on for the whole run, clones included, and what it learns of hyperparameters
    /// is not undone where they are taken down at the end.
    var coolsDown: Bool { get }

    /// Whether bounds may change while it is at work: it remembers no points but those where students are.
    var allowsOtherBounds: Bool { get }

    /// The actions beside training that it can ask for.
    func actions(students: Int) -> Set<Action>

    func encode(into encoder: inout SnapshotEncoder)
    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError)
}

/// What a strategy decides of one student.
enum Decision: Sendable {
    case clone(Clone)
    /// A new trial at a point.
    case restart(Int, at: Point)
}

/// A student that becomes a clone.
struct Clone: Equatable, Sendable {
    let student: Int
    /// Whose weights it takes.
    var source: Int
    /// Whose hyperparameters it takes; the source, but for a migrant from a faster sub-population.
    var parent: Int
    var isMutated = true
    /// Whether it has joined and trained nothing yet.
    var isJoining = false
    /// Its place and its source's in the ranking that decided, from 0, the best.
    var rank = 0
    var sourceRank = 0
}

/// A call that a strategy asks for: loss and hypergradient at a point, on a copy of a student.
struct Evaluation: Sendable {
    let student: Int
    let point: Point
    /// What the point is a mutation of, and which coordinates were moved.
    let mutation: TaughtMutation
}

/// What an evaluation reported.
struct Answer: Sendable {
    let evaluation: Evaluation
    /// In the algorithm's coordinates; NaN: no derivative.
    let gradient: [Double]
}

/// A training report: where it was made and its loss, lower is better.
struct KnownReport: Equatable, Sendable {
    let hyperparameters: [Double]
    let loss: Double
}

extension Strategy {
    func check(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?,
        _ students: Students
    ) throws(HPMError) {}
    mutating func becameClone(_ clone: Clone, _ students: Students) {}
    mutating func cloned(
        _ clones: [Clone], _ students: inout Students, affordable: (Int) -> Int
    ) -> [Evaluation] { [] }
    mutating func evaluated(_ answers: [Answer], _ students: inout Students) {}
    mutating func mutate(_ clones: [Clone], _ students: inout Students) {}
    func best(_ students: Students) -> KnownReport? { students.bestReport }
    var allowsOtherBounds: Bool { false }
}

extension Students {
    /// The latest report of the best student.
    var bestReport: KnownReport? {
        best.map { KnownReport(hyperparameters: reportedHyperparameters($0), loss: loss($0)) }
    }
}
