import Testing
@testable import HPM

extension Hypergradients {
    /// The estimator that takes the outer loss's own derivative, through a response that is known.
    @Suite struct BestResponseTests {
        private static let seeds = 1...6

        /// f = w.Hw / 2 - c.w - h.Bw, so that w(h) = H^-1 (c + B^T h) = A h + b is a line, and
        /// G = |w - t|^2 / 2 + d.h, so that dG/dh = d + A^T (w(h) - t): once by the estimator at the
        /// response's parameters (A, b), once by conjugate gradient at w(h) itself.
        @Test(arguments: seeds) func linearResponseIsTheHypergradient(seed: Int) throws {
            var random = TestRandom(seed, 3)
            let (n, m) = (5, 3)
            let basis = Matrix.orthogonal(n, &random)
            let curvatures = random.vector(n, 0.5...3)
            let hessian = Matrix(n, n) { row, column in
                (0..<n).reduce(0) { $0 + curvatures[$1] * (basis.rows[$1][row] * basis.rows[$1][column]) }
            }
            let mixed = Matrix(m, n) { _, _ in random.uniform(-1...1) }  // B
            let (constant, target) = (random.vector(n), random.vector(n))
            let (direct, h) = (random.vector(m), random.vector(m))

            let columns = mixed.rows.map { hessian.solve($0) }  // of A
            let offset = hessian.solve(constant)  // b
            // The parameters of the response, A by columns and then b.
            let response = columns.flatMap { $0 } + offset
            func respond(_ parameters: [Double], _ h: [Double]) -> [Double] {
                (0..<n).map { row in
                    (0..<m).reduce(parameters[m * n + row]) { $0 + parameters[$1 * n + row] * h[$1] }
                }
            }
            func outerLoss(_ w: [Double], _ h: [Double]) -> Double {
                let distance = sum(w, -1, target)
                return dot(distance, distance) / 2 + dot(direct, h)
            }
            let distance = sum(respond(response, h), -1, target)
            let exact = (0..<m).map { direct[$0] + dot(columns[$0], distance) }

            // The response alone: no inner problem.
            var tuning = ArrayProblem(parameterCount: (m + 1) * n, hyperparameterCount: m)
            tuning.outerGradient = { parameters, h in
                let distance = sum(respond(parameters, h), -1, target)
                let dh = (0..<m).map { column in
                    direct[column] + dot(Array(parameters[column * n..<(column + 1) * n]), distance)
                }
                return (h.flatMap { scaled(distance, by: $0) } + distance, dh)
            }
            let found = try tuning.estimate(BestResponse(), at: response, h)
            let words: Comment = "seed \(seed): \(found.certificate)"
            #expect(relativeError(found.gradient, exact) < 1e-12, words)
            #expect(found.certificate.status == .converged && found.certificate.iterations == 0, words)
            #expect(found.certificate.relativeResidual.isNaN, words)
            #expect(found.certificate.smallestCurvature.isNaN, words)
            var calls = CallbackCounts()
            calls.outerGradients = 1
            #expect(found.certificate.calls == calls, words)

            // The same hypergradient by the implicit function theorem, and by differences.
            var problem = ArrayProblem(parameterCount: n, hyperparameterCount: m)
            problem.outerGradient = { w, _ in (sum(w, -1, target), direct) }
            problem.hessianProduct = { _, _, v in hessian.times(v) }
            problem.crossProduct = { _, _, v in scaled(mixed.times(v), by: -1) }
            let implicit = try problem.estimate(
                try ConjugateGradient(tolerance: 1e-14), at: respond(response, h), h)
            #expect(relativeError(found.gradient, implicit.gradient) < 1e-12, words)
            let differences = centralDifferences(at: h) { outerLoss(respond(response, $0), $0) }
            #expect(relativeError(found.gradient, differences) < 1e-8, words)
        }

        /// In single precision, too; and a loss that h does not enter has a zero that is right.
        @Test func otherVectors() throws {
            let quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            let single = try quadratic.problem.estimate(
                BestResponse(), at: quadratic.place, quadratic.hyperplace, Float.self)
            #expect(relativeError(single.gradient, quadratic.partial) < 1e-6)
            var blind = quadratic
            blind.partial = [0, 0, 0, 0]
            let zero = try blind.estimate(BestResponse())
            #expect(zero.gradient == blind.partial && zero.certificate.status == .converged)
        }

        /// What the option names is this estimator, whatever the other options say.
        @Test func madeByOptions() throws {
            var options = Options()
            options.estimator = .bestResponse
            #expect(try options.resolved().makeEstimator() is BestResponse)
            #expect(BestResponse.name == EstimatorKind.bestResponse.rawValue)
        }
    }
}
