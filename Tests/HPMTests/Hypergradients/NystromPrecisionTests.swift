import Testing
@testable import HPM

extension Hypergradients {
    /// Nystrom at the default damping and full rank, on float vectors, against the closed form in double.
    @Suite struct NystromPrecisionTests {
        /// The largest relative error over the seeds.
        private func largestError(
            residual: Double = 1e-5, _ makeProblem: (Int) -> (problem: ArrayProblem, w: [Double], h: [Double], exact: [Double])
        ) throws -> Double {
            var largest = 0.0
            for seed in 1...20 {
                let (problem, w, h, exact) = makeProblem(seed)
                let outcome = try problem.estimate(
                    try Nystrom(rank: w.count, damping: 1e-3, seed: UInt64(seed)), at: w, h, Float.self)
                #expect(outcome.certificate.status.isUsable, "seed \(seed)")
                #expect(
                    outcome.certificate.relativeResidual < residual, "seed \(seed): \(outcome.certificate)")
                largest = max(largest, relativeError(outcome.gradient, exact))
            }
            return largest
        }

        @Test func ridge() throws {
            let error = try largestError { seed in
                let ridge = RidgeProblem(seed: seed)
                let h = ridge.hyperplace
                return (
                    ridge.problem(learningRate: 1), ridge.minimum(h), h,
                    ridge.hypergradient(h, damping: 1e-3)
                )
            }
            #expect(error < 5e-6)
        }

        @Test func logistic() throws {
            let error = try largestError { seed in
                let logistic = LogisticProblem(seed: seed)
                let h = logistic.hyperplace
                return (
                    logistic.problem(learningRate: 1), logistic.minimum(h), h,
                    logistic.hypergradient(h, damping: 1e-3)
                )
            }
            #expect(error < 1e-5)
        }

        /// More features, of which the data see half: curvatures from 0.01 to 30, of which the sketch's
        /// inner system has the square, beyond what single precision holds. Refinement brings it back.
        @Test func wideRidge() throws {
            let error = try largestError(residual: 1e-4) { seed in
                let ridge = RidgeProblem(features: 24, examples: 12, seed: seed)
                let h = ridge.hyperplace.enumerated().map { $0 < 24 ? 0.01 * $1 : $1 }
                return (
                    ridge.problem(learningRate: 1), ridge.minimum(h), h,
                    ridge.hypergradient(h, damping: 1e-3)
                )
            }
            #expect(error < 1e-6)
        }

        /// Below the rank of H a correction makes what lies outside of the sketch larger by
        /// curvature / damping: it is not kept.
        @Test(arguments: 1...10) func lowRankIsNotRefinedAway(seed: Int) throws {
            let quadratic = QuadraticProblem([1, 2, 3, 4, 5, 6], seed: seed)
            for rank in [1, 2, 3, 4] {
                let outcome = try quadratic.estimate(
                    try Nystrom(rank: rank, damping: 1e-3, seed: UInt64(seed)))
                let residual = outcome.certificate.relativeResidual
                #expect(residual < 6 / 1e-3, "seed \(seed), rank \(rank)")
                guard residual <= 1 else {
                    #expect(outcome.certificate.status == .diverged)
                    continue
                }
                #expect(outcome.certificate.status == .iterationLimit)
                let found = quadratic.relativeResidual(outcome.gradient, damping: 1e-3)
                #expect((found / residual - 1).magnitude < 1e-8, "seed \(seed), rank \(rank)")
            }
        }
    }
}
