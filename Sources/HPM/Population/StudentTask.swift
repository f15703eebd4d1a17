/// What one student is to do.
struct StudentTask: Sendable {
    /// wait: nothing, until others have reported.
    var action: Action
    /// Whose weights are copied for a clone or an evaluation, and after which of its training reports; else the
    /// student itself.
    var source: Int
    var sourceReport = 0
    /// Of a clone.
    var clone: Clone?
    /// Of an evaluation.
    var evaluation: Evaluation?
    /// The number of the order that `next` gave; 0 before it did.
    var ticket = 0
    var isReported = false
    /// nil: 1.
    var reportedTrainingCost: Double?
    var hypergradientCost = 0.0
    /// What an evaluation reported, in the algorithm's coordinates.
    var gradient: [Double] = []

    init(_ action: Action, _ student: Int) {
        self.action = action
        source = student
    }

    init(_ clone: Clone, from checkpoint: Checkpoint) {
        action = .clone
        self.clone = clone
        source = checkpoint.student
        sourceReport = checkpoint.report
    }

    init(_ evaluation: Evaluation, from checkpoint: Checkpoint) {
        action = .evaluate
        self.evaluation = evaluation
        source = checkpoint.student
        sourceReport = checkpoint.report
    }

    var trainingCost: Double { reportedTrainingCost ?? 1 }
    /// Whether `next` has answered it and its report is to come.
    var isOut: Bool { ticket != 0 && !isReported }
    /// Whether its report is to come.
    var isOpen: Bool { action != .wait && !isReported }
    var checkpoint: Checkpoint { Checkpoint(student: source, report: sourceReport) }
}

/// An evaluation that anybody may make.
struct QueuedEvaluation: Sendable {
    let evaluation: Evaluation
    let checkpoint: Checkpoint
}
