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
    /// Where a teacher without evaluations of its own mutated it from, until its next report.
    var mutatedFrom: Point?

    init(point: Point) {
        self.point = point
        reported = point.natural
    }
}
