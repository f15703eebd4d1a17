/// Points with what was seen there: what a Gaussian process is fitted to.
struct Observations: Equatable, Sendable {
    /// Coordinates of a point.
    let width: Int
    /// Row-major: points x width.
    var rows: [Double] = []
    /// When each was made; of importance to a kernel that varies in time alone.
    var times: [Double] = []
    /// Lower is better; infinite for a result that was not finite.
    var values: [Double] = []

    init(width: Int) {
        self.width = width
    }

    var count: Int { values.count }

    mutating func append(_ row: [Double], time: Double = 0, value: Double) {
        rows.append(contentsOf: row)
        times.append(time)
        values.append(value)
    }

    mutating func remove(at index: Int) {
        rows.removeSubrange(index * width..<(index + 1) * width)
        times.remove(at: index)
        values.remove(at: index)
    }

    func row(_ index: Int) -> ArraySlice<Double> {
        rows[index * width..<(index + 1) * width]
    }
}
