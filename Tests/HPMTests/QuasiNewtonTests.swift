import Testing
@testable import HPM

@Suite struct QuasiNewtonTests {
    /// H by the closed form of the BFGS update, (I - s y'/s.y) H (I - y s'/s.y) + s s'/s.y, in full.
    private func denseInverse(_ pairs: [(step: [Double], change: [Double])], _ size: Int) -> Matrix {
        guard let latest = pairs.last else { return Matrix(size, size) { $0 == $1 ? 1 : 0 } }
        let scale = Vector.dot(latest.step, latest.change) / Vector.dot(latest.change, latest.change)
        var inverse = Matrix(size, size) { $0 == $1 ? scale : 0 }
        for (step, change) in pairs {
            let curvature = Vector.dot(step, change)
            let left = Matrix(size, size) { ($0 == $1 ? 1 : 0) - step[$0] * change[$1] / curvature }
            let half = Matrix(size, size) { row, column in
                (0..<size).reduce(0) { $0 + left.rows[row][$1] * inverse.rows[$1][column] }
            }
            inverse = Matrix(size, size) { row, column in
                (0..<size).reduce(step[row] * step[column] / curvature) {
                    $0 + half.rows[row][$1] * left.rows[column][$1]
                }
            }
        }
        return inverse
    }

    /// Pairs of a positive definite Hessian with some roughness, of which not all are taken.
    private func randomPairs(_ random: inout TestRandom, _ size: Int, count: Int) -> [(step: [Double], change: [Double])] {
        (0..<count).map { _ in
            let step = (0..<size).map { _ in random.normal() }
            return (step, step.enumerated().map { Double($0 + 1) * $1 + 0.5 * random.normal() })
        }
    }

    @Test(arguments: 0..<200) func productAgainstTheDenseUpdate(seed: Int) {
        var random = TestRandom(seed, 83)
        let (size, capacity) = (1 + random.index(8), 1 + random.index(10))
        let leastCosine = [1e-12, 1e-10, 0.5][random.index(3)]
        var pairs = QuasiNewton(capacity: capacity, leastCosine: leastCosine)
        var taken: [(step: [Double], change: [Double])] = []
        for pair in randomPairs(&random, size, count: random.index(14)) {
            pairs.append(step: pair.step, change: pair.change)
            let cosine = Vector.dot(pair.step, pair.change) / Vector.norm(pair.step) / Vector.norm(pair.change)
            if cosine > leastCosine { taken.append(pair) }
        }
        let kept = Array(taken.suffix(capacity))
        #expect(pairs.steps == kept.map(\.step) && pairs.changes == kept.map(\.change), "seed \(seed)")
        #expect(pairs.isEmpty == kept.isEmpty)
        let vector = (0..<size).map { _ in random.normal() }
        let expected = denseInverse(kept, size).times(vector)
        // Cancellation grows with what the pairs stretch.
        let scale = max(Vector.norm(expected), Vector.norm(vector))
        for (found, wanted) in zip(pairs.product(with: vector), expected) {
            #expect((found - wanted).magnitude < 1e-7 * scale, "seed \(seed): \(found), not \(wanted)")
        }
    }

    /// The secant equation H y = s of the latest pair.
    @Test(arguments: 0..<50) func latestPairIsReproduced(seed: Int) throws {
        var random = TestRandom(seed, 84)
        let size = 1 + random.index(20)
        var pairs = QuasiNewton(capacity: 6, leastCosine: 0.1)
        for pair in randomPairs(&random, size, count: 12) { pairs.append(step: pair.step, change: pair.change) }
        let (step, change) = (try #require(pairs.steps.last), try #require(pairs.changes.last))
        for (found, wanted) in zip(pairs.product(with: change), step) {
            #expect((found - wanted).magnitude < 1e-9 * Vector.norm(step), "seed \(seed)")
        }
    }

    @Test func withoutPairsNothingIsChanged() {
        var pairs = QuasiNewton(capacity: 3, leastCosine: 1e-10)
        #expect(pairs.product(with: [1, -2]) == [1, -2])
        pairs.append(step: [1, 0], change: [4, 0])
        #expect(!pairs.isEmpty && pairs.product(with: [1, -2]) == [0.25, -0.5])
        pairs.removeAll()
        #expect(pairs == QuasiNewton(capacity: 3, leastCosine: 1e-10))
    }

    @Test func pairsNeedPositiveCurvature() {
        var pairs = QuasiNewton(capacity: 10, leastCosine: 1e-10)
        pairs.append(step: [1, 0], change: [-1, 5])
        pairs.append(step: [1, 0], change: [0, 1])
        pairs.append(step: [1, 0], change: [0.9e-10, 1])
        pairs.append(step: [0, 0], change: [1, 1])
        pairs.append(step: [1e-200, 0], change: [1e-200, 0])
        #expect(pairs.isEmpty)
        pairs.append(step: [1, 0], change: [1.1e-10, 1])
        #expect(pairs.steps.count == 1)
        for number in 0..<12 { pairs.append(step: [Double(number + 1), 0], change: [1, 0]) }
        #expect(pairs.steps.count == 10 && pairs.steps.last == [12, 0] && pairs.steps.first == [3, 0])
    }
}
