/// A small square matrix, for the inner systems of low-rank methods.
struct DenseMatrix {
    let size: Int
    private var values: [Double]

    init(size: Int) {
        self.size = size
        values = Array(repeating: 0, count: size * size)
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * size + column] }
        set { values[row * size + column] = newValue }
    }

    /// The solution by elimination with partial pivoting; nil where the matrix is singular to working
    /// precision.
    ///
    /// - Complexity: O(size^3).
    func solve(_ right: [Double]) -> [Double]? {
        var matrix = self
        var solution = right
        let largest = values.reduce(0) { max($0, $1.magnitude) }
        for pivot in 0..<size {
            var best = pivot
            for row in pivot..<size where matrix[row, pivot].magnitude > matrix[best, pivot].magnitude {
                best = row
            }
            guard matrix[best, pivot].magnitude > 1e-15 * largest else { return nil }
            if best != pivot {
                for column in 0..<size {
                    let value = matrix[pivot, column]
                    matrix[pivot, column] = matrix[best, column]
                    matrix[best, column] = value
                }
                solution.swapAt(pivot, best)
            }
            for row in pivot + 1..<size {
                let factor = matrix[row, pivot] / matrix[pivot, pivot]
                if factor == 0 { continue }
                for column in pivot..<size { matrix[row, column] -= factor * matrix[pivot, column] }
                solution[row] -= factor * solution[pivot]
            }
        }
        for row in stride(from: size - 1, through: 0, by: -1) {
            for column in row + 1..<size { solution[row] -= matrix[row, column] * solution[column] }
            solution[row] /= matrix[row, row]
        }
        return solution
    }
}
