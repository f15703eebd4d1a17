import Testing
@testable import HPM

extension Hypergradients {
    @Suite struct DenseMatrixTests {
        private func dense(_ matrix: Matrix) -> DenseMatrix {
            var result = DenseMatrix(size: matrix.rowCount)
            for row in 0..<matrix.rowCount {
                for column in 0..<matrix.rowCount { result[row, column] = matrix.rows[row][column] }
            }
            return result
        }

        /// Symmetric, with the given eigenvalues in a random basis.
        private func symmetric(_ eigenvalues: [Double], _ random: inout TestRandom) -> Matrix {
            let basis = Matrix.orthogonal(eigenvalues.count, &random)
            return basis.times(Matrix.diagonal(eigenvalues)).times(basis.transposed)
        }

        @Test(arguments: 1...20) func definiteSystems(seed: Int) {
            var random = TestRandom(seed, 14)
            for size in [1, 2, 3, 5, 10, 25] {
                let matrix = symmetric((0..<size).map { _ in random.uniform(0.05...1) }, &random)
                let solution = random.vector(size)
                let found = dense(matrix).solveSemidefinite(matrix.times(solution))
                let error = relativeError(found, solution)
                #expect(error < 1e-12, "seed \(seed), size \(size): \(error)")
            }
        }

        /// What is lost in the solution is lost to the matrix: the product is right.
        @Test(arguments: 1...20) func systemsOfLowRank(seed: Int) {
            var random = TestRandom(seed, 15)
            for (size, rank) in [(2, 1), (4, 2), (8, 3), (15, 4), (20, 19)] {
                let eigenvalues = (0..<size).map { $0 < rank ? random.uniform(0.1...1) : 0 }
                let matrix = symmetric(eigenvalues, &random)
                let right = matrix.times(random.vector(size))
                let found = dense(matrix).solveSemidefinite(right)
                let error = relativeError(matrix.times(found), right)
                #expect(error < 1e-11, "seed \(seed), rank \(rank) of \(size): \(error)")
                #expect(found.count { $0 != 0 } <= rank)
            }
        }

        @Test func zeroMatrix() {
            #expect(DenseMatrix(size: 3).solveSemidefinite([0, 0, 0]) == [0, 0, 0])
        }
    }
}
