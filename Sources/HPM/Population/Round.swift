/// A round of the synchronous schedule: one kind of action for some of the students. Its reports are
/// applied in student order when all are in.
struct Round: Equatable, Sendable {
    /// What one student is to do in the round.
    struct Task: Equatable, Sendable {
        let source: Int
        /// Of a clone, the student whose hyperparameters it takes; nil: the source.
        var parent: Int?
        /// Where an evaluation is made; elsewhere the student's own point.
        var point: Point?
        /// When `next` first answered it; nil also in a population that was loaded.
        var begun: Double?
        var isOut = false
        var isReported = false
        /// nil: 1.
        var reportedTrainingCost: Double?
        var trainingCost: Double { reportedTrainingCost ?? 1 }
        var hypergradientCost = 0.0
        /// What an evaluation reported, in the algorithm's coordinates.
        var gradient: [Double] = []
    }

    let action: Action
    /// nil: the student waits.
    var tasks: [Task?]
    var missing: Int

    init(_ action: Action, _ tasks: [Task?]) {
        self.action = action
        self.tasks = tasks
        missing = tasks.count { $0 != nil }
    }

    /// The same action for every student.
    static func all(_ action: Action, students: Int) -> Round {
        Round(action, (0..<students).map { Task(source: $0) })
    }
}
