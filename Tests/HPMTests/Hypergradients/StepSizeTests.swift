import Testing
@testable import HPM

extension Hypergradients {
    /// A rate of 1e-3 beside 1000 parameters: differences move each by its own size.
    @Suite struct StepSizeTests {
        /// w' = w - sqrt(h) w, so that w_K = (1 - sqrt(h))^K w.
        private func problem(_ count: Int) -> ArrayProblem {
            var problem = ArrayProblem(parameterCount: count, hyperparameterCount: 1)
            problem.outerGradient = { w, _ in (w, [0]) }
            problem.step = { _, w, h in scaled(w, by: 1 - h[0].squareRoot()) }
            return problem
        }

        @Test(arguments: [10, 1000]) func forwardModeByDifferences(count: Int) throws {
            for (h, scale) in [(1e-3, 1.0), (1e-3, 10), (1e-4, 1), (0.25, 1), (1e-3, 1e-3)] {
                var random = TestRandom(count, 3)
                let w = scaled(random.vector(count), by: scale)
                let outcome = try problem(count).estimate(try ForwardMode(steps: 3), at: w, [h])
                let left = 1 - h.squareRoot()
                let exact = -3 * left * left * left * left * left / (2 * h.squareRoot()) * dot(w, w)
                #expect(outcome.certificate.status == .converged)
                #expect(
                    relativeError(outcome.gradient, [exact]) < 1e-6, "h \(h), scale \(scale), n \(count)")
            }
        }

        @Test(arguments: [10, 1000]) func checkOfRightProducts(count: Int) throws {
            var problem = problem(count)
            problem.stepForward = { _, w, h, dw, dh in
                sum(scaled(dw, by: 1 - h[0].squareRoot()), -0.5 / h[0].squareRoot() * dh[0], w)
            }
            problem.stepBackward = { _, w, h, v in
                (scaled(v, by: 1 - h[0].squareRoot()), [-0.5 / h[0].squareRoot() * dot(w, v)])
            }
            var random = TestRandom(count, 4)
            let w = scaled(random.vector(count), by: 10)
            let found = try problem.check(at: w, [1e-3])
            #expect(found.allSatisfy { !$0.isFault }, "\(found.map(\.words))")
            problem.stepForward = { _, w, h, dw, dh in
                sum(scaled(dw, by: 1 - h[0].squareRoot()), -0.51 / h[0].squareRoot() * dh[0], w)
            }
            #expect(try problem.check(at: w, [1e-3]).contains { $0.isFault })
        }

        /// An output that is never written is no zero.
        @Test func stepBackwardThatWritesNoHyperparameters() throws {
            let space = try HostVectorSpace<Double>(count: 2)
            var problem = BilevelProblem(parameters: space, hyperparameters: space)
            problem.outerGradient = { (w, _, dw, _) throws(HPMError) in space.copy(w, to: dw) }
            problem.step = { (_, w, _, result) throws(HPMError) in space.copy(w, to: result) }
            problem.stepBackward = { (_, _, _, v, dw, _) throws(HPMError) in space.copy(v, to: dw) }
            let place = try space.makeVector([1, 2])
            let result = try space.makeZeros()
            let certificate = try problem.hypergradient(
                try ReverseMode(steps: 2), at: place, place, into: result)
            #expect(certificate.status == .nonfinite)
            #expect(space.array(result).allSatisfy { $0.isNaN })
        }

        /// |dF/dw| = 1e-38 and a rate of 1e-10: their product is no float, the hypergradient is.
        @Test func factorsBeyondFloats() throws {
            for (size, rate) in [(1e-30, 1e-10), (1e-38, 1e-3), (1e-38, 1e-7), (1e-38, 1e-10)] {
                var problem = ArrayProblem(parameterCount: 2, hyperparameterCount: 2)
                problem.outerGradient = { _, _ in ([size, size], [0, 0]) }
                problem.crossProduct = { _, _, v in scaled(v, by: 1e36) }
                let outcome = try problem.estimate(
                    try OneStep(learningRate: rate), at: [1, 1], [1, 1], Float.self)
                let exact = -Double(Float(size)) * rate * 1e36
                #expect(outcome.certificate.status == .converged)
                #expect(
                    relativeError(outcome.gradient, [exact, exact]) < 1e-6, "\(size), \(rate): \(outcome.gradient)")
            }
            let space = try HostVectorSpace<Float>(count: 2)
            let vector = try space.makeVector([1e30, -1e-30])
            space.scale(vector, by: 1e-50)
            #expect((space.array(vector)[0] / 1e-20 - 1).magnitude < 1e-6 && space.array(vector)[1] == 0)
            space.scale(vector, by: 1e50)
            #expect((space.array(vector)[0] / 1e30 - 1).magnitude < 1e-6)
        }
    }
}
