import Testing
@testable import HPM

/// The loops that take several observations at a time, against the plain formulas.
@Suite struct KernelLoopsTests {
    private struct Example {
        let width: Int
        let count: Int
        let isCategorical: [Bool]
        let groups: [Int]
        let point: [Double]
        let others: [Double]
        let weights: [Double]

        init(_ seed: Int) {
            var random = TestRandom(seed, 83)
            width = 1 + random.index(40)
            count = random.index(21)
            // Stretches of a kind, and of a group.
            let share = random.uniform()
            var isCategorical: [Bool] = []
            var groups: [Int] = []
            for index in 0..<width {
                let isNew = index == 0 || random.uniform() < 0.3
                isCategorical.append(isNew ? random.uniform() < share : isCategorical[index - 1])
                groups.append(isNew ? random.index(3) : groups[index - 1])
            }
            let kinds = isCategorical
            func row(_ random: inout TestRandom) -> [Double] {
                kinds.map { $0 ? Double(random.index(3)) : random.uniform() }
            }
            point = row(&random)
            others = (0..<count).flatMap { _ in row(&random) }
            weights = (0..<width).map { _ in random.uniform(0.01...10) }
            (self.isCategorical, self.groups) = (isCategorical, groups)
        }

        /// What one loop over coordinates adds.
        func square(_ other: Int, _ coordinate: Int, _ weight: Double) -> Double {
            let difference = point[coordinate] - others[other * width + coordinate]
            if isCategorical[coordinate] { return difference == 0 ? 0 : weight }
            return weight * difference * difference
        }
    }

    /// Squared distances by group, some groups in several runs, to the bit.
    @Test(arguments: 0..<200)
    func squares(seed: Int) {
        let example = Example(seed)
        let groups = 3
        var found = [Double](repeating: 0, count: example.count * groups + groups)
        found.withUnsafeMutableBufferPointer { found in
            guard let found = found.baseAddress else { return }
            for run in KernelLoops.runs(isCategorical: example.isCategorical, groups: example.groups) {
                KernelLoops.addSquares(
                    run, example.point, example.others, count: example.count, width: example.width,
                    weights: example.weights, to: found + run.group, stride: groups)
            }
        }
        for other in 0..<example.count {
            for group in 0..<groups {
                var expected = 0.0
                for coordinate in 0..<example.width where example.groups[coordinate] == group {
                    expected += example.square(other, coordinate, example.weights[coordinate])
                }
                #expect(found[other * groups + group] == expected, "seed \(seed), row \(other), group \(group)")
            }
        }
        #expect(found.suffix(groups).allSatisfy { $0 == 0 }, "seed \(seed): beyond the last row")
    }

    @Test(arguments: 0..<200)
    func slopes(seed: Int) {
        let example = Example(seed)
        var random = TestRandom(seed, 84)
        let first = (0..<example.count).map { _ in random.normal() }
        let second = (0..<example.count).map { _ in random.normal() }
        var (found, other) = ([Double](repeating: 0, count: example.width), [Double](repeating: 0, count: example.width))
        found.withUnsafeMutableBufferPointer { found in
            other.withUnsafeMutableBufferPointer { other in
                guard let found = found.baseAddress, let other = other.baseAddress else { return }
                let none = example.groups.map { _ in 0 }
                for run in KernelLoops.runs(isCategorical: example.isCategorical, groups: none)
                where !run.isCategorical {
                    KernelLoops.addSlopes(
                        run.range, example.point, example.others, count: example.count, width: example.width,
                        weights: example.weights, first: first, second: second, to: found, other)
                }
            }
        }
        for coordinate in 0..<example.width {
            var expected = (0.0, 0.0)
            for row in 0..<example.count where !example.isCategorical[coordinate] {
                let difference =
                    example.weights[coordinate]
                    * (example.point[coordinate] - example.others[row * example.width + coordinate])
                expected.0 += first[row] * difference
                expected.1 += second[row] * difference
            }
            #expect((found[coordinate], other[coordinate]) == expected, "seed \(seed), coordinate \(coordinate)")
        }
    }

    /// Predictions at many points at once, and gradients, against the textbook's formula with distances summed pair by
    /// pair and a system solved by elimination.
    @Test(arguments: [CovarianceKernel.Family.matern, .timeVarying], 0..<10)
    func predictions(family: CovarianceKernel.Family, seed: Int) throws {
        let example = Example(seed)
        guard example.count > 0 else { return }
        var random = TestRandom(seed, 85)
        let kernel = CovarianceKernel(family: family, groups: example.groups, isCategorical: example.isCategorical)
        let hyperparameters =
            kernel.start.enumerated().map { $1 + ($0 < kernel.groupCount ? random.uniform(-0.5...0.5) : 0) }
        var observations = Observations(width: example.width)
        for row in 0..<example.count {
            observations.append(
                Array(example.others[row * example.width..<(row + 1) * example.width]), time: Double(row / 3),
                value: random.normal())
        }
        let process = try #require(
            GaussianProcess(kernel: kernel, hyperparameters: hyperparameters, observations: observations))
        let weights = kernel.weights(hyperparameters)
        let (variance, rate) = (kernel.variance(hyperparameters), kernel.rate(hyperparameters))
        func covariance(_ left: [Double], _ leftTime: Double, _ right: [Double], _ rightTime: Double) -> Double {
            var square = 0.0
            for index in left.indices {
                let difference = left[index] - right[index]
                square += weights[index] * (example.isCategorical[index] ? (difference == 0 ? 0 : 1) : difference * difference)
            }
            return variance * kernel.correlation(square).value * Elementary.exp(-rate * (leftTime - rightTime).magnitude)
        }
        let rows = (0..<example.count).map { Array(observations.row($0)) }
        let matrix = rows.indices.map { row in
            rows.indices.map { other in
                covariance(rows[row], observations.times[row], rows[other], observations.times[other])
                    + (row == other ? kernel.noise(hyperparameters) : 0)
            }
        }
        let time = 3.5
        func expected(_ point: [Double]) -> (mean: Double, variance: Double) {
            let covariances = rows.indices.map { covariance(point, time, rows[$0], observations.times[$0]) }
            let solved = Self.solve(matrix, covariances)
            var (mean, explained) = (0.0, 0.0)
            for index in rows.indices {
                mean += solved[index] * observations.values[index]
                explained += solved[index] * covariances[index]
            }
            return (mean, variance - explained)
        }
        let points = [example.point] + (0..<10).map { _ in
            example.isCategorical.map { $0 ? Double(random.index(3)) : random.uniform() }
        }
        let together = process.predict(points, time: time)
        for (point, found) in zip(points, together) {
            let alone = process.predict(point, time: time)
            #expect(found.mean == alone.mean && found.variance == alone.variance)
            let truth = expected(point)
            #expect((found.mean - truth.mean).magnitude < 1e-10, "seed \(seed): \(found.mean), not \(truth.mean)")
            #expect((found.variance - truth.variance).magnitude < 1e-10, "seed \(seed): \(found.variance), not \(truth.variance)")
            let full = process.predictWithGradient(point, time: time)
            for index in point.indices where !example.isCategorical[index] {
                var (above, below) = (point, point)
                above[index] += 1e-4
                below[index] -= 1e-4
                let (high, low) = (expected(above), expected(below))
                let byMean = (high.mean - low.mean) / 2e-4
                let byVariance = (high.variance - low.variance) / 2e-4
                #expect((full.meanGradient[index] - byMean).magnitude < 1e-4 * (1 + byMean.magnitude), "seed \(seed)")
                #expect(
                    (full.varianceGradient[index] - byVariance).magnitude < 1e-4 * (1 + byVariance.magnitude),
                    "seed \(seed)")
            }
        }
    }

    /// Gaussian elimination with partial pivoting.
    private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var rows = zip(matrix, right).map { $0 + [$1] }
        let size = rows.count
        for column in 0..<size {
            let pivot = (column..<size).max { rows[$0][column].magnitude < rows[$1][column].magnitude } ?? column
            rows.swapAt(column, pivot)
            for row in column + 1..<size {
                let factor = rows[row][column] / rows[column][column]
                for index in column...size { rows[row][index] -= factor * rows[column][index] }
            }
        }
        var solution = [Double](repeating: 0, count: size)
        for row in (0..<size).reversed() {
            var value = rows[row][size]
            for column in row + 1..<size { value -= rows[row][column] * solution[column] }
            solution[row] = value / rows[row][row]
        }
        return solution
    }
}
