import Testing
@testable import HPM

extension Hypergradients {
    /// What a certificate says is so.
    @Suite struct CertificateTests {
        private static let seeds = 1...6

        private func expectResidual(
            _ quadratic: QuadraticProblem, _ estimator: some Estimator, damping: Double = 0,
            _ words: Comment, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let outcome = try quadratic.estimate(estimator)
            let found = quadratic.relativeResidual(outcome.gradient, damping: damping)
            let said = outcome.certificate.relativeResidual
            guard outcome.certificate.status != .diverged else {
                #expect(said > 1 && outcome.isAllNaN, words, sourceLocation: sourceLocation)
                return
            }
            #expect(
                (found - said).magnitude < 1e-8 * found + 1e-14,
                "\(words): said \(said), found \(found)", sourceLocation: sourceLocation)
            let spectrum =
                quadratic.eigenvalues.min()! - 1e-9...quadratic.eigenvalues.max()! + 1e-9
            #expect(
                spectrum.contains(outcome.certificate.smallestCurvature), words,
                sourceLocation: sourceLocation)
        }

        @Test(arguments: seeds) func relativeResidual(seed: Int) throws {
            var random = TestRandom(seed)
            let quadratic = QuadraticProblem((0..<10).map { _ in random.uniform(0.1...5) }, seed: seed)
            for iterations in [1, 2, 3, 5, 8] {
                for damping in [0, 0.3] {
                    try expectResidual(
                        quadratic,
                        try ConjugateGradient(iterations: iterations, tolerance: 0, damping: damping),
                        damping: damping, "CG, seed \(seed), \(iterations), \(damping)")
                }
                try expectResidual(
                    quadratic, try NeumannSeries(learningRate: 0.3, terms: iterations, tolerance: 0),
                    "Neumann, seed \(seed), \(iterations)")
                try expectResidual(
                    quadratic, try Nystrom(rank: iterations, damping: 0.2, seed: UInt64(seed)),
                    damping: 0.2, "Nystrom, seed \(seed), \(iterations)")
            }
        }

        /// Where the outer gradient is an eigenvector, the curvature is its eigenvalue.
        @Test(arguments: seeds) func smallestCurvature(seed: Int) throws {
            for index in 0..<5 {
                var quadratic = QuadraticProblem([0.3, 1, 2, 3, 4], seed: seed)
                quadratic.outer = quadratic.basis.rows[index]
                let eigenvalue = quadratic.eigenvalues[index]
                for estimator in [
                    try ConjugateGradient(), try ConjugateGradient(damping: 0.7),
                    try NeumannSeries(learningRate: 0.2, terms: 1),
                ] as [any Estimator] {
                    let outcome = try quadratic.estimate(estimator)
                    #expect(
                        (outcome.certificate.smallestCurvature - eigenvalue).magnitude < 1e-12,
                        "seed \(seed), \(type(of: estimator).name)")
                }
            }
            // Late terms of the series hold nothing but the slowest part.
            let slow = QuadraticProblem([0.3, 1, 2, 3, 4], seed: seed)
            let outcome = try slow.estimate(try NeumannSeries(learningRate: 0.35, terms: 80, tolerance: 0))
            #expect((outcome.certificate.smallestCurvature - 0.3).magnitude < 1e-8, "seed \(seed)")
        }

        /// A solve that is said to have converged has: also where the system is ill-conditioned or the
        /// vectors are of single precision.
        @Test(arguments: seeds) func convergedIsTrue(seed: Int) throws {
            let steep = (0..<12).map { index in (0..<index).reduce(1.0) { value, _ in value * 0.15 } }
            for (eigenvalues, isSingle) in [(steep, false), ([1, 0.1, 0.01, 1e-3, 2e-3, 0.5], true)] {
                let quadratic = QuadraticProblem(eigenvalues, seed: seed)
                var problem = quadratic.problem
                problem.outerGradient = { w, h in (quadratic.outer, h.map { _ in 0 }) }
                var open = quadratic
                open.partial = open.partial.map { _ in 0 }
                for estimator in [
                    try ConjugateGradient(iterations: 1000, tolerance: 1e-10),
                    try NeumannSeries(learningRate: 1, terms: 20_000, tolerance: 1e-10),
                ] as [any Estimator] {
                    // The series would need too many terms on the steep spectrum.
                    if estimator is NeumannSeries && !isSingle { continue }
                    let outcome =
                        isSingle
                        ? try problem.estimate(estimator, at: open.place, open.hyperplace, Float.self)
                        : try problem.estimate(estimator, at: open.place, open.hyperplace)
                    guard outcome.certificate.status.isUsable else { continue }
                    let found = open.relativeResidual(outcome.gradient)
                    let said = outcome.certificate.relativeResidual
                    let words: Comment =
                        "seed \(seed), \(type(of: estimator).name), single \(isSingle): said \(said), found \(found)"
                    #expect(found <= 10 * said + 1e-15, words)
                    if outcome.certificate.status == .converged { #expect(found <= 1e-9, words) }
                }
            }
        }

        /// `tolerance` 0 means all of the iterations, not a failure at the end of the numbers.
        @Test(arguments: seeds) func allIterations(seed: Int) throws {
            let quadratic = QuadraticProblem([1, 2, 3, 4], seed: seed)
            for estimator in [
                try ConjugateGradient(iterations: 400, tolerance: 0),
                try NeumannSeries(learningRate: 0.3, terms: 4000, tolerance: 0),
            ] as [any Estimator] {
                let outcome = try quadratic.estimate(estimator)
                let words: Comment = "seed \(seed), \(type(of: estimator).name): \(outcome.certificate)"
                #expect(outcome.certificate.status.isUsable, words)
                #expect(relativeError(outcome.gradient, quadratic.hypergradient()) < 1e-12, words)
                #expect(outcome.certificate.smallestCurvature > 0.999, words)
            }
        }

        private func estimators() throws -> [any Estimator] {
            [
                try ConjugateGradient(iterations: 3, tolerance: 0, damping: 1),
                try NeumannSeries(learningRate: 0.1, terms: 5, tolerance: 0),
                try Nystrom(rank: 4, damping: 1), try OneStep(learningRate: 0.1),
                try ReverseMode(steps: 6), try ReverseMode(steps: 6, checkpoints: 2),
                try ForwardMode(steps: 4), try FiniteDifferences(step: 0.1),
                try SimultaneousPerturbation(step: 0.1, samples: 3), BestResponse(),
            ]
        }

        @Test func callsCountedAreCallsMade() throws {
            let network = NetworkProblem(seed: 3)
            for estimator in try estimators() {
                let outcome = try network.problem(unrolled: 2).estimate(
                    estimator, at: network.start, network.hyperplace)
                #expect(
                    outcome.certificate.calls == outcome.calls.counts, "\(type(of: estimator).name)")
                #expect(outcome.calls.counts != CallbackCounts())
                #expect(outcome.certificate.seconds > 0)
            }
        }

        /// Where differences stand in, the callbacks that they call are counted.
        @Test func callsOfDifferences() throws {
            let network = NetworkProblem(seed: 3)
            var problem = network.problem(unrolled: 2)
            problem.hessianProduct = nil
            problem.stepForward = nil
            for estimator in try estimators() {
                let outcome = try problem.estimate(estimator, at: network.start, network.hyperplace)
                let said = outcome.certificate.calls
                let made = outcome.calls.counts
                let name: Comment = "\(type(of: estimator).name)"
                #expect(said.innerGradients == made.innerGradients, name)
                #expect(said.steps == made.steps, name)
                // No callback was there to be called.
                #expect(said.hessianProducts == made.hessianProducts, name)
                #expect(said.stepProducts == made.stepProducts, name)
            }
        }

        /// What an estimator costs; the last residual takes a product and a gradient.
        @Test func callsOfTheEstimators() throws {
            let quadratic = QuadraticProblem([1, 2, 3, 4, 5, 6], seed: 3)
            var problem = quadratic.problem
            problem.response = { h in dot(h, h) }
            func calls(_ estimator: some Estimator) throws -> CallbackCounts {
                try problem.estimate(estimator, at: quadratic.place, quadratic.hyperplace).calls.counts
            }
            let gradient = try calls(try ConjugateGradient(iterations: 3, tolerance: 0))
            #expect(gradient.hessianProducts == 4 && gradient.crossProducts == 1)
            #expect(gradient.outerGradients == 2 && gradient.innerGradients == 0)
            let neumann = try calls(try NeumannSeries(learningRate: 0.1, terms: 5, tolerance: 0))
            #expect(neumann.hessianProducts == 6 && neumann.crossProducts == 1)
            #expect(neumann.outerGradients == 2)
            // At full rank the first residual is small enough; below, one correction shows that it is in vain.
            let nystrom = try calls(try Nystrom(rank: 6, damping: 1))
            #expect(nystrom.hessianProducts == 7 && nystrom.crossProducts == 1)
            #expect(nystrom.outerGradients == 2)
            let low = try calls(try Nystrom(rank: 4, damping: 1))
            #expect((5...8).contains(low.hessianProducts))
            #expect(low.outerGradients == low.hessianProducts - 4 + 1)
            let oneStep = try calls(try OneStep(learningRate: 0.1))
            #expect(oneStep.hessianProducts == 0 && oneStep.crossProducts == 1)
            let bestResponse = try calls(BestResponse())
            #expect(bestResponse.outerGradients == 1)
            #expect(bestResponse.hessianProducts == 0 && bestResponse.crossProducts == 0)
            #expect(try calls(try FiniteDifferences(step: 0.1)).outerLosses == 12)
            #expect(try calls(try SimultaneousPerturbation(step: 0.1, samples: 3)).outerLosses == 6)
        }

        /// The vectors of the doc comments, which no number of iterations changes.
        @Test func memoryAsDocumented() throws {
            let quadratic = QuadraticProblem((0..<40).map { 1 + Double($0) }, seed: 1)
            func vectors(_ estimator: some Estimator) throws -> Int {
                let (parameters, hyperparameters) = (
                    TrackedVectorSpace(count: 40), TrackedVectorSpace(count: 40)
                )
                let outcome = try quadratic.problem.outcome(
                    estimator, at: quadratic.place, quadratic.hyperplace, parameters, hyperparameters)
                #expect(outcome.error == nil)
                // One more is the place, and of the hyperparameters also the result.
                #expect(outcome.certificate.parameterVectors == parameters.ledger.made - 1)
                #expect(outcome.certificate.hyperparameterVectors == hyperparameters.ledger.made - 2)
                #expect(outcome.certificate.hyperparameterVectors <= 3)
                #expect(parameters.ledger.live == 0 && hyperparameters.ledger.live == 0)
                return outcome.certificate.parameterVectors
            }
            for iterations in [1, 5, 30] {
                #expect(try vectors(try ConjugateGradient(iterations: iterations, tolerance: 0)) == 4)
                #expect(
                    try vectors(try NeumannSeries(learningRate: 0.01, terms: iterations, tolerance: 0)) == 3)
                #expect(try vectors(try Nystrom(rank: iterations, damping: 1)) == 2 * iterations + 1)
                #expect(try vectors(try ForwardMode(steps: iterations)) == 5)
                #expect(
                    try vectors(try ReverseMode(steps: iterations, checkpoints: 1)) == 4)
            }
            #expect(try vectors(try OneStep(learningRate: 0.1)) == 1)
            #expect(try vectors(BestResponse()) == 1)
        }
    }
}
