/// Products of vectors of equal length.
enum Vector {
    static func dot(_ left: [Double], _ right: [Double]) -> Double {
        var sum = 0.0
        for index in left.indices { sum += left[index] * right[index] }
        return sum
    }

    /// The Euclidean norm; no square overflows or underflows.
    static func norm(_ vector: [Double]) -> Double {
        var largest = 0.0
        for value in vector {
            if value.isNaN { return .nan }
            largest = max(largest, value.magnitude)
        }
        guard largest > 0, largest.isFinite else { return largest }
        var sum = 0.0
        for value in vector { sum += (value / largest) * (value / largest) }
        return largest * sum.squareRoot()
    }

    static func add(_ factor: Double, _ vector: [Double], to target: inout [Double]) {
        for index in target.indices { target[index] += factor * vector[index] }
    }
}
