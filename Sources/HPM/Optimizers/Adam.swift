/// Adam with a count for each coordinate, since a coordinate without a derivative in a report takes
/// no part in it:
///
///     m = 0.9 m + 0.1 g;  v = 0.99 v + 0.01 g^2
///     direction = (m / (1 - 0.9^c)) / (sqrt(v / (1 - 0.99^c)) + 1e-12)
///
/// Source: Kingma and Ba, 'Adam', ICLR 2015, algorithm 1; the constants are those of HPM's
/// hyper-training here, where a run is some hundred steps.
struct Adam: Equatable, Sendable {
    static let firstDecay = 0.9
    static let secondDecay = 0.99
    static let epsilon = 1e-12

    var first: [Double]
    var second: [Double]
    var counts: [UInt32]

    init(count: Int) {
        first = Array(repeating: 0, count: count)
        second = Array(repeating: 0, count: count)
        counts = Array(repeating: 0, count: count)
    }

    mutating func copy(from source: Int, to student: Int, dimension: Int) {
        first.copyRow(source, to: student, width: dimension)
        second.copyRow(source, to: student, width: dimension)
        counts.copyRow(source, to: student, width: dimension)
    }

    mutating func direction(_ gradient: Double, at index: Int, _ corrections: inout BiasCorrections)
        -> Double
    {
        if counts[index] < .max { counts[index] += 1 }
        first[index] = Self.firstDecay * first[index] + (1 - Self.firstDecay) * gradient
        second[index] = Self.secondDecay * second[index] + (1 - Self.secondDecay) * gradient * gradient
        corrections.count = counts[index]
        return (first[index] / corrections.first)
            / ((second[index] / corrections.second).squareRoot() + Self.epsilon)
    }
}

/// 1 - 0.9^count and 1 - 0.99^count, computed anew only when the count changes: coordinates mostly
/// share theirs.
struct BiasCorrections: Sendable {
    private(set) var first = Double.nan
    private(set) var second = Double.nan

    var count: UInt32 = 0 {
        didSet {
            guard count != oldValue else { return }
            first = 1 - Elementary.pow(Adam.firstDecay, Double(count))
            second = 1 - Elementary.pow(Adam.secondDecay, Double(count))
        }
    }
}
