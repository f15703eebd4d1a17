/// The logarithm of the probability of values under a Gaussian process with mean 0,
///
///     log p(y) = -½ yᵀ K⁻¹ y - ½ log det K - n/2 log 2π,
///
/// and its derivatives ½ tr((α αᵀ - K⁻¹) dK/dθ), α = K⁻¹ y.
///
/// Source: Rasmussen and Williams, 'Gaussian Processes for Machine Learning', 2006, equations 5.8 and
/// 5.9.
struct MarginalLikelihood {
    private let kernel: CovarianceKernel
    private let values: [Double]
    /// Squared distances by pair and group: pairs x groups; the pairs as in a packed lower triangle
    /// without its diagonal.
    private var squares: [Double]
    private var gaps: [Double] = []

    /// - Parameter values: Standardised, one for each observation.
    /// - Complexity: O(points^2 width), once for all hyperparameters that are tried; points^2 x groups numbers.
    init(kernel: CovarianceKernel, observations: Observations, values: [Double]) {
        self.kernel = kernel
        self.values = values
        let count = values.count
        let groups = kernel.groupCount
        squares = Array(repeating: 0, count: count * (count - 1) / 2 * groups)
        let ones = [Double](repeating: 1, count: kernel.width)
        observations.rows.withUnsafeBufferPointer { rows in
            ones.withUnsafeBufferPointer { ones in
                squares.withUnsafeMutableBufferPointer { squares in
                    guard let rows = rows.baseAddress, let ones = ones.baseAddress, let squares = squares.baseAddress
                    else { return }
                    for row in 0..<count {
                        let first = squares + row * (row - 1) / 2 * groups
                        for run in kernel.groupRuns {
                            KernelLoops.addSquares(
                                run, rows + row * kernel.width, rows, count: row, width: kernel.width, weights: ones,
                                to: first + run.group, stride: groups)
                        }
                    }
                }
            }
        }
        guard kernel.family == .timeVarying else { return }
        for row in 0..<count {
            for other in 0..<row { gaps.append((observations.times[row] - observations.times[other]).magnitude) }
        }
    }

    /// log p(y) and its gradient with respect to θ; -infinity where K is not positive definite.
    ///
    /// - Complexity: O(points^3 + points^2 groups).
    func value(_ hyperparameters: [Double], gradient: inout [Double]) -> Double {
        let count = values.count
        let groups = kernel.groupCount
        let inverseSquares = (0..<groups).map { Elementary.exp(-2 * hyperparameters[$0]) }
        let variance = kernel.variance(hyperparameters)
        let noise = kernel.noise(hyperparameters)
        let rate = kernel.rate(hyperparameters)
        // Of each pair: the covariance, and its slope with respect to r².
        var covariances = [Double](repeating: 0, count: count * (count - 1) / 2)
        var slopes = covariances
        for pair in covariances.indices {
            var square = 0.0
            for group in 0..<groups { square += squares[pair * groups + group] * inverseSquares[group] }
            let correlation = kernel.correlation(square)
            let scale = rate == 0 ? variance : variance * Elementary.exp(-rate * gaps[pair])
            covariances[pair] = scale * correlation.value
            slopes[pair] = scale * correlation.slope
        }
        var factor = CholeskyFactor(capacity: count)
        for row in 0..<count {
            let begin = row * (row - 1) / 2
            guard factor.append(Array(covariances[begin..<begin + row]) + [variance + noise]) else {
                return -.infinity
            }
        }
        var weights = values
        factor.solveLower(&weights)
        let fit = weights.reduce(0) { $0 + $1 * $1 }
        factor.solveUpper(&weights)
        let inverse = factor.inverse()

        for index in gradient.indices { gradient[index] = 0 }
        var pair = 0
        for row in 0..<count {
            let begin = CholeskyFactor.start(row)
            for other in 0..<row {
                // Each pair stands twice in the trace.
                let share = weights[row] * weights[other] - inverse[begin + other]
                let sloped = -2 * share * slopes[pair]
                for group in 0..<groups {
                    gradient[group] += sloped * squares[pair * groups + group] * inverseSquares[group]
                }
                gradient[groups] += share * covariances[pair]
                if rate > 0 { gradient[groups + 2] -= share * covariances[pair] * rate * gaps[pair] }
                pair += 1
            }
            let share = 0.5 * (weights[row] * weights[row] - inverse[begin + row])
            gradient[groups] += share * variance
            gradient[groups + 1] += share * noise
        }
        return -0.5 * (fit + factor.logDeterminant + Double(count) * Elementary.log(2 * .pi))
    }

    /// θ where likelihood times prior is highest, as far as the evaluations reach.
    func maximize(from start: [Double], evaluations: Int) -> (hyperparameters: [Double], value: Double) {
        let prior = kernel.prior
        let minimizer = BoxMinimizer(
            low: kernel.lowest, high: kernel.highest, firstStep: 0.5, evaluations: evaluations)
        let result = minimizer.minimize(from: start) { point, gradient in
            var value = -self.value(point, gradient: &gradient)
            for index in point.indices {
                let deviation = prior[index].deviation
                let offset = (point[index] - prior[index].mean) / deviation
                value += 0.5 * offset * offset
                gradient[index] = -gradient[index] + offset / deviation
            }
            return value
        }
        return (result.point, -result.value)
    }
}
