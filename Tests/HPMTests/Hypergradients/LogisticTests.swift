import Testing
@testable import HPM

extension Hypergradients {
    /// Each estimator against a converged logistic regression.
    @Suite struct LogisticTests {
        private static let seeds = 1...4

        @Test(arguments: seeds) func referenceAgainstDifferences(seed: Int) {
            let logistic = LogisticProblem(seed: seed)
            let differences = centralDifferences(at: logistic.hyperplace) {
                logistic.outerLoss(logistic.minimum($0))
            }
            #expect(
                relativeError(logistic.hypergradient(logistic.hyperplace), differences) < 1e-8,
                "seed \(seed)")
        }

        @Test(arguments: seeds) func exactEstimators(seed: Int) throws {
            let logistic = LogisticProblem(seed: seed)
            let (h, w) = (logistic.hyperplace, logistic.minimum(logistic.hyperplace))
            let hessian = logistic.hessian(w, h)
            let trace = (0..<hessian.rowCount).reduce(0) { $0 + hessian.rows[$1][$1] }
            let rate = 2 / (0.6 + trace)
            let problem = logistic.problem(learningRate: rate)
            let exact = logistic.hypergradient(h)
            let estimators: [any Estimator] = [
                try ConjugateGradient(tolerance: 1e-13),
                try NeumannSeries(learningRate: rate, terms: 4000, tolerance: 1e-12),
                try ReverseMode(steps: 500, checkpoints: 10),
                try ForwardMode(steps: 500),
            ]
            for estimator in estimators {
                let outcome = try problem.estimate(estimator, at: w, h)
                #expect(outcome.certificate.status == .converged)
                #expect(
                    relativeError(outcome.gradient, exact) < 1e-8,
                    "seed \(seed), \(type(of: estimator).name)")
            }
            let nystrom = try problem.estimate(
                try Nystrom(rank: logistic.features, damping: 0.05, seed: UInt64(seed)), at: w, h)
            #expect(nystrom.certificate.status == .converged)
            #expect(
                relativeError(nystrom.gradient, logistic.hypergradient(h, damping: 0.05)) < 1e-8,
                "seed \(seed)")
            let (coarse, fine) = (
                try problem.estimate(try FiniteDifferences(step: 2e-3), at: w, h).gradient,
                try problem.estimate(try FiniteDifferences(step: 1e-3), at: w, h).gradient
            )
            #expect(relativeError(sum(scaled(fine, by: 4.0 / 3), -1.0 / 3, coarse), exact) < 1e-8)
        }
    }
}
