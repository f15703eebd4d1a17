/// What a population knows of one of its students.
struct Student: Equatable, Sendable {
    /// Its hyperparameters now.
    var point: Point
    /// The hyperparameters of its latest training report, in natural units.
    var reported: [Double]
    /// The loss of that report, lower is better; infinite where it was not finite, nil before the
    /// first and after a clone or a restart, whose weights have not been judged yet.
    var loss: Double?
    /// Whether its first `next` was answered.
    var hasBegun = false
    /// How a teacher without evaluations of its own mutated it, until its next report.
    var mutation: TaughtMutation?
    /// What a score-function teacher drew for it, until the next exploit.
    var draw: MutationDraw?

    init(point: Point) {
        self.point = point
        reported = point.natural
    }
}

/// A mutation that the teacher made and has yet to learn from.
struct TaughtMutation: Equatable, Sendable {
    let parent: Point
    /// Which coordinates the teacher moved.
    let moved: [Bool]
}
