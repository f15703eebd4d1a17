/// What a point is worth to be tried next, from the prediction there; higher is better, and lower
/// values of the function are.
enum Acquisition: Sendable {
    /// log EI below a value.
    case expectedImprovement(below: Double)
    /// -(mean - √β deviation).
    case confidenceBound(deviations: Double)

    func value(_ prediction: GaussianProcess.Prediction) -> Double {
        derivatives(prediction).value
    }

    func derivatives(
        _ prediction: GaussianProcess.Prediction
    ) -> (value: Double, byMean: Double, byDeviation: Double) {
        let deviation = prediction.variance.squareRoot()
        switch self {
        case .expectedImprovement(let best):
            return ExpectedImprovement.logarithm(
                mean: prediction.mean, deviation: deviation, below: best)
        case .confidenceBound(let deviations):
            return (deviations * deviation - prediction.mean, -1, deviations)
        }
    }
}
