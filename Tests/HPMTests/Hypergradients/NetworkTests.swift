import Testing
@testable import HPM

extension Hypergradients {
    /// Each estimator on a network that is not linear, against differences of the whole training.
    @Suite struct NetworkTests {
        private static let seeds = 1...3

        /// The reference's own derivatives, before anything is compared with them.
        @Test func derivativesByHandAgainstDifferences() throws {
            let network = NetworkProblem(seed: 9)
            let (w, h) = (network.start, network.hyperplace)
            let problem = network.problem()
            #expect(
                relativeError(
                    network.gradient(w, h, network.all),
                    centralDifferences(at: w) { network.innerLoss($0, h) }) < 1e-9)
            #expect(
                relativeError(
                    network.outerGradient(w, h).0, centralDifferences(at: w) { network.outerLoss($0, h) })
                    < 1e-9)
            var random = TestRandom(9)
            let v = random.vector(w.count)
            #expect(
                relativeError(
                    try problem.hessianProduct!(w, h, v),
                    centralDifferences(at: w) { dot(v, network.gradient($0, h, network.all)) }) < 1e-8)
            let (dw, dh) = network.stepBackward(4, w, h, v)
            #expect(
                relativeError(dw, centralDifferences(at: w) { dot(v, network.step(4, $0, h)) }) < 1e-8)
            #expect(
                relativeError(dh, centralDifferences(at: h) { dot(v, network.step(4, w, $0)) }) < 1e-8)
        }

        /// Reverse, forward and finite differences are exact for the unrolled steps.
        @Test(arguments: seeds) func unrolledTraining(seed: Int) throws {
            let network = NetworkProblem(seed: seed)
            let (w, h) = (network.start, network.hyperplace)
            let problem = network.problem(unrolled: 12)
            let differences = centralDifferences(at: h) {
                network.outerLoss(network.trained(12, $0), $0)
            }
            let estimators: [any Estimator] = [
                try ReverseMode(steps: 12), try ReverseMode(steps: 12, checkpoints: 3),
                try ForwardMode(steps: 12), try FiniteDifferences(step: 1e-5),
            ]
            for estimator in estimators {
                let outcome = try problem.estimate(estimator, at: w, h)
                #expect(outcome.certificate.status == .converged)
                #expect(outcome.certificate.relativeResidual.isNaN)
                #expect(
                    relativeError(outcome.gradient, differences) < 1e-8,
                    "seed \(seed), \(type(of: estimator).name)")
            }
            // Only the last steps: those of the indices that are asked for, from where they begin.
            let last = try problem.estimate(try ReverseMode(steps: 5), at: network.trained(7, h), h)
            #expect(relativeError(last.gradient, differences) > 1e-3)
        }

        @Test(arguments: seeds, [1, 2, 7, 25]) func reverseEqualsForward(seed: Int, steps: Int) throws {
            let network = NetworkProblem(seed: seed)
            let problem = network.problem()
            let reverse = try problem.estimate(
                try ReverseMode(steps: steps), at: network.start, network.hyperplace)
            let forward = try problem.estimate(
                try ForwardMode(steps: steps), at: network.start, network.hyperplace)
            #expect(
                relativeError(reverse.gradient, forward.gradient) < 1e-10, "seed \(seed), \(steps) steps")
        }

        /// At a minimum: the implicit estimators against differences of training until convergence.
        @Test(arguments: seeds) func convergedTraining(seed: Int) throws {
            let network = NetworkProblem(seed: seed)
            let h = network.hyperplace
            let w = network.minimum(h, from: network.start, descent: 1500)
            var problem = network.problem()
            let differences = centralDifferences(at: h, step: 3e-4) {
                network.outerLoss(network.minimum($0, from: w, descent: 0), $0)
            }
            let gradient = try problem.estimate(try ConjugateGradient(tolerance: 1e-12), at: w, h)
            #expect(gradient.certificate.status == .converged)
            #expect(relativeError(gradient.gradient, differences) < 1e-8, "seed \(seed)")
            let neumann = try problem.estimate(
                try NeumannSeries(learningRate: 0.5, terms: 3000, tolerance: 1e-11), at: w, h)
            #expect(neumann.certificate.status == .converged)
            #expect(relativeError(neumann.gradient, differences) < 1e-8, "seed \(seed)")

            let damping = 0.02
            var hessian = network.hessian(w, h)
            for index in w.indices { hessian.rows[index][index] += damping }
            let (outer, partial) = network.outerGradient(w, h)
            let damped = sum(
                partial, -1, network.crossProduct(w, h, hessian.solve(outer), network.all))
            let nystrom = try problem.estimate(
                try Nystrom(rank: w.count, damping: damping, seed: 3), at: w, h)
            #expect(nystrom.certificate.status == .converged)
            #expect(relativeError(nystrom.gradient, damped) < 1e-8, "seed \(seed)")

            // Unrolled full-batch descent from the minimum is the series of Neumann, term by term.
            let rate = 0.5
            problem.step = { _, w, h in sum(w, -rate, network.gradient(w, h, network.all)) }
            problem.stepBackward = { _, w, h, v in
                (
                    sum(v, -rate, network.hessianProduct(w, h, v, network.all)),
                    scaled(network.crossProduct(w, h, v, network.all), by: -rate)
                )
            }
            for terms in [1, 4, 15] {
                let series = try problem.estimate(
                    try NeumannSeries(learningRate: rate, terms: terms, tolerance: 0), at: w, h)
                let reverse = try problem.estimate(try ReverseMode(steps: terms), at: w, h)
                #expect(relativeError(reverse.gradient, series.gradient) < 1e-10, "seed \(seed)")
            }
        }

        /// One step is the whole training: exact where dF/dw is the same before and after the step,
        /// that is, for a linear outer loss, or at the minimum.
        @Test(arguments: seeds) func oneStep(seed: Int) throws {
            let network = NetworkProblem(seed: seed)
            let h = network.hyperplace
            let rate = 0.3
            var problem = network.problem()
            func step(_ w: [Double], _ h: [Double]) -> [Double] {
                sum(w, -rate, network.gradient(w, h, network.all))
            }
            let minimum = network.minimum(h, from: network.start, descent: 1500)
            let converged = try problem.estimate(try OneStep(learningRate: rate), at: minimum, h)
            let differences = centralDifferences(at: h) { network.outerLoss(step(minimum, $0), $0) }
            #expect(relativeError(converged.gradient, differences) < 1e-8, "seed \(seed)")

            var random = TestRandom(seed)
            let outer = random.vector(network.start.count)
            problem.outerGradient = { _, h in (outer, [2 * h[0], 0, 0, 1]) }
            let linear = try problem.estimate(try OneStep(learningRate: rate), at: network.start, h)
            let exact = centralDifferences(at: h) {
                dot(outer, step(network.start, $0)) + $0[0] * $0[0] + $0[3]
            }
            #expect(relativeError(linear.gradient, exact) < 1e-8, "seed \(seed)")
            #expect(linear.certificate.status == .converged && linear.certificate.iterations == 1)
        }

        /// SPSA along all sign vectors of its directions is the gradient; here, its mean is within 5
        /// sigma of it.
        @Test func simultaneousPerturbation() throws {
            let network = NetworkProblem(seed: 2)
            let h = network.hyperplace
            let problem = network.problem(unrolled: 4)
            let exact = centralDifferences(at: h) { network.outerLoss(network.trained(4, $0), $0) }
            let samples = 400
            let outcome = try problem.estimate(
                try SimultaneousPerturbation(step: 1e-3, samples: samples, seed: 8), at: network.start, h)
            for index in h.indices {
                let others = dot(exact, exact) - exact[index] * exact[index]
                #expect(
                    isWithinFiveSigma(
                        outcome.gradient[index], of: exact[index], variance: others, count: samples))
            }
        }
    }
}
