import Testing
@testable import HPM

extension Hypergradients {
    /// A solve whose residual is above that of q = 0 is no estimate, however it came about.
    @Suite struct WorthlessSolveTests {
        /// 20 examples of 50 features, dF/dw outside of the range of X^T X: no solution. Without a
        /// precise end of its recursion conjugate gradient gave residuals of 1e5.
        private func singular(_ seed: Int) -> (problem: ArrayProblem, w: [Double], h: [Double]) {
            var random = TestRandom(seed, 9)
            let features = Matrix(20, 50) { _, _ in random.uniform(-2...2) }
            let outer = random.vector(50)
            let product = { (v: [Double]) in scaled(features.transposedTimes(features.times(v)), by: 0.1) }
            var problem = ArrayProblem(parameterCount: 50, hyperparameterCount: 50)
            problem.outerGradient = { _, h in (outer, scaled(h, by: 0)) }
            problem.hessianProduct = { _, _, v in product(v) }
            problem.crossProduct = { _, _, v in scaled(v, by: -1) }
            return (problem, random.vector(50), random.vector(50))
        }

        private func expectHonest(
            _ outcome: ArrayProblem.Outcome, _ words: Comment, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let certificate = outcome.certificate
            if certificate.status.isUsable {
                #expect(certificate.relativeResidual <= 1, words, sourceLocation: sourceLocation)
            } else {
                #expect(outcome.isAllNaN, words, sourceLocation: sourceLocation)
            }
        }

        @Test(arguments: 1...10) func conjugateGradientOnASingularHessian(seed: Int) throws {
            let (problem, w, h) = singular(seed)
            for tolerance in [1e-4, 1e-6, 1e-10] {
                for iterations in [10, 20, 30, 200] {
                    let gradient = try ConjugateGradient(iterations: iterations, tolerance: tolerance)
                    let words: Comment = "seed \(seed), tolerance \(tolerance), \(iterations) iterations"
                    let double = try problem.estimate(gradient, at: w, h)
                    expectHonest(double, words)
                    let single = try problem.estimate(gradient, at: w, h, Float.self)
                    expectHonest(single, words)
                    if iterations >= 30 {
                        #expect(!double.certificate.status.isUsable, words)
                        #expect(!single.certificate.status.isUsable, words)
                    }
                }
            }
        }

        /// Curvature 100 that a sketch of 4 columns mostly misses: residuals of 1e5 and more.
        @Test(arguments: 1...10) func nystromMissesCurvature(seed: Int) throws {
            let quadratic = QuadraticProblem((0..<40).map { 100 + Double($0) }, seed: seed)
            let outcome = try quadratic.estimate(try Nystrom(rank: 4, damping: 1e-3, seed: UInt64(seed)))
            #expect(outcome.certificate.status == .diverged, "seed \(seed)")
            #expect(outcome.certificate.relativeResidual > 1, "seed \(seed)")
            #expect(outcome.isAllNaN, "seed \(seed)")
            // Damping of the size of what is missed keeps the residual below 1.
            let damped = try quadratic.estimate(try Nystrom(rank: 4, damping: 200, seed: UInt64(seed)))
            #expect(damped.certificate.status == .iterationLimit, "seed \(seed)")
            #expect(damped.certificate.relativeResidual <= 1, "seed \(seed)")
        }

        /// One negative curvature among ten: the mixtures that the columns are hide it.
        @Test(arguments: 1...10) func nystromAtASaddle(seed: Int) throws {
            for lowest in [-0.5, -0.05, -0.002] {
                let eigenvalues = Array(repeating: 1.0, count: 9) + [lowest]
                for isDiagonal in [true, false] {
                    let quadratic = QuadraticProblem(eigenvalues, seed: seed, isDiagonal: isDiagonal)
                    let outcome = try quadratic.estimate(
                        try Nystrom(rank: 10, damping: 1e-3, seed: UInt64(seed)))
                    let words: Comment = "seed \(seed), \(lowest): \(outcome.certificate)"
                    #expect(outcome.certificate.status == .indefinite, words)
                    #expect(outcome.certificate.smallestCurvature < -1e-3, words)
                    #expect(outcome.certificate.smallestCurvature >= lowest * (1 + 1e-9), words)
                    #expect(outcome.isAllNaN, words)
                }
            }
        }

        @Test(arguments: [1, 2, 3] as [UInt64]) func nystromAtALargeSaddle(seed: UInt64) throws {
            let eigenvalues = (0..<200).map { $0 < 20 ? -1 : 1 + Double($0) / 199 }
            var problem = ArrayProblem(parameterCount: 200, hyperparameterCount: 200)
            problem.outerGradient = { w, h in (w, scaled(h, by: 0)) }
            problem.hessianProduct = { _, _, v in zip(eigenvalues, v).map { $0 * $1 } }
            problem.crossProduct = { _, _, v in v }
            let place = (0..<200).map { 1 + Double($0 % 3) }
            let nystrom = try Nystrom(rank: 200, damping: 1e-3, seed: seed)
            for outcome in [
                try problem.estimate(nystrom, at: place, place),
                try problem.estimate(nystrom, at: place, place, Float.self),
            ] {
                #expect(outcome.certificate.status == .indefinite, "\(outcome.certificate)")
                #expect(outcome.certificate.smallestCurvature < -1e-3, "\(outcome.certificate)")
                #expect(outcome.isAllNaN)
            }
        }

        /// Rounding of products is no saddle: curvatures of 0 beside 1000, in single precision.
        @Test(arguments: 1...10) func roundingIsNoSaddle(seed: Int) throws {
            let quadratic = QuadraticProblem([0, 0, 0, 1e-3, 1, 10, 100, 1000], seed: seed)
            let outcome = try quadratic.problem.estimate(
                try Nystrom(rank: 8, damping: 1e-3, seed: UInt64(seed)), at: quadratic.place,
                quadratic.hyperplace, Float.self)
            #expect(outcome.certificate.status != .indefinite, "seed \(seed): \(outcome.certificate)")
        }
    }
}
