/// The lower Cholesky factor L of a symmetric positive definite matrix A = L Lᵀ, that grows by a row at
/// a time. Rows are packed, so that every inner loop runs over neighbours in memory.
///
/// Source: Golub and Van Loan, 'Matrix Computations', 4th edition, section 4.2.
struct CholeskyFactor: Sendable {
    private(set) var size = 0
    private var rows: [Double] = []

    init(capacity: Int = 0) {
        rows.reserveCapacity(capacity * (capacity + 1) / 2)
    }

    /// Adds a row of A: its first `size` off-diagonal elements, then the diagonal.
    ///
    /// - Returns: Whether the larger matrix is positive definite; nothing is changed where it is not.
    /// - Complexity: O(size^2).
    mutating func append(_ row: [Double]) -> Bool {
        var solved = row
        solveLower(&solved)
        var pivot = row[size]
        for index in 0..<size { pivot -= solved[index] * solved[index] }
        guard pivot > 0, pivot.isFinite else { return false }
        solved[size] = pivot.squareRoot()
        rows.append(contentsOf: solved)
        size += 1
        return true
    }

    /// log det A.
    var logDeterminant: Double {
        (0..<size).reduce(0) { $0 + 2 * Elementary.log(rows[Self.start($1) + $1]) }
    }

    /// Replaces the first `size` elements of b by L⁻¹ b.
    ///
    /// - Complexity: O(size^2).
    func solveLower(_ vector: inout [Double]) {
        Self.withPointers(rows, &vector) { rows, vector in
            for row in 0..<size {
                let begin = rows + Self.start(row)
                vector[row] = (vector[row] - dot(begin, vector, row)) / begin[row]
            }
        }
    }

    /// The last element of L⁻¹ b, given the others.
    ///
    /// - Complexity: O(size).
    func solveLast(_ value: Double, _ solved: [Double]) -> Double {
        let begin = Self.start(size - 1)
        var rest = value
        for index in 0..<size - 1 { rest -= rows[begin + index] * solved[index] }
        return rest / rows[begin + size - 1]
    }

    /// Replaces b by L⁻ᵀ b.
    ///
    /// - Complexity: O(size^2).
    func solveUpper(_ vector: inout [Double]) {
        Self.withPointers(rows, &vector) { rows, vector in
            for row in (0..<size).reversed() {
                let begin = rows + Self.start(row)
                let value = vector[row] / begin[row]
                vector[row] = value
                add(-value, begin, to: vector, row)
            }
        }
    }

    /// The lower triangle of A⁻¹, packed as the factor is.
    ///
    /// - Complexity: O(size^3), size^2 in memory.
    func inverse() -> [Double] {
        // The rows of M = L⁻¹, then A⁻¹ = Mᵀ M.
        var triangle = [Double](repeating: 0, count: rows.count)
        Self.withPointers(rows, &triangle) { rows, triangle in
            for row in 0..<size {
                let begin = Self.start(row)
                let diagonal = rows[begin + row]
                for other in 0..<row {
                    add(
                        -rows[begin + other] / diagonal, triangle + Self.start(other),
                        to: triangle + begin, other + 1)
                }
                triangle[begin + row] = 1 / diagonal
            }
        }
        var product = [Double](repeating: 0, count: rows.count)
        Self.withPointers(triangle, &product) { triangle, product in
            for row in 0..<size {
                let begin = triangle + Self.start(row)
                for other in 0...row {
                    add(begin[other], begin, to: product + Self.start(other), other + 1)
                }
            }
        }
        return product
    }

    /// Where a row begins in packed storage.
    static func start(_ row: Int) -> Int { row * (row + 1) / 2 }

    private static func withPointers(
        _ rows: [Double], _ values: inout [Double],
        _ body: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
    ) {
        rows.withUnsafeBufferPointer { rows in
            values.withUnsafeMutableBufferPointer { values in
                if let rows = rows.baseAddress, let values = values.baseAddress {
                    body(rows, values)
                }
            }
        }
    }
}

/// The sum in four interleaved parts, which the compiler may not make of one by itself.
private func dot(_ left: UnsafePointer<Double>, _ right: UnsafePointer<Double>, _ count: Int) -> Double {
    var (first, second, third, fourth) = (0.0, 0.0, 0.0, 0.0)
    var index = 0
    while index + 4 <= count {
        first += left[index] * right[index]
        second += left[index + 1] * right[index + 1]
        third += left[index + 2] * right[index + 2]
        fourth += left[index + 3] * right[index + 3]
        index += 4
    }
    while index < count {
        first += left[index] * right[index]
        index += 1
    }
    return (first + second) + (third + fourth)
}

private func add(
    _ scale: Double, _ source: UnsafePointer<Double>, to target: UnsafeMutablePointer<Double>,
    _ count: Int
) {
    var index = 0
    while index < count {
        target[index] += scale * source[index]
        index += 1
    }
}
