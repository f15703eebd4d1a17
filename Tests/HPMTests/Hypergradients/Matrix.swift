@testable import HPM

/// The tests' own dense linear algebra, which shares no code with what is tested.
struct Matrix {
    var rows: [[Double]]

    var rowCount: Int { rows.count }
    var columnCount: Int { rows[0].count }

    init(_ rows: [[Double]]) { self.rows = rows }

    init(_ rowCount: Int, _ columnCount: Int, _ value: (Int, Int) -> Double) {
        rows = (0..<rowCount).map { row in (0..<columnCount).map { value(row, $0) } }
    }

    static func diagonal(_ values: [Double]) -> Matrix {
        Matrix(values.count, values.count) { $0 == $1 ? values[$0] : 0 }
    }

    func times(_ vector: [Double]) -> [Double] { rows.map { dot($0, vector) } }

    func transposedTimes(_ vector: [Double]) -> [Double] {
        var result = Array(repeating: 0.0, count: columnCount)
        for row in rows.indices {
            for column in result.indices { result[column] += rows[row][column] * vector[row] }
        }
        return result
    }

    var transposed: Matrix { Matrix(columnCount, rowCount) { rows[$1][$0] } }

    func times(_ other: Matrix) -> Matrix {
        let columns = other.transposed.rows.map { times($0) }
        return Matrix(rowCount, other.columnCount) { columns[$1][$0] }
    }

    /// By Gauss and Jordan with complete row pivoting, then refined twice.
    func solve(_ right: [Double]) -> [Double] {
        let inverse = inverse()
        var solution = inverse.times(right)
        for _ in 0..<2 {
            solution = sum(solution, 1, inverse.times(sum(right, -1, times(solution))))
        }
        return solution
    }

    func inverse() -> Matrix {
        let size = rowCount
        var left = rows
        var right = Matrix.diagonal(Array(repeating: 1, count: size)).rows
        for pivot in 0..<size {
            let best = (pivot..<size).max { left[$0][pivot].magnitude < left[$1][pivot].magnitude }!
            left.swapAt(pivot, best)
            right.swapAt(pivot, best)
            let factor = 1 / left[pivot][pivot]
            left[pivot] = scaled(left[pivot], by: factor)
            right[pivot] = scaled(right[pivot], by: factor)
            for row in 0..<size where row != pivot {
                let factor = left[row][pivot]
                left[row] = sum(left[row], -factor, left[pivot])
                right[row] = sum(right[row], -factor, right[pivot])
            }
        }
        return Matrix(right)
    }

    /// A random orthogonal matrix: Gram and Schmidt, twice.
    static func orthogonal(_ size: Int, _ random: inout TestRandom) -> Matrix {
        var rows: [[Double]] = []
        while rows.count < size {
            var row = (0..<size).map { _ in random.normal() }
            for _ in 0..<2 {
                for other in rows { row = sum(row, -dot(row, other), other) }
                row = scaled(row, by: 1 / norm(row))
            }
            rows.append(row)
        }
        return Matrix(rows)
    }
}
