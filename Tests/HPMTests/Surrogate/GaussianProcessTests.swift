import Testing
@testable import HPM

/// Against JAX and scikit-learn: `gaussian_process_reference.py`.
@Suite struct GaussianProcessTests {
    private func observations(_ reference: GaussianProcessReference.Case) -> Observations {
        var result = Observations(width: 4)
        for index in reference.values.indices {
            result.append(
                Array(reference.rows[4 * index..<4 * index + 4]), time: reference.times[index],
                value: reference.values[index])
        }
        return result
    }

    private func kernel(_ reference: GaussianProcessReference.Case) -> CovarianceKernel {
        CovarianceKernel(
            family: reference.family, groups: GaussianProcessReference.groups,
            isCategorical: [false, false, true, false])
    }

    private func expectNear(_ value: Double, _ expected: Double, _ tolerance: Double, _ what: String) {
        #expect((value - expected).magnitude <= tolerance * (1 + expected.magnitude), "\(what): \(value), not \(expected)")
    }

    @Test(arguments: 0..<4)
    func likelihood(number: Int) {
        let reference = GaussianProcessReference.cases[number]
        let likelihood = MarginalLikelihood(
            kernel: kernel(reference), observations: observations(reference), values: reference.values)
        var gradient = [Double](repeating: 0, count: reference.hyperparameters.count)
        let value = likelihood.value(reference.hyperparameters, gradient: &gradient)
        expectNear(value, reference.likelihood, 1e-11, "likelihood")
        for (found, expected) in zip(gradient, reference.gradient) {
            expectNear(found, expected, 1e-9, "gradient")
        }
    }

    @Test(arguments: 0..<4)
    func predictions(number: Int) throws {
        let reference = GaussianProcessReference.cases[number]
        let process = try #require(
            GaussianProcess(
                kernel: kernel(reference), hyperparameters: reference.hyperparameters,
                observations: observations(reference)))
        for point in 0..<3 {
            let row = Array(reference.points[4 * point..<4 * point + 4])
            let time = reference.pointTimes[point]
            let plain = process.predict(row, time: time)
            let full = process.predictWithGradient(row, time: time)
            for prediction in [plain, full] {
                expectNear(prediction.mean, reference.means[point], 1e-11, "mean")
                expectNear(prediction.variance, reference.variances[point], 1e-11, "variance")
            }
            for coordinate in 0..<4 {
                expectNear(full.meanGradient[coordinate], reference.meanGradients[4 * point + coordinate], 1e-10, "mean's gradient")
                expectNear(
                    full.varianceGradient[coordinate], reference.varianceGradients[4 * point + coordinate], 1e-10,
                    "variance's gradient")
            }
        }
    }

    /// The maximiser reaches what L-BFGS-B of SciPy finds from eight starts.
    @Test(arguments: 0..<4)
    func maximum(number: Int) {
        let reference = GaussianProcessReference.cases[number]
        let kernel = kernel(reference)
        let likelihood = MarginalLikelihood(
            kernel: kernel, observations: observations(reference), values: reference.values)
        let found = likelihood.maximize(from: kernel.start, evaluations: 200)
        expectNear(found.value, reference.highestPosterior, 1e-6, "posterior")
        // What a restart can afford comes close.
        let quick = likelihood.maximize(from: kernel.start, evaluations: 40)
        #expect(quick.value > reference.highestPosterior - 0.1, "\(quick.value), not \(reference.highestPosterior)")
    }

    /// A believed prediction leaves the mean and lowers the variance; the same process is made from all
    /// observations at once.
    @Test(arguments: 0..<4)
    func believing(number: Int) throws {
        let reference = GaussianProcessReference.cases[number]
        var all = observations(reference)
        let process = try #require(
            GaussianProcess(
                kernel: kernel(reference), hyperparameters: reference.hyperparameters, observations: all))
        var believing = process
        let row = Array(reference.points[0..<4])
        let believed = process.predict(row, time: 5).mean
        let isDefinite = believing.append(row, time: 5, value: believed)
        #expect(isDefinite)
        all.append(row, time: 5, value: believed)
        let together = try #require(
            GaussianProcess(
                kernel: kernel(reference), hyperparameters: reference.hyperparameters, observations: all))
        for point in 0..<3 {
            let row = Array(reference.points[4 * point..<4 * point + 4])
            let before = process.predict(row, time: 3)
            let after = believing.predict(row, time: 3)
            expectNear(after.mean, before.mean, 1e-11, "mean")
            #expect(after.variance <= before.variance + 1e-12)
            expectNear(after.mean, together.predict(row, time: 3).mean, 1e-12, "mean at once")
            expectNear(after.variance, together.predict(row, time: 3).variance, 1e-12, "variance at once")
        }
        let variance = process.predict(row, time: 5).variance
        let noise = process.kernel.noise(reference.hyperparameters)
        expectNear(
            believing.predict(row, time: 5).variance, variance * noise / (variance + noise), 1e-11,
            "variance where it is believed")
    }

    /// Points that are all the same, at the least noise: still a process.
    @Test func duplicates() throws {
        let kernel = CovarianceKernel(family: .matern, groups: [0], isCategorical: [false])
        var all = Observations(width: 1)
        for index in 0..<256 { all.append([0.5], value: Double(index % 2)) }
        let process = try #require(
            GaussianProcess(
                kernel: kernel, hyperparameters: [0, kernel.highest[1], kernel.lowest[2]], observations: all))
        let prediction = process.predict([0.5])
        #expect((prediction.mean - 0.5).magnitude < 1e-6 && prediction.variance < 1e-6)
    }
}

@Suite struct ExpectedImprovementTests {
    /// Against numerical integration with 60 digits.
    @Test func againstIntegration() {
        for (mean, deviation, best, expected) in GaussianProcessReference.improvements {
            let value = ExpectedImprovement.logarithm(mean: mean, deviation: deviation, below: best).value
            #expect((value - expected).magnitude <= 1e-11 * (1 + expected.magnitude), "\(mean), \(deviation), \(best): \(value), not \(expected)")
        }
    }

    /// Derivatives against differences, over the whole range.
    @Test func derivatives() {
        var random = TestRandom(4)
        for _ in 0..<400 {
            let mean = random.uniform(-45...45)
            let deviation = Elementary.pow(10, random.uniform(-1.0...1))
            func value(_ mean: Double, _ deviation: Double) -> Double {
                ExpectedImprovement.logarithm(mean: mean, deviation: deviation, below: 0.3).value
            }
            let found = ExpectedImprovement.logarithm(mean: mean, deviation: deviation, below: 0.3)
            let step = 1e-5
            let byMean = (value(mean + step, deviation) - value(mean - step, deviation)) / (2 * step)
            let byDeviation =
                (value(mean, deviation * (1 + step)) - value(mean, deviation * (1 - step))) / (2 * step * deviation)
            #expect((found.byMean - byMean).magnitude <= 1e-5 * (1 + byMean.magnitude), "mean \(mean), deviation \(deviation)")
            #expect(
                (found.byDeviation - byDeviation).magnitude <= 1e-5 * (1 + byDeviation.magnitude),
                "mean \(mean), deviation \(deviation)")
        }
    }

    @Test func extremesAreNumbers() {
        for mean in [-1e300, -1e10, 0, 1e10, 1e100] {
            for deviation in [1e-6, 1, 1e6] {
                let found = ExpectedImprovement.logarithm(mean: mean, deviation: deviation, below: 0)
                #expect(!found.value.isNaN && !found.byMean.isNaN && !found.byDeviation.isNaN, "\(mean), \(deviation)")
            }
        }
    }
}

@Suite struct ValueScaleTests {
    @Test func anySize() throws {
        for values in [
            [1, 2, 3, 4, 1e300], [-1e308, 1e308, 0, 5], [3, 3, 3, 3, 3, 9], [.leastNonzeroMagnitude, 0],
            [1e10, 1e10 + 1, 1e10 + 2, .infinity], [5, .infinity, .infinity], [1, 1, 1, 1, 1, 1, 1, 1e308],
            [-1e300, 1, 2, 3, 4, 5, 6],
        ] as [[Double]] {
            let standardized = try #require(ValueScale(values, quantile: 0.5, of: values)).standardized(values)
            #expect(standardized.allSatisfy { $0.isFinite }, "\(values)")
            for (left, right) in zip(values.indices, values.indices.dropFirst()) {
                // The order stays.
                if values[left] < values[right] { #expect(standardized[left] <= standardized[right], "\(values)") }
            }
            #expect(standardized.mean.magnitude < 1e-9)
        }
        #expect(try #require(ValueScale([7, 7, .infinity], quantile: 0.25, of: [7])).standardized([7, 7, .infinity]) == [0, 0, 0])
        #expect(ValueScale([.infinity, .infinity], quantile: 0.25, of: []) == nil)
        #expect(ValueScale([], quantile: 0.25, of: []) == nil)
        // The better half is as it was, up to scale and shift.
        let values: [Double] = [0, 1, 2, 3, 1e6]
        let standardized = try #require(ValueScale(values, quantile: 0.5, of: values)).standardized(values)
        #expect(((standardized[1] - standardized[0]) - (standardized[2] - standardized[1])).magnitude < 1e-12)
    }
}

@Suite struct BoxMinimizerTests {
    /// The minimum of a quadratic in a box, against coordinate descent to the end.
    @Test(arguments: 0..<20)
    func quadratics(seed: Int) {
        var random = TestRandom(seed, 61)
        let dimension = 1 + random.index(8)
        let root = Matrix(dimension, dimension) { _, _ in random.normal() }
        let center = (0..<dimension).map { _ in random.uniform(-1...2) }
        let matrix = Matrix(dimension, dimension) { row, column in
            (0..<dimension).reduce(row == column ? 0.1 : 0) { $0 + root.rows[$1][row] * root.rows[$1][column] }
        }
        func value(_ x: [Double], _ gradient: inout [Double]) -> Double {
            let offset = zip(x, center).map { $0 - $1 }
            gradient = matrix.times(offset)
            return 0.5 * zip(offset, gradient).reduce(0) { $0 + $1.0 * $1.1 }
        }
        var expected = [Double](repeating: 0.5, count: dimension)
        for _ in 0..<20000 {
            for index in 0..<dimension {
                var gradient = expected
                _ = value(expected, &gradient)
                expected[index] = min(max(expected[index] - gradient[index] / matrix.rows[index][index], 0), 1)
            }
        }
        let minimizer = BoxMinimizer(
            low: Array(repeating: 0, count: dimension), high: Array(repeating: 1, count: dimension), firstStep: 0.1,
            evaluations: 500)
        let found = minimizer.minimize(from: (0..<dimension).map { _ in random.uniform() }, value)
        var gradient = expected
        let least = value(expected, &gradient)
        #expect(found.value <= least + 1e-6 * (1 + least), "seed \(seed): \(found.value), not \(least)")
        #expect(found.point.allSatisfy { $0 >= 0 && $0 <= 1 })
    }

    @Test func boundedByEvaluations() {
        var used = 0
        _ = BoxMinimizer(low: [-2, -2], high: [2, 2], firstStep: 0.1, evaluations: 17).minimize(from: [-1.2, 1]) { x, gradient in
            used += 1
            let valley = x[1] - x[0] * x[0]
            gradient = [-400 * x[0] * valley - 2 * (1 - x[0]), 200 * valley]
            return 100 * valley * valley + (1 - x[0]) * (1 - x[0])
        }
        #expect(used == 17)
    }

    /// A function that is nowhere a number is left at once.
    @Test func notANumber() {
        let found = BoxMinimizer(low: [0], high: [1], firstStep: 0.1, evaluations: 50).minimize(from: [0.5]) { _, gradient in
            gradient = [.nan]
            return .nan
        }
        #expect(found.point == [0.5])
    }
}

@Suite struct CholeskyFactorTests {
    @Test(arguments: [1, 2, 7, 8, 9, 33])
    func againstProducts(size: Int) {
        var random = TestRandom(size, 62)
        let root = Matrix(size, size) { _, _ in random.normal() }
        let matrix = Matrix(size, size) { row, column in
            (0..<size).reduce(row == column ? 1 : 0) { $0 + root.rows[row][$1] * root.rows[column][$1] }
        }
        var factor = CholeskyFactor()
        for row in 0..<size {
            let isDefinite = factor.append(Array(matrix.rows[row][0...row]))
            #expect(isDefinite)
        }
        let right = (0..<size).map { _ in random.normal() }
        var solution = right
        factor.solveLower(&solution)
        #expect((factor.solveLast(right[size - 1], solution) - solution[size - 1]).magnitude < 1e-12)
        factor.solveUpper(&solution)
        for (value, expected) in zip(matrix.times(solution), right) { #expect((value - expected).magnitude < 1e-9) }
        let inverse = factor.inverse()
        for column in 0..<size {
            let vector = (0..<size).map { inverse[CholeskyFactor.start(max($0, column)) + min($0, column)] }
            for (row, value) in matrix.times(vector).enumerated() {
                #expect((value - (row == column ? 1 : 0)).magnitude < 1e-9)
            }
        }
        // A row that depends on the others changes nothing.
        let isDefinite = factor.append(matrix.rows[0] + [matrix.rows[0][0] * (1 - 1e-9)])
        #expect(!isDefinite && factor.size == size)
    }
}
