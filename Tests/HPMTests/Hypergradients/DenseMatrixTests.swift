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

        /// Systems of a condition below 20, in random bases: left and right side differ.
        @Test(arguments: 1...20) func wellConditionedSystems(seed: Int) throws {
            var random = TestRandom(seed, 14)
            for size in [1, 2, 3, 5, 10, 25] {
                let (left, right) = (
                    Matrix.orthogonal(size, &random), Matrix.orthogonal(size, &random)
                )
                let values = Matrix.diagonal(
                    (0..<size).map { _ in (random.chance(0.5) ? 1 : -1) * random.uniform(0.05...1) })
                let scale = [1e-200, 1, 1e200][seed % 3]
                let matrix = left.times(values).times(right)
                let solution = random.vector(size)
                var system = dense(matrix)
                for row in 0..<size { for column in 0..<size { system[row, column] *= scale } }
                let found = system.solve(scaled(matrix.times(solution), by: scale))
                let error = try relativeError(#require(found), solution)
                #expect(error < 1e-13, "seed \(seed), size \(size): \(error)")
                // The matrix itself is as it was.
                #expect(system[0, size - 1] == matrix.rows[0][size - 1] * scale)
            }
        }

        @Test func pivoting() throws {
            let zeroFirst = Matrix([[0, 2, 0], [0, 0, 4], [1, 0, 0]])
            #expect(dense(zeroFirst).solve([2, 8, 3]) == [3, 1, 2])
            // Without pivoting, the small pivot would lose the second row.
            let small = Matrix([[1e-20, 1], [1, 1]])
            let found = try #require(dense(small).solve([1, 2]))
            #expect(relativeError(found, [1, 1]) < 1e-15)
        }

        @Test(arguments: 1...20) func singularSystems(seed: Int) {
            var random = TestRandom(seed, 15)
            for size in [1, 2, 4, 8] {
                let right = random.vector(size)
                #expect(DenseMatrix(size: size).solve(right) == nil)
                var matrix = Matrix(size, size) { _, _ in random.uniform(-1...1) }
                guard size > 1 else { continue }
                matrix.rows[size - 1] = scaled(matrix.rows[0], by: 2)
                #expect(dense(matrix).solve(right) == nil, "seed \(seed), equal rows of \(size)")
                var column = Matrix(size, size) { _, _ in random.uniform(-1...1) }
                for row in 0..<size { column.rows[row][size / 2] = 0 }
                #expect(dense(column).solve(right) == nil)
            }
        }

        @Test func nanIsNoSolution() {
            for place in 0..<9 {
                var matrix = Matrix([[4, 1, 2], [1, 5, 3], [2, 3, 6]])
                matrix.rows[place / 3][place % 3] = .nan
                let solution = dense(matrix).solve([1, 2, 3])
                #expect(solution == nil || solution!.contains { $0.isNaN }, "place \(place)")
            }
        }
    }
}
