import Testing
@testable import HPM

extension Hypergradients {
    /// Each estimator's rate of convergence against theory, on spectra that are known.
    @Suite struct RateTests {
        /// The error after K terms is (I - a H)^K q: each eigenvector's part to the power of K.
        @Test(arguments: 1...5) func neumann(seed: Int) throws {
            var random = TestRandom(seed)
            let eigenvalues = (0..<8).map { _ in random.uniform(0.5...4) }
            let quadratic = QuadraticProblem(eigenvalues, seed: seed)
            let rate = random.uniform(0.1...0.45)
            var errors: [Double] = []
            for terms in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
                let outcome = try quadratic.estimate(
                    try NeumannSeries(learningRate: rate, terms: terms, tolerance: 0))
                let missing = quadratic.mapped { power(1 - rate * $0, terms) / $0 }
                let error = sum(quadratic.hypergradient(), -1, outcome.gradient)
                // Rounding of q, of which the error is the small rest.
                let rounding = 1e-14 * norm(quadratic.hypergradient())
                #expect(
                    norm(sum(error, -1, missing)) < 1e-9 * norm(missing) + rounding,
                    "seed \(seed), \(terms) terms")
                let residual = norm(quadratic.mapped { power(1 - rate * $0, terms) }) / norm(quadratic.outer)
                // The true residual ends at its own rounding.
                #expect(
                    (outcome.certificate.relativeResidual - residual).magnitude < 1e-9 * residual + 1e-15)
                #expect(outcome.certificate.iterations == terms)
                #expect(outcome.certificate.status == .iterationLimit)
                errors.append(norm(error))
            }
            // At last the slowest part is what is left: the spectral radius a term.
            let radius = eigenvalues.map { (1 - rate * $0).magnitude }.max()!
            let bound = zip([1, 2, 3, 5, 8, 13, 21, 34, 55, 89], errors).allSatisfy { terms, error in
                error <= power(radius, terms) * norm(quadratic.mapped { 1 / $0 }) * (1 + 1e-9) + 1e-13
            }
            #expect(bound, "seed \(seed)")
        }

        private func power(_ base: Double, _ exponent: Int) -> Double {
            (0..<exponent).reduce(1) { value, _ in value * base }
        }

        @Test func neumannSpectralRadius() throws {
            // Well apart, so that one eigenvector is what is left.
            let quadratic = QuadraticProblem([0.2, 1, 1.5, 2], seed: 1)
            func error(_ terms: Int) throws -> Double {
                let outcome = try quadratic.estimate(
                    try NeumannSeries(learningRate: 0.6, terms: terms, tolerance: 0))
                return norm(sum(quadratic.hypergradient(), -1, outcome.gradient))
            }
            let ratio = try error(61) / error(60)
            #expect((ratio - 0.88).magnitude < 1e-8)
        }

        /// A quadratic of n parameters takes no more than n iterations; of k distinct eigenvalues, k,
        /// and no fewer.
        @Test(arguments: 1...5) func conjugateGradientEnds(seed: Int) throws {
            for count in [1, 2, 3, 7, 12] {
                let distinct = QuadraticProblem((0..<count).map { 1 + 0.7 * Double($0) }, seed: seed)
                let outcome = try distinct.estimate(
                    try ConjugateGradient(iterations: count, tolerance: 1e-12))
                #expect(outcome.certificate.status == .converged, "seed \(seed), n \(count)")
                #expect(outcome.certificate.iterations == count)
                #expect(relativeError(outcome.gradient, distinct.hypergradient()) < 1e-11)
                let oneLess = max(1, count - 1)
                if count > 1 {
                    let early = try distinct.estimate(
                        try ConjugateGradient(iterations: oneLess, tolerance: 1e-12))
                    #expect(early.certificate.status == .iterationLimit)
                }
            }
            for distinct in 1...6 {
                let clustered = QuadraticProblem(
                    (0..<24).map { 0.5 + Double($0 % distinct) }, seed: seed)
                let outcome = try clustered.estimate(try ConjugateGradient(tolerance: 1e-11))
                #expect(outcome.certificate.status == .converged)
                #expect(outcome.certificate.iterations == distinct, "seed \(seed), k \(distinct)")
                #expect(relativeError(outcome.gradient, clustered.hypergradient()) < 1e-10)
                // Damping moves the spectrum, not the number of distinct eigenvalues.
                let damped = try clustered.estimate(
                    try ConjugateGradient(tolerance: 1e-11, damping: 0.4))
                #expect(damped.certificate.iterations == distinct)
                #expect(relativeError(damped.gradient, clustered.hypergradient(damping: 0.4)) < 1e-10)
            }
        }

        /// The error in the norm of H is below 2 ((sqrt(c) - 1) / (sqrt(c) + 1))^k.
        @Test(arguments: 1...3) func conjugateGradientBound(seed: Int) throws {
            var random = TestRandom(seed)
            let eigenvalues = [1.0, 100.0] + (0..<30).map { _ in random.uniform(1...100) }
            let quadratic = QuadraticProblem(eigenvalues, seed: seed)
            func size(_ vector: [Double]) -> Double { dot(vector, quadratic.hessian.times(vector)).squareRoot() }
            let exact = quadratic.hypergradient()
            for iterations in [1, 2, 4, 8, 12, 16, 20] {
                let outcome = try quadratic.estimate(
                    try ConjugateGradient(iterations: iterations, tolerance: 0))
                let error = size(sum(outcome.gradient, -1, exact)) / size(sum(exact, -1, quadratic.partial))
                #expect(error < 2 * power(9.0 / 11, iterations), "seed \(seed), \(iterations) iterations")
            }
        }

        /// A sketch of rank k is exact for a Hessian of rank k.
        @Test(arguments: 1...5) func nystromOfLowRank(seed: Int) throws {
            let eigenvalues = [3, 2, 1.5, 1] + Array(repeating: 0.0, count: 11)
            let quadratic = QuadraticProblem(eigenvalues, seed: seed)
            let exact = quadratic.hypergradient(damping: 0.1)
            let outcome = try quadratic.estimate(try Nystrom(rank: 4, damping: 0.1, seed: UInt64(seed)))
            #expect(outcome.certificate.status == .converged)
            #expect(relativeError(outcome.gradient, exact) < 1e-8, "seed \(seed)")
            // One less cannot be.
            let less = try quadratic.estimate(try Nystrom(rank: 3, damping: 0.1, seed: UInt64(seed)))
            let residual = less.certificate.relativeResidual
            #expect(residual > 1e-3, "seed \(seed)")
            #expect(less.certificate.status == (residual > 1 ? .diverged : .iterationLimit))
        }

        /// More columns than the Hessian has rank are no failure: the damped system is regular.
        @Test(arguments: 1...10) func nystromBeyondTheRank(seed: Int) throws {
            let eigenvalues = [3, 2, 1.5, 1] + Array(repeating: 0.0, count: 11)
            let quadratic = QuadraticProblem(eigenvalues, seed: seed)
            for rank in [5, 8, 15] {
                let outcome = try quadratic.estimate(
                    try Nystrom(rank: rank, damping: 0.1, seed: UInt64(seed)))
                #expect(outcome.certificate.status == .converged, "seed \(seed), rank \(rank)")
                #expect(
                    relativeError(outcome.gradient, quadratic.hypergradient(damping: 0.1)) < 1e-6,
                    "seed \(seed), rank \(rank)")
            }
        }

        // MARK: SPSA

        /// A response whose differences are exact.
        private func quadraticResponse(_ count: Int) -> (problem: ArrayProblem, slope: [Double], h: [Double]) {
            var random = TestRandom(count, 5)
            let (linear, square, h) = (random.vector(count), random.vector(count), random.vector(count))
            var problem = ArrayProblem(parameterCount: 1, hyperparameterCount: count)
            problem.response = { h in
                h.indices.reduce(0) { $0 + linear[$1] * h[$1] + square[$1] * h[$1] * h[$1] }
            }
            return (problem, h.indices.map { linear[$0] + 2 * square[$0] * h[$0] }, h)
        }

        /// E|error|^2 = (m - 1) |gradient|^2 / samples.
        @Test(arguments: [1, 4, 16, 64]) func perturbationError(samples: Int) throws {
            let (problem, slope, h) = quadraticResponse(6)
            let repeats = 150
            var errors: [Double] = []
            var total = Array(repeating: 0.0, count: 6)
            for index in 0..<repeats {
                let seed = UInt64(1_000_000 * index + samples)
                let outcome = try problem.estimate(
                    try SimultaneousPerturbation(step: 0.1, samples: samples, seed: seed), at: [0], h)
                let error = sum(outcome.gradient, -1, slope)
                errors.append(dot(error, error) * Double(samples))
                total = sum(total, 1, outcome.gradient)
            }
            let expected = 5 * dot(slope, slope)
            let variance = errors.map { ($0 - errors.mean) * ($0 - errors.mean) }.mean
            #expect(isWithinFiveSigma(errors.mean, of: expected, variance: variance, count: repeats))
            // Not biased in any component.
            for index in slope.indices {
                #expect(
                    isWithinFiveSigma(
                        total[index] / Double(repeats), of: slope[index],
                        variance: dot(slope, slope) - slope[index] * slope[index],
                        count: repeats * samples))
            }
        }

        /// One hyperparameter has one sign vector and its mirror: exact.
        @Test func perturbationOfOneHyperparameter() throws {
            let (problem, slope, h) = quadraticResponse(1)
            let outcome = try problem.estimate(
                try SimultaneousPerturbation(step: 0.1, samples: 1, seed: 3), at: [0], h)
            #expect(relativeError(outcome.gradient, slope) < 1e-13)
        }

        /// Estimates of neighbouring seeds, as a trainer takes them in turn, are independent: their mean
        /// has half of the variance. Shared directions show in the product of the errors.
        @Test func neighbouringSeedsAreIndependent() throws {
            let (problem, slope, h) = quadraticResponse(6)
            let (samples, pairs) = (8, 150)
            var products: [Double] = []
            for pair in 0..<pairs {
                let errors = try [0, 1].map { offset in
                    let seed = UInt64(1_000_000 * pair + offset)
                    let outcome = try problem.estimate(
                        try SimultaneousPerturbation(step: 0.1, samples: samples, seed: seed), at: [0], h)
                    return sum(outcome.gradient, -1, slope)
                }
                products.append(dot(errors[0], errors[1]))
            }
            let variance = products.map { ($0 - products.mean) * ($0 - products.mean) }.mean
            #expect(isWithinFiveSigma(products.mean, of: 0, variance: variance, count: pairs))
        }

        /// The same seed gives the same bits, another one other directions.
        @Test func perturbationSeeds() throws {
            let (problem, _, h) = quadraticResponse(6)
            func estimate(_ seed: UInt64) throws -> [Double] {
                try problem.estimate(
                    try SimultaneousPerturbation(step: 0.1, samples: 3, seed: seed), at: [0], h
                ).gradient
            }
            #expect(try estimate(4) == estimate(4))
            #expect(try estimate(4) != estimate(400))
            #expect(try estimate(.max) == estimate(.max))
        }
    }
}
