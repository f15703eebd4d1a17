/// A point with what a search knows of its loss; lower is better.
struct KnownPoint: Equatable, Sendable {
    var point: Point
    /// F: the latest value there.
    var loss: Double
    /// E: the estimate, a mean along the steps that led there, and c: of how many values.
    var value: Double
    var count = 1

    /// A value that lies further from what was expected than so many tolerances is no noise.
    static let surprise = 13.0
    /// The noise sigma of a value, in tolerances.
    static let deviation = 8.9

    init(point: Point, loss: Double) {
        self.point = point
        self.loss = loss
        value = loss
    }

    /// The estimate as far as noise explains its distance from the value there, else that value: what
    /// was a mean over rough ground is none once the steps are short.
    func credible(_ tolerance: Double) -> KnownPoint {
        if (loss - value).magnitude <= Self.surprise * tolerance { return self }
        return KnownPoint(point: point, loss: loss)
    }

    /// E + sigma / sqrt(c) of the credible estimate, by which points are ranked: one lucky value does
    /// not lead.
    func bound(_ tolerance: Double) -> Double {
        let isCredible = (loss - value).magnitude <= Self.surprise * tolerance
        let spread = Self.deviation * tolerance
        return isCredible ? value + spread / Double(count).squareRoot() : loss + spread
    }

    /// The largest difference of a latent coordinate.
    func distance(to other: KnownPoint) -> Double {
        var largest = 0.0
        for (left, right) in zip(point.latent, other.point.latent) {
            largest = max(largest, (left - right).magnitude)
        }
        return largest
    }
}
