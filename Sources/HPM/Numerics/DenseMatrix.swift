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

    /// A solution of a symmetric positive semidefinite system whose right side is in its range, by
    /// Cholesky decomposition with diagonal pivoting that ends at the numerical rank; unknowns beyond
    /// it are 0.
    ///
    /// - Complexity: O(size^2 rank).
    ///
    /// Source: Higham, 'Accuracy and Stability of Numerical Algorithms', 2002, section 10.3.
    func solveSemidefinite(_ right: [Double]) -> [Double] {
        var factor = self
        var order = Array(0..<size)
        var rank = 0
        var first = 0.0
        while rank < size {
            let pivot = (rank..<size).max { factor[order[$0], order[$0]] < factor[order[$1], order[$1]] }
            guard let pivot else { break }
            let diagonal = factor[order[pivot], order[pivot]]
            if rank == 0 { first = diagonal }
            guard diagonal > 1e-13 * first, diagonal > 0 else { break }
            order.swapAt(rank, pivot)
            let row = order[rank]
            let root = diagonal.squareRoot()
            factor[row, row] = root
            for index in rank + 1..<size { factor[order[index], row] /= root }
            for index in rank + 1..<size {
                let scale = factor[order[index], row]
                for other in rank + 1...index {
                    let value = factor[order[index], order[other]] - scale * factor[order[other], row]
                    factor[order[index], order[other]] = value
                    factor[order[other], order[index]] = value
                }
            }
            rank += 1
        }
        var solution = Array(repeating: 0.0, count: size)
        for index in 0..<rank {
            var value = right[order[index]]
            for other in 0..<index { value -= factor[order[index], order[other]] * solution[order[other]] }
            solution[order[index]] = value / factor[order[index], order[index]]
        }
        for index in (0..<rank).reversed() {
            var value = solution[order[index]]
            for other in index + 1..<rank { value -= factor[order[other], order[index]] * solution[order[other]] }
            solution[order[index]] = value / factor[order[index], order[index]]
        }
        return solution
    }
}
