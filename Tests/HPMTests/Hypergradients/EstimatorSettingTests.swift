import Testing
@testable import HPM

extension Hypergradients {
    /// Settings that are not allowed name themselves, the value and what is allowed.
    @Suite struct EstimatorSettingTests {
        private func expectArgument(
            _ name: String, _ make: () throws -> any Estimator,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(sourceLocation: sourceLocation) {
                _ = try make()
            } throws: { error in
                let error = error as? HPMError
                return error?.code == .argument && error!.message.contains(name)
                    && error!.message.contains("allowed")
            }
        }

        /// A step of 0 would make every product by differences a zero.
        @Test func badDifferenceSteps() throws {
            let quadratic = QuadraticProblem([1, 2], seed: 1)
            var problem = quadratic.problem
            problem.crossProduct = nil
            for step in [0, -1, Double.nan, .infinity] {
                let outcome = try problem.outcome(
                    try OneStep(learningRate: 0.1), at: quadratic.place, quadratic.hyperplace,
                    differenceStep: step)
                #expect(outcome.error?.code == .argument && outcome.isAllNaN)
                #expect(outcome.error?.message.contains("difference_step") == true)
            }
        }

        /// A rank whose inner system no machine holds, where the vectors' dimension does not bound it.
        @Test func hugeRank() throws {
            let quadratic = QuadraticProblem([1, 2], seed: 1)
            let (parameters, hyperparameters) = (
                TrackedVectorSpace(count: 2, knowsDimension: false),
                TrackedVectorSpace(count: 2, knowsDimension: false)
            )
            for rank in [1 << 30, 1 << 40] {
                let outcome = try quadratic.problem.outcome(
                    try Nystrom(rank: rank, damping: 1), at: quadratic.place, quadratic.hyperplace,
                    parameters, hyperparameters)
                #expect(outcome.error?.code == .memory && outcome.isAllNaN)
            }
        }

        @Test func badCounts() {
            for count in [0, -1, Int.min] {
                expectArgument("iterations") { try ConjugateGradient(iterations: count) }
                expectArgument("iterations") { try NeumannSeries(learningRate: 1, terms: count) }
                expectArgument("rank") { try Nystrom(rank: count, damping: 1) }
                expectArgument("steps") { try ReverseMode(steps: count) }
                expectArgument("checkpoints") { try ReverseMode(steps: 3, checkpoints: count) }
                expectArgument("steps") { try ForwardMode(steps: count) }
                expectArgument("samples") { try SimultaneousPerturbation(step: 1, samples: count) }
            }
        }

        @Test func badNumbers() {
            for value in [0, -1, Double.nan, .infinity, -.infinity] {
                expectArgument("learning_rate") { try NeumannSeries(learningRate: value) }
                expectArgument("learning_rate") { try OneStep(learningRate: value) }
                expectArgument("damping") { try Nystrom(rank: 1, damping: value) }
                expectArgument("step") { try FiniteDifferences(step: value) }
                expectArgument("step") { try SimultaneousPerturbation(step: value) }
                if value != 0 {
                    expectArgument("damping") { try ConjugateGradient(damping: value) }
                    expectArgument("tolerance") { try ConjugateGradient(tolerance: value) }
                    expectArgument("tolerance") { try NeumannSeries(learningRate: 1, tolerance: value) }
                    expectArgument("tolerance") { try Nystrom(rank: 1, damping: 1, tolerance: value) }
                }
            }
            expectArgument("tolerance") { try ConjugateGradient(tolerance: 1) }
        }
    }
}
