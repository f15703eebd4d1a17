/// Brings losses of any size, also with infinite ones among them, into numbers that a Gaussian process
/// can model.
///
/// A loss y becomes z = (y - b) / (a - b), b the best and a an ordinary one, where that is at most 1, and
/// 1 + log z beyond: what is better than ordinary stays as it is, and a loss of 1e300 does not make all
/// others equal. One that is not finite counts as the worst finite one.
struct ValueScale: Sendable {
    private let unit: Double
    private let best: Double
    private let spread: Double
    private let worst: Double

    /// - Parameters:
    ///   - quantile: That of an ordinary value, between 0 and 1.
    ///   - reference: Where it is taken from. Values that gather around the best one would else
    ///     stretch what is near to it more and more.
    /// - Returns: nil without a finite value.
    init?(_ values: [Double], quantile: Double, of reference: [Double]) {
        let finite = values.filter(\.isFinite)
        guard let best = finite.min(), let worst = finite.max() else { return nil }
        // Differences of what is divided by the largest never overflow.
        let unit = max(best.magnitude, worst.magnitude, .leastNormalMagnitude)
        let ordered = reference.filter(\.isFinite).sorted()
        let place = Int(quantile * Double(ordered.count - 1))
        let ordinary = ordered.isEmpty ? best : min(max(ordered[place], best), worst)
        var spread = ordinary / unit - best / unit
        if !(spread > 0) {
            spread = finite.reduce(0) { $0 + ($1 / unit - best / unit) / Double(finite.count) }
        }
        self.unit = unit
        self.best = best
        self.spread = spread
        self.worst = worst
    }

    /// z of a value; 0 where all are equal.
    func callAsFunction(_ value: Double) -> Double {
        guard spread > 0 else { return 0 }
        let scaled = min(((value.isFinite ? value : worst) / unit - best / unit) / spread, 1e300)
        return scaled > 1 ? 1 + Elementary.log(scaled) : max(scaled, -1e300)
    }

    /// z with mean 0 and variance 1; all 0 where all are equal.
    func standardized(_ values: [Double]) -> [Double] {
        let scaled = values.map { self($0) }
        let mean = scaled.reduce(0, +) / Double(scaled.count)
        let variance = scaled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scaled.count)
        let deviation = variance.squareRoot()
        return scaled.map { deviation > 0 ? ($0 - mean) / deviation : 0 }
    }
}
