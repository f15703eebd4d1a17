// Data, and the dense algebra of the closed form.
import Foundation

func matrix(_ rows: Int, _ columns: Int, seed: Double) -> [[Double]] {
    func value(_ row: Int, _ column: Int) -> Double { sin(seed + 12.9 * Double((row + 1) * (column + 2))) }
    return (0..<rows).map { row in (0..<columns).map { column in value(row, column) } }
}

func product(_ matrix: [[Double]], _ vector: some Sequence<Double>) -> [Double] {
    matrix.map { zip($0, vector).map(*).reduce(0, +) }
}

func transposed(_ matrix: [[Double]], times vector: [Double]) -> [Double] {
    matrix[0].indices.map { j in zip(matrix, vector).map { $0[j] * $1 }.reduce(0, +) }
}

/// Gaussian elimination, for a positive definite matrix.
func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
    var a = zip(matrix, right).map { $0 + [$1] }
    for pivot in a.indices {
        for row in a.indices where row != pivot {
            let factor = a[row][pivot] / a[pivot][pivot]
            for column in a[row].indices { a[row][column] -= factor * a[pivot][column] }
        }
    }
    return a.indices.map { a[$0][a.count] / a[$0][$0] }
}
