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

extension Observations {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: count)
        encoder.put(rows)
        encoder.put(times)
        encoder.put(values)
    }

    /// - Parameter capacity: The most that there may be.
    init(
        _ decoder: inout SnapshotDecoder, width: Int, capacity: Int, in space: SearchSpace
    ) throws(HPMError) {
        self.init(width: width)
        let count = try decoder.index(below: capacity + 1, "the number of observations")
        // A width that is a space's dimension plus 1 times a capacity never overflows.
        rows = try decoder.doubles(count: count * width, in: SnapshotDecoder.finite, "the observed points")
        times = try decoder.doubles(count: count, in: 0...0x1p63, "the times of observations")
        values = try decoder.doubles(count: count, in: SnapshotDecoder.losses, "the observed losses")
        for parameter in space.parameters {
            let isChoice = parameter.kind == .choice
            for index in parameter.indices {
                for row in 0..<count {
                    let value = rows[row * width + index]
                    guard value >= 0, value <= (isChoice ? parameter.high : 1),
                        !isChoice || value == value.rounded()
                    else {
                        throw SnapshotDecoder.damaged("'\(parameter.name)' was observed at \(value)")
                    }
                }
            }
        }
    }
}
