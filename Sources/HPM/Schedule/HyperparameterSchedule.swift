/// The hyperparameters that trained a student's weights, report by report, followed through its clones: what a run
/// finds beside a model. Another model is trained by it without a population:
///
///     for step in 0..<schedule.count { train(model, schedule[step].hyperparameters) }
///
/// - Complexity: O(steps x dimension) in memory.
public struct HyperparameterSchedule: Equatable, Sendable {
    /// One interval of training.
    public struct Step: Equatable, Sendable {
        /// Whose training report it was, and which of them.
        public let ancestor: Lineage.Ancestor
        /// As it was reported.
        public let loss: Double
        /// In natural units, as the student trained with them: learning rates after their cool-down.
        public let hyperparameters: [Double]

        public init(ancestor: Lineage.Ancestor, loss: Double, hyperparameters: [Double]) {
            self.ancestor = ancestor
            self.loss = loss
            self.hyperparameters = hyperparameters
        }
    }

    public let space: SearchSpace
    public let steps: [Step]

    public init(space: SearchSpace, steps: [Step]) {
        self.space = space
        self.steps = steps
    }

    public var count: Int { steps.count }

    /// - Parameter step: From 0, below ``count``; anything else is a programming error.
    public subscript(step: Int) -> Step { steps[step] }
}
