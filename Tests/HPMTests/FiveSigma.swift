/// Whether the mean of `count` draws is within five standard deviations of what is expected.
///
/// - Parameter variance: Of one draw.
func isWithinFiveSigma(
    _ mean: Double, of expected: Double, variance: Double, count: Int
) -> Bool {
    (mean - expected).magnitude < 5 * (variance / Double(count)).squareRoot()
}

/// The same for a share of draws.
func isShareWithinFiveSigma(_ hits: Int, of count: Int, _ share: Double) -> Bool {
    isWithinFiveSigma(
        Double(hits) / Double(count), of: share, variance: share * (1 - share), count: count)
}

extension [Double] {
    var mean: Double { reduce(0, +) / Double(count) }

    func moment(_ order: Int) -> Double {
        map { value in (0..<order).reduce(1.0) { power, _ in power * value } }.mean
    }

    /// The middle value; the mean of the two middle ones.
    var median: Double {
        let ordered = sorted()
        return (ordered[(count - 1) / 2] + ordered[count / 2]) / 2
    }
}
