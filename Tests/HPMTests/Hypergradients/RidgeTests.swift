import Testing
@testable import HPM

extension Hypergradients {
    /// Each estimator against ridge regression's closed form.
    @Suite struct RidgeTests {
        private static let seeds = 1...4

        /// The reference itself: the closed form against differences of the closed solution.
        @Test(arguments: seeds) func closedFormAgainstDifferences(seed: Int) {
            let ridge = RidgeProblem(seed: seed)
            let differences = centralDifferences(at: ridge.hyperplace) {
                ridge.outerLoss(ridge.minimum($0), $0)
            }
            #expect(relativeError(ridge.hypergradient(ridge.hyperplace), differences) < 1e-9, "seed \(seed)")
        }

        /// Where a gradient step is shortest relative to the curvatures: 2 / (smallest + largest).
        private func bestRate(_ hessian: Matrix) -> Double {
            // The smallest penalty bounds the spectrum below, the trace above.
            let trace = (0..<hessian.rowCount).reduce(0) { $0 + hessian.rows[$1][$1] }
            return 2 / (2 + trace)
        }

        @Test(arguments: seeds) func exactEstimators(seed: Int) throws {
            let ridge = RidgeProblem(seed: seed)
            let (h, w) = (ridge.hyperplace, ridge.minimum(ridge.hyperplace))
            let rate = bestRate(ridge.hessian(h))
            let problem = ridge.problem(learningRate: rate)
            let exact = ridge.hypergradient(h)
            let estimators: [any Estimator] = [
                try ConjugateGradient(iterations: 50, tolerance: 1e-13),
                try NeumannSeries(learningRate: rate, terms: 4000, tolerance: 1e-12),
                try ReverseMode(steps: 700),
                try ReverseMode(steps: 700, checkpoints: 12),
            ]
            for estimator in estimators {
                let outcome = try problem.estimate(estimator, at: w, h)
                #expect(outcome.certificate.status == .converged)
                #expect(
                    relativeError(outcome.gradient, exact) < 1e-8,
                    "seed \(seed), \(type(of: estimator).name)")
            }
            // From elsewhere: training forgets where it began.
            let far = try problem.estimate(try ReverseMode(steps: 1100), at: w.map { $0 + 1 }, h)
            #expect(relativeError(far.gradient, exact) < 1e-8, "seed \(seed)")
        }

        @Test func forwardMode() throws {
            let ridge = RidgeProblem(features: 4, examples: 7, seed: 5)
            let (h, w) = (ridge.hyperplace, ridge.minimum(ridge.hyperplace))
            let problem = ridge.problem(learningRate: bestRate(ridge.hessian(h)))
            let outcome = try problem.estimate(try ForwardMode(steps: 400), at: w, h)
            #expect(relativeError(outcome.gradient, ridge.hypergradient(h)) < 1e-8)
        }

        @Test(arguments: [0.01, 0.3, 5.0]) func damping(damping: Double) throws {
            for seed in Self.seeds {
                let ridge = RidgeProblem(seed: seed)
                let (h, w) = (ridge.hyperplace, ridge.minimum(ridge.hyperplace))
                let damped = ridge.hypergradient(h, damping: damping)
                #expect(relativeError(damped, ridge.hypergradient(h)) > 1e-4)
                let problem = ridge.problem(learningRate: 1)
                let gradient = try problem.estimate(
                    try ConjugateGradient(tolerance: 1e-13, damping: damping), at: w, h)
                #expect(gradient.certificate.status == .converged)
                #expect(relativeError(gradient.gradient, damped) < 1e-8, "seed \(seed)")
                // At full rank, and where more is asked than there is.
                for rank in [ridge.features, ridge.features + 3] {
                    let nystrom = try problem.estimate(
                        try Nystrom(rank: rank, damping: damping, seed: UInt64(seed)), at: w, h)
                    #expect(nystrom.certificate.status == .converged)
                    #expect(relativeError(nystrom.gradient, damped) < 1e-8, "seed \(seed), rank \(rank)")
                }
            }
        }

        /// Central differences are of second order: a quarter of the error at half of the step; and
        /// exact where the response is a quadratic.
        @Test(arguments: seeds) func finiteDifferences(seed: Int) throws {
            let ridge = RidgeProblem(seed: seed)
            let (h, w) = (ridge.hyperplace, ridge.minimum(ridge.hyperplace))
            let problem = ridge.problem(learningRate: 1)
            let exact = ridge.hypergradient(h)
            func estimate(_ step: Double) throws -> [Double] {
                try problem.estimate(try FiniteDifferences(step: step), at: w, h).gradient
            }
            let (coarse, fine) = (try estimate(0.02), try estimate(0.01))
            let ratio = norm(sum(coarse, -1, exact)) / norm(sum(fine, -1, exact))
            #expect((ratio - 4).magnitude < 0.01, "seed \(seed)")
            #expect(relativeError(sum(scaled(fine, by: 4.0 / 3), -1.0 / 3, coarse), exact) < 1e-7)
            #expect(relativeError(try estimate(1e-5), exact) < 1e-8, "seed \(seed)")

            var quadratic = problem
            quadratic.response = { h in h.indices.reduce(0) { $0 + h[$1] * h[$1] * Double($1) + h[0] * h[$1] } }
            let slope = h.indices.map { 2 * h[$0] * Double($0) + h[0] + ($0 == 0 ? h.reduce(0, +) : 0) }
            let outcome = try quadratic.estimate(try FiniteDifferences(step: 0.5), at: w, h)
            #expect(relativeError(outcome.gradient, slope) < 1e-13)
        }
    }
}
