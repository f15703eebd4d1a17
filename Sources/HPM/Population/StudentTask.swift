/// What one student is to do.
struct StudentTask: Sendable {
    /// wait: nothing, until others have reported.
    var action: Action
    /// Whose weights are copied for a clone or an evaluation, and after which of its training reports; else the
    /// student itself.
    var source: Int
    var sourceReport = 0
    /// Of a clone or an evaluation. Behind a reference, since most tasks are training and are looked at often.
    private var detail: Detail?
    /// The number of the order that `next` gave; 0 before it did.
    var ticket = 0
    var isReported = false
    /// nil: 1.
    var reportedTrainingCost: Double?
    var hypergradientCost = 0.0

    private final class Detail: Sendable {
        let clone: Clone?
        let evaluation: Evaluation?
        let gradient: [Double]

        init(clone: Clone? = nil, evaluation: Evaluation? = nil, gradient: [Double] = []) {
            self.clone = clone
            self.evaluation = evaluation
            self.gradient = gradient
        }
    }

    var clone: Clone? {
        get { detail?.clone }
        set { detail = newValue.map { Detail(clone: $0) } }
    }

    var evaluation: Evaluation? {
        get { detail?.evaluation }
        set { detail = newValue.map { Detail(evaluation: $0) } }
    }

    /// What an evaluation reported, in the algorithm's coordinates; empty before.
    var gradient: [Double] {
        get { detail?.gradient ?? [] }
        set { if !newValue.isEmpty { detail = Detail(evaluation: detail?.evaluation, gradient: newValue) } }
    }

    init(_ action: Action, _ student: Int) {
        self.action = action
        source = student
    }

    init(_ clone: Clone, from checkpoint: Checkpoint) {
        action = .clone
        detail = Detail(clone: clone)
        source = checkpoint.student
        sourceReport = checkpoint.report
    }

    init(_ evaluation: Evaluation, from checkpoint: Checkpoint) {
        action = .evaluate
        detail = Detail(evaluation: evaluation)
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
