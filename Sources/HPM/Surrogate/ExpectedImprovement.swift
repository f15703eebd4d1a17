/// The expected improvement below a value b of a normal variable with mean m and deviation s:
///
///     EI = s h(z),   h(z) = φ(z) + z Φ(z),   z = (b - m) / s.
///
/// Its logarithm is what is maximised: far from the best value EI underflows, log EI still has a slope.
///
/// Sources: Jones, Schonlau and Welch, 'Efficient global optimization of expensive black-box
/// functions', 1998, equation 15; Ament et al., 'Unexpected improvements to expected improvement',
/// NeurIPS 2023, for the logarithm.
enum ExpectedImprovement {
    /// log EI and its derivatives with respect to mean and deviation.
    static func logarithm(
        mean: Double, deviation: Double, below best: Double
    ) -> (value: Double, byMean: Double, byDeviation: Double) {
        let z = (best - mean) / deviation
        let logDensity = -0.5 * z * z - 0.5 * Elementary.log(2 * .pi)
        let logImprovement = logImprovement(z)
        let density = Elementary.exp(logDensity - logImprovement)
        // Φ / h from h = φ + z Φ; near 0 from Φ itself.
        let probability =
            z.magnitude > 1
            ? (1 - density) / z
            : 0.5 * Elementary.erfc(-z * 0.5.squareRoot()) / Elementary.exp(logImprovement)
        return (
            Elementary.log(deviation) + logImprovement, -probability / deviation, density / deviation
        )
    }

    /// log h(z).
    private static func logImprovement(_ z: Double) -> Double {
        let density = Elementary.exp(-0.5 * z * z) / (2 * Double.pi).squareRoot()
        let probability = 0.5 * Elementary.erfc(-z * 0.5.squareRoot())
        if z > -1 { return Elementary.log(density + z * probability) }
        // h / φ, before φ underflows.
        let ratio: Double
        if z > -25 {
            ratio = 1 + z * probability / density
        } else {
            // The asymptotic series of Mills' ratio, where 1 and z Φ / φ cancel.
            let square = 1 / (z * z)
            ratio =
                square
                * (1 - square * (3 - square * (15 - square * (105 - square * (945 - square * 10395)))))
        }
        return -0.5 * z * z - 0.5 * Elementary.log(2 * .pi) + Elementary.log(ratio)
    }
}
