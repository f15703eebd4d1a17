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
        let squares = solved.withUnsafeMutableBufferPointer { solved in
            forward(solved)
            return Self.dot(solved, UnsafeBufferPointer(solved), size)
        }
        let pivot = row[size] - squares
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
        vector.withUnsafeMutableBufferPointer { forward($0) }
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
        vector.withUnsafeMutableBufferPointer { vector in
            rows.withUnsafeBufferPointer { rows in
                for row in (0..<size).reversed() {
                    let begin = Self.start(row)
                    let value = vector[row] / rows[begin + row]
                    vector[row] = value
                    for column in 0..<row { vector[column] -= value * rows[begin + column] }
                }
            }
        }
    }

    /// The lower triangle of A⁻¹, packed as the factor is.
    ///
    /// - Complexity: O(size^3), size^2 in memory.
    func inverse() -> [Double] {
        // The rows of M = L⁻¹, then A⁻¹ = Mᵀ M.
        var triangle = [Double](repeating: 0, count: rows.count)
        var product = [Double](repeating: 0, count: rows.count)
        rows.withUnsafeBufferPointer { rows in
            triangle.withUnsafeMutableBufferPointer { triangle in
                for row in 0..<size {
                    let begin = Self.start(row)
                    let diagonal = rows[begin + row]
                    for other in 0..<row {
                        let scale = rows[begin + other]
                        let source = Self.start(other)
                        for column in 0...other {
                            triangle[begin + column] -= scale * triangle[source + column]
                        }
                    }
                    for column in 0..<row { triangle[begin + column] /= diagonal }
                    triangle[begin + row] = 1 / diagonal
                }
                product.withUnsafeMutableBufferPointer { product in
                    for row in 0..<size {
                        let begin = Self.start(row)
                        for other in 0...row {
                            let scale = triangle[begin + other]
                            let target = Self.start(other)
                            for column in 0...other {
                                product[target + column] += scale * triangle[begin + column]
                            }
                        }
                    }
                }
            }
        }
        return product
    }

    /// Where a row begins in packed storage.
    static func start(_ row: Int) -> Int { row * (row + 1) / 2 }

    private func forward(_ vector: UnsafeMutableBufferPointer<Double>) {
        rows.withUnsafeBufferPointer { rows in
            for row in 0..<size {
                let begin = Self.start(row)
                let known = Self.dot(vector, UnsafeBufferPointer(rebasing: rows[begin...]), row)
                vector[row] = (vector[row] - known) / rows[begin + row]
            }
        }
    }

    /// The sum in eight interleaved parts, which the compiler may not make of one by itself.
    private static func dot(
        _ left: UnsafeMutableBufferPointer<Double>, _ right: UnsafeBufferPointer<Double>, _ count: Int
    ) -> Double {
        var sums = SIMD8<Double>()
        var index = 0
        while index + 8 <= count {
            var a = SIMD8<Double>()
            var b = SIMD8<Double>()
            for lane in 0..<8 {
                a[lane] = left[index + lane]
                b[lane] = right[index + lane]
            }
            sums += a * b
            index += 8
        }
        var sum = sums.sum()
        while index < count {
            sum += left[index] * right[index]
            index += 1
        }
        return sum
    }
}
