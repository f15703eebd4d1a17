import Testing
@testable import HPM

extension Hypergradients {
    /// What is absent: replaced by differences, or an error that names it.
    @Suite struct MissingCallbackTests {
        private static let seeds = 1...4

        @Test(arguments: seeds) func hessianAndCrossProductByDifferences(seed: Int) throws {
            let network = NetworkProblem(seed: seed)
            // Strong penalties: the start is no minimum, and the Hessian without them indefinite.
            let (h, w) = ([1.5, 1.5, -1.2, 0.3], network.start)
            let full = network.problem()
            var withoutHessian = full
            withoutHessian.hessianProduct = nil
            var withoutCross = full
            withoutCross.crossProduct = nil
            var withoutBoth = withoutHessian
            withoutBoth.crossProduct = nil
            let estimators: [any Estimator] = [
                try ConjugateGradient(tolerance: 1e-8, damping: 1), try OneStep(learningRate: 0.1),
                try NeumannSeries(learningRate: 0.1, terms: 10, tolerance: 0),
                try Nystrom(rank: w.count, damping: 1, seed: 4),
            ]
            for estimator in estimators {
                let given = try full.estimate(estimator, at: w, h)
                for problem in [withoutHessian, withoutCross, withoutBoth] {
                    let outcome = try problem.estimate(estimator, at: w, h)
                    #expect(
                        relativeError(outcome.gradient, given.gradient) < 1e-6,
                        "seed \(seed), \(type(of: estimator).name)")
                    #expect(given.certificate.status.isUsable, "seed \(seed)")
                    #expect(outcome.certificate.status == given.certificate.status)
                    // No more memory than the documented vectors and two of scratch.
                    #expect(
                        outcome.certificate.parameterVectors <= given.certificate.parameterVectors + 2)
                }
            }
        }

        @Test(arguments: seeds) func stepProductByDifferences(seed: Int) throws {
            let network = NetworkProblem(seed: seed)
            let full = network.problem()
            var without = full
            without.stepForward = nil
            for steps in [1, 8] {
                let given = try full.estimate(
                    try ForwardMode(steps: steps), at: network.start, network.hyperplace)
                let outcome = try without.estimate(
                    try ForwardMode(steps: steps), at: network.start, network.hyperplace)
                #expect(relativeError(outcome.gradient, given.gradient) < 1e-7, "seed \(seed)")
                #expect(outcome.certificate.parameterVectors == given.certificate.parameterVectors + 2)
            }
        }

        /// Second order: a quarter of the error at half of the step, which is relative to w's size and
        /// does not depend on the direction's length.
        @Test func differenceStep() throws {
            let network = NetworkProblem(seed: 5)
            let full = network.problem()
            var without = full
            without.crossProduct = nil
            without.hessianProduct = nil
            for scale in [1.0, 1e-9, 1e9] {
                let estimator = try OneStep(learningRate: scale)
                func error(_ step: Double) throws -> Double {
                    let exact = try full.estimate(estimator, at: network.start, network.hyperplace)
                    let outcome = try without.estimate(
                        estimator, at: network.start, network.hyperplace, differenceStep: step)
                    // The partial derivative would hide a small product.
                    let partial = network.outerGradient(network.start, network.hyperplace).1
                    return norm(sum(outcome.gradient, -1, exact.gradient))
                        / norm(sum(exact.gradient, -1, partial))
                }
                let ratio = try error(0.02) / error(0.01)
                #expect((ratio - 4).magnitude < 0.05, "scale \(scale)")
            }
        }

        /// In single precision, with a step that suits it.
        @Test func singlePrecision() throws {
            let network = NetworkProblem(seed: 5)
            var problem = network.problem()
            let h = [1.5, 1.5, -1.2, 0.3]
            let exact = try problem.estimate(try ConjugateGradient(damping: 1), at: network.start, h)
            problem.hessianProduct = nil
            problem.crossProduct = nil
            let outcome = try problem.estimate(
                try ConjugateGradient(tolerance: 1e-3, damping: 1), at: network.start, h,
                Float.self, differenceStep: 3e-3)
            #expect(outcome.certificate.status == .converged)
            #expect(relativeError(outcome.gradient, exact.gradient) < 1e-2)
        }

        enum Callback: String, CaseIterable, Sendable {
            case outerGradient = "outer_gradient"
            case innerGradient = "inner_gradient"
            case crossProduct = "cross_product"
            case step, stepBackward = "step_backward"
            case response
        }

        private func estimators(needing callback: Callback) throws -> [any Estimator] {
            let implicit: [any Estimator] = [
                try ConjugateGradient(damping: 1), try NeumannSeries(learningRate: 0.1),
                try Nystrom(rank: 3, damping: 1),
            ]
            return switch callback {
            case .outerGradient:
                implicit + [
                    try OneStep(learningRate: 0.1), try ReverseMode(steps: 2), try ForwardMode(steps: 2),
                    BestResponse(),
                ]
            case .innerGradient: implicit
            case .crossProduct: implicit + [try OneStep(learningRate: 0.1)]
            case .step: [try ReverseMode(steps: 2), try ForwardMode(steps: 2)]
            case .stepBackward: [try ReverseMode(steps: 2)]
            case .response: [try FiniteDifferences(step: 0.1), try SimultaneousPerturbation(step: 0.1)]
            }
        }

        @Test(arguments: Callback.allCases) func missingCallbackIsNamed(callback: Callback) throws {
            let network = NetworkProblem(seed: 1)
            var problem = network.problem()
            switch callback {
            case .outerGradient: problem.outerGradient = nil
            case .innerGradient:
                problem.innerGradient = nil
                problem.hessianProduct = nil
            case .crossProduct:
                problem.crossProduct = nil
                problem.innerHyperGradient = nil
            case .step: problem.step = nil
            case .stepBackward: problem.stepBackward = nil
            case .response: problem.response = nil
            }
            for estimator in try estimators(needing: callback) {
                let outcome = try problem.outcome(estimator, at: network.start, network.hyperplace)
                let name = type(of: estimator).name
                #expect(outcome.error?.code == .unsupported, "\(name)")
                // Before anything is computed.
                #expect(outcome.calls.counts == CallbackCounts(), "\(name)")
                #expect(outcome.error?.message.contains("callback \(callback.rawValue)") == true, "\(name)")
                let isWritten = outcome.gradient.contains { !$0.isNaN && $0 != ArrayProblem.untouched }
                #expect(!isWritten, "\(name) left numbers in the result of a call that failed")
            }
        }

        @Test func estimatorsThatNeedTheDimension() throws {
            let network = NetworkProblem(seed: 1)
            for estimator in [try ForwardMode(steps: 2), try FiniteDifferences(step: 0.1)] as [any Estimator] {
                let outcome = try network.problem().outcome(
                    estimator, at: network.start, network.hyperplace,
                    TrackedVectorSpace(count: network.start.count, knowsDimension: false),
                    TrackedVectorSpace(count: 4, knowsDimension: false))
                #expect(outcome.error?.code == .unsupported)
                #expect(outcome.error?.message.contains("dimension") == true)
            }
            // The others don't.
            for estimator in [
                try ConjugateGradient(damping: 1), try ReverseMode(steps: 3),
                try Nystrom(rank: 3, damping: 1), try SimultaneousPerturbation(step: 0.1),
            ] as [any Estimator] {
                let outcome = try network.problem().outcome(
                    estimator, at: network.start, network.hyperplace,
                    TrackedVectorSpace(count: network.start.count, knowsDimension: false),
                    TrackedVectorSpace(count: 4, knowsDimension: false))
                #expect(outcome.error == nil && outcome.certificate.status.isUsable)
            }
        }
    }
}
