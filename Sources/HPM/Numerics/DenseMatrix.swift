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

    /// self + factor other.
    func adding(_ factor: Double, _ other: DenseMatrix) -> DenseMatrix {
        var result = self
        for index in values.indices { result.values[index] += factor * other.values[index] }
        return result
    }

    /// z.Mz.
    func quadraticForm(_ z: [Double]) -> Double {
        var sum = 0.0
        for row in 0..<size {
            for column in 0..<size { sum += z[row] * self[row, column] * z[column] }
        }
        return sum
    }

    /// A Cholesky decomposition with diagonal pivoting that ends at the numerical rank: L L^T in the first
    /// `rank` rows and columns of `order`, below them the rows of L that go on, and the Schur complement.
    private struct Decomposition {
        var factor: DenseMatrix
        var order: [Int]
        var rank = 0

        subscript(row: Int, column: Int) -> Double { factor[order[row], order[column]] }
    }

    private func decomposed() -> Decomposition {
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
        return Decomposition(factor: factor, order: order, rank: rank)
    }

    /// A z with z.Mz < 0 of a symmetric matrix; nil where the decomposition finds none. What is left of
    /// it where the pivots end may be rounding: the caller judges.
    ///
    /// - Complexity: O(size^3).
    func negativeDirection() -> [Double]? {
        let parts = decomposed()
        var lowest = 0.0
        var ends: [(index: Int, factor: Double)] = []
        for row in parts.rank..<size {
            if parts[row, row] < lowest { (lowest, ends) = (parts[row, row], [(row, 1)]) }
            for column in parts.rank..<row {
                // (1, -1) or (1, 1) along two of them.
                let value = parts[row, row] + parts[column, column] - 2 * parts[row, column].magnitude
                if value / 2 < lowest {
                    let sign = parts[row, column] > 0 ? -1.0 : 1.0
                    (lowest, ends) = (value / 2, [(row, 1), (column, sign)])
                }
            }
        }
        if ends.isEmpty { return nil }
        var direction = Array(repeating: 0.0, count: size)
        for end in ends { direction[parts.order[end.index]] = end.factor }
        for index in (0..<parts.rank).reversed() {
            var value = 0.0
            for end in ends { value -= end.factor * parts[end.index, index] }
            for other in index + 1..<parts.rank { value -= parts[other, index] * direction[parts.order[other]] }
            direction[parts.order[index]] = value / parts[index, index]
        }
        return direction
    }

    /// A solution of a symmetric positive semidefinite system whose right side is in its range, by
    /// Cholesky decomposition with diagonal pivoting that ends at the numerical rank; unknowns beyond
    /// it are 0.
    ///
    /// - Complexity: O(size^2 rank).
    ///
    /// Source: Higham, 'Accuracy and Stability of Numerical Algorithms', 2002, section 10.3.
    func solveSemidefinite(_ right: [Double]) -> [Double] {
        let parts = decomposed()
        let (factor, order, rank) = (parts.factor, parts.order, parts.rank)
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
