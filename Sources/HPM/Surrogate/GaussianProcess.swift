/// A Gaussian process with mean 0, conditioned on observations: at any point a mean and a variance of
/// the function there.
///
///     mean = kᵀ K⁻¹ y,   variance = s² - kᵀ K⁻¹ k
///
/// - Complexity: O(points^3 + points^2 width) to make, O(points^2) for a further observation,
///   O(points^2 + points width) for a prediction.
///
/// Source: Rasmussen and Williams, 'Gaussian Processes for Machine Learning', 2006, algorithm 2.1.
struct GaussianProcess: Sendable {
    let kernel: CovarianceKernel
    let hyperparameters: [Double]
    private let weights: [Double]
    private let variance: Double
    private let noise: Double
    private let rate: Double
    private var observations: Observations
    /// L⁻¹ y, to which an observation adds an element.
    private var whitened: [Double] = []
    private var coefficients: [Double] = []
    private var factor: CholeskyFactor

    struct Prediction {
        var mean: Double
        var variance: Double
        /// Derivatives with respect to the point's coordinates; 0 for choices.
        var meanGradient: [Double] = []
        var varianceGradient: [Double] = []
    }

    /// - Parameter observations: Their values standardised.
    /// - Returns: nil where the covariance is not positive definite.
    init?(kernel: CovarianceKernel, hyperparameters: [Double], observations: Observations) {
        self.kernel = kernel
        self.hyperparameters = hyperparameters
        weights = kernel.weights(hyperparameters)
        variance = kernel.variance(hyperparameters)
        noise = kernel.noise(hyperparameters)
        rate = kernel.rate(hyperparameters)
        self.observations = Observations(width: kernel.width)
        factor = CholeskyFactor(capacity: observations.count)
        for index in 0..<observations.count {
            let isDefinite = add(
                Array(observations.row(index)), time: observations.times[index],
                value: observations.values[index])
            guard isDefinite else { return nil }
        }
        updateCoefficients()
    }

    var count: Int { observations.count }

    /// Conditions on a further observation.
    ///
    /// - Returns: Whether it could be: a point that says nothing new may not.
    @discardableResult
    mutating func append(_ row: [Double], time: Double = 0, value: Double) -> Bool {
        guard add(row, time: time, value: value) else { return false }
        updateCoefficients()
        return true
    }

    private mutating func add(_ row: [Double], time: Double, value: Double) -> Bool {
        var covariances = covariances(row, time: time).values
        covariances.append(variance + noise)
        guard factor.append(covariances) else { return false }
        observations.append(row, time: time, value: value)
        whitened.append(factor.solveLast(value, whitened))
        return true
    }

    private mutating func updateCoefficients() {
        coefficients = whitened
        factor.solveUpper(&coefficients)
    }

    /// The covariances of a point with the observations, and their slopes with respect to r².
    private func covariances(_ row: [Double], time: Double) -> (values: [Double], slopes: [Double]) {
        covariances(at: squaredDistances([row]), time: time)
    }

    /// r² of each observation: of the first point, then of the others.
    ///
    /// - Complexity: O(points x observations x width); each block of observations is read once for all points.
    private func squaredDistances(_ points: [[Double]]) -> [Double] {
        let width = kernel.width
        let block = 8
        var squares = [Double](repeating: 0, count: points.count * count)
        squares.reserveCapacity(squares.count + 1)
        squares.withUnsafeMutableBufferPointer { squares in
            guard let squares = squares.baseAddress else { return }
            for first in stride(from: 0, to: count, by: block) {
                for (number, point) in points.enumerated() {
                    withPointers(point) { rows, point, weights in
                        for run in kernel.runs {
                            KernelLoops.addSquares(
                                run, point, rows + first * width, count: min(block, count - first), width: width,
                                weights: weights, to: squares + number * count + first)
                        }
                    }
                }
            }
        }
        return squares
    }

    private func covariances(at squares: [Double], time: Double) -> (values: [Double], slopes: [Double]) {
        var values = squares
        var slopes = squares
        for index in 0..<count {
            let correlation = kernel.correlation(squares[index])
            let scale =
                rate == 0
                ? variance
                : variance * Elementary.exp(-rate * (time - observations.times[index]).magnitude)
            values[index] = scale * correlation.value
            slopes[index] = scale * correlation.slope
        }
        return (values, slopes)
    }

    /// The mean at each observation.
    var fittedValues: [Double] {
        (0..<count).map { observations.values[$0] - noise * coefficients[$0] }
    }

    func predict(_ row: [Double], time: Double = 0) -> Prediction {
        predict([row], time: time)[0]
    }

    /// At several points, which are as many predictions and fewer passes over memory.
    func predict(_ points: [[Double]], time: Double = 0) -> [Prediction] {
        let squares = squaredDistances(points)
        return points.indices.map { point in
            var (values, _) = covariances(at: Array(squares[point * count..<(point + 1) * count]), time: time)
            var mean = 0.0
            for index in 0..<count { mean += values[index] * coefficients[index] }
            factor.solveLower(&values)
            let explained = values.reduce(0) { $0 + $1 * $1 }
            return Prediction(mean: mean, variance: limited(variance - explained))
        }
    }

    /// - Complexity: As a prediction, thrice the share of points x width.
    func predictWithGradient(_ row: [Double], time: Double = 0) -> Prediction {
        let (values, slopes) = covariances(row, time: time)
        var solved = values
        factor.solveLower(&solved)
        let explained = solved.reduce(0) { $0 + $1 * $1 }
        factor.solveUpper(&solved)
        let width = kernel.width
        var result = Prediction(mean: 0, variance: limited(variance - explained))
        var meanGradient = [Double](repeating: 0, count: width)
        var varianceGradient = meanGradient
        for index in 0..<count { result.mean += values[index] * coefficients[index] }
        let forMean = (0..<count).map { 2 * coefficients[$0] * slopes[$0] }
        let forVariance = (0..<count).map { -4 * solved[$0] * slopes[$0] }
        meanGradient.withUnsafeMutableBufferPointer { meanGradient in
            varianceGradient.withUnsafeMutableBufferPointer { varianceGradient in
                guard let meanGradient = meanGradient.baseAddress, let varianceGradient = varianceGradient.baseAddress
                else { return }
                withPointers(row) { rows, row, weights in
                    for run in kernel.runs where !run.isCategorical {
                        KernelLoops.addSlopes(
                            run.range, row, rows, count: count, width: width, weights: weights, first: forMean,
                            second: forVariance, to: meanGradient, varianceGradient)
                    }
                }
            }
        }
        result.meanGradient = meanGradient
        result.varianceGradient = varianceGradient
        return result
    }

    private func withPointers(
        _ row: [Double],
        _ body: (
            _ rows: UnsafePointer<Double>, _ row: UnsafePointer<Double>, _ weights: UnsafePointer<Double>
        ) -> Void
    ) {
        observations.rows.withUnsafeBufferPointer { rows in
            row.withUnsafeBufferPointer { row in
                weights.withUnsafeBufferPointer { weights in
                    if let rows = rows.baseAddress, let row = row.baseAddress, let weights = weights.baseAddress {
                        body(rows, row, weights)
                    }
                }
            }
        }
    }

    /// Rounding may take a variance of about 0 below it.
    private func limited(_ value: Double) -> Double { max(value, 1e-12 * variance) }
}
