import Testing
@testable import HPM

/// The pooled step of `docs/algorithms.md`, 'hpm', transliterated: for one coordinate and K students, with
/// plain arrays and powers computed anew each time.
///
/// A student whose report lacks the coordinate takes no part in that round's sums, and its own
/// averages, with the number of reports that they hold, stay.
struct SecondPool {
    var m, v, P, R: [Double]
    var c: [Int]
    var Q = 0.0
    var Z = 0.0
    var t = 0

    init(students: Int) {
        m = Array(repeating: 0, count: students)
        v = m
        P = m
        R = m
        c = Array(repeating: 0, count: students)
    }

    private func corrected(_ value: Double, _ decay: Double, _ count: Int) -> Double {
        value / (1 - Elementary.pow(decay, Double(count)))
    }

    mutating func copy(from source: Int, to student: Int) {
        m[student] = m[source]
        v[student] = v[source]
        P[student] = P[source]
        R[student] = R[source]
        c[student] = c[source]
    }

    /// - Returns: The own share b, each student's own Adam direction and its final direction.
    mutating func directions(_ G: [Double]) -> (b: Double, own: [Double], final: [Double]) {
        let guided = G.indices.filter { !G[$0].isNaN }
        var own = Array(repeating: Double.nan, count: G.count)
        if guided.isEmpty { return (.nan, own, own) }
        let n = Double(guided.count)
        // 1. Adam.
        for k in guided {
            c[k] += 1
            m[k] = 0.9 * m[k] + 0.1 * G[k]
            v[k] = 0.99 * v[k] + 0.01 * G[k] * G[k]
            own[k] = corrected(m[k], 0.9, c[k]) / (corrected(v[k], 0.99, c[k]).squareRoot() + 1e-12)
        }
        // 2. Normalized gradients.
        let N = G.map { $0 / ($0.magnitude + 1e-12) }
        var meanN = 0.0
        for k in guided {
            P[k] = 0.9 * P[k] + 0.1 * N[k]
            R[k] = 0.99 * R[k] + 0.01 * N[k] * N[k]
            meanN += N[k] / n
        }
        t += 1
        Q = 0.9 * Q + 0.1 * meanN
        Z = 0.99 * Z + 0.01 * meanN * meanN
        if guided.count == 1 { return (1, own, own) }
        // 3. Noise and spread.
        var nu = 0.0
        var meanP = 0.0
        for k in guided {
            let p = corrected(P[k], 0.9, c[k])
            let decayed = Elementary.pow(0.9, Double(c[k]))
            nu += max(corrected(R[k], 0.99, c[k]) - p * p, 0) * 0.1 * (1 + decayed) / (1.9 * (1 - decayed)) / n
            meanP += p / n
        }
        var variance = 0.0
        for k in guided {
            let p = corrected(P[k], 0.9, c[k])
            variance += (p - meanP) * (p - meanP) / (n - 1)
        }
        let tau = max(variance - nu, 0)
        let b = tau / (tau + nu + 1e-12)
        // 4. and 5.
        let A = corrected(Q, 0.9, t) / (corrected(Z, 0.99, t).squareRoot() + 1e-12)
        return (b, own, own.map { b * $0 + (1 - b) * A })
    }
}

@Suite struct PooledDescentTests {
    /// Drives the pool and the transliteration alike.
    ///
    /// A direction is seen by what it moves: all students are put at 0.5 before each step, and the rate is a
    /// power of two, so that a direction is read to 1e-14.
    private struct Pair {
        static let rate = 1.0 / 64
        let dimension: Int
        let center: Point
        var pool: PooledDescent
        var students: Students
        var second: [SecondPool]
        /// The direction of each student in the last coordinate; nil where it did not move.
        var directions: [Double?] = []

        init(students count: Int, dimension: Int) throws {
            let space = try Spaces.box(dimension)
            self.dimension = dimension
            pool = PooledDescent(
                Setup(
                    space: space,
                    options: Options.of(.hpm) {
                        $0.population = count
                        $0.hyperLearningRate = Self.rate
                    }.resolved()))
            center = try space.point(natural: Array(repeating: 0.5, count: dimension))
            students = Students(space: space, Array(repeating: center, count: count))
            second = Array(repeating: SecondPool(students: count), count: dimension)
        }

        /// - Parameter gradients: By student, then coordinate.
        /// - Returns: The largest difference to the transliteration, and its results by coordinate.
        mutating func step(_ gradients: [[Double]]) -> (
            difference: Double, results: [(b: Double, own: [Double], final: [Double])]
        ) {
            for student in gradients.indices { students.start(student, at: center) }
            students.gradients = gradients.flatMap { $0 }
            pool.trained(Array(gradients.indices), &students)
            var difference = 0.0
            var results: [(b: Double, own: [Double], final: [Double])] = []
            for coordinate in 0..<dimension {
                let expected = second[coordinate].directions(gradients.map { $0[coordinate] })
                directions = gradients.indices.map { student in
                    gradients[student][coordinate].isNaN
                        ? nil : (0.5 - students.latent(student, coordinate)) / Self.rate
                }
                for student in gradients.indices {
                    if let direction = directions[student] {
                        let error = (direction - expected.final[student]).magnitude
                        difference = max(difference, error.isNaN ? .infinity : error)
                    } else if students.latent(student, coordinate) != 0.5 {
                        difference = .infinity
                    }
                }
                results.append(expected)
            }
            return (difference, results)
        }

        mutating func clone(_ source: Int, to student: Int) {
            pool.becameClone(student, of: source, students)
            for coordinate in 0..<dimension { second[coordinate].copy(from: source, to: student) }
        }
    }

    @Test(arguments: 0..<8)
    func againstTheTransliteration(seed: Int) throws {
        var random = TestRandom(seed)
        let students = 1 + random.index(10)
        var pair = try Pair(students: students, dimension: 3)
        let missing = [0, 0.2, 0.6][seed % 3]
        var largest = 0.0
        for _ in 0..<120 {
            let common = random.normal()
            let gradients = (0..<students).map { student in
                (0..<3).map { coordinate in
                    random.chance(missing)
                        ? Double.nan
                        : common * Double(coordinate) + random.normal() + Double(student) / 3
                }
            }
            largest = max(largest, pair.step(gradients).difference)
            if random.chance(0.3) {
                pair.clone(random.index(students), to: random.index(students))
            }
        }
        #expect(largest < 1e-10, "seed \(seed)")
    }

    /// Zero and huge gradients.
    @Test func extremes() throws {
        var pair = try Pair(students: 4, dimension: 1)
        for round in 0..<30 {
            let gradients = [[0.0], [Gradient.largest], [-Gradient.largest], [round < 15 ? 1e-200 : 0]]
            #expect(pair.step(gradients).difference < 1e-10)
        }
        var zero = try Pair(students: 3, dimension: 1)
        for _ in 0..<5 {
            #expect(zero.step([[0], [0], [0]]).difference == 0)
            #expect(zero.directions.allSatisfy { $0 == 0 })
        }
    }

    /// The same slope through noise: the students move together, more steadily than alone.
    @Test func sameSlopeThroughNoiseIsShared() throws {
        var random = TestRandom(20)
        var pair = try Pair(students: 10, dimension: 1)
        var shares = 0.0
        var (spreadOfOwn, spread) = (0.0, 0.0)
        for round in 0..<400 {
            let gradients = (0..<10).map { _ in [0.5 + 3 * random.normal()] }
            let (difference, results) = pair.step(gradients)
            #expect(difference < 1e-10)
            if round < 50 { continue }
            shares += results[0].b / 350
            spreadOfOwn += range(results[0].own) / 350
            spread += range(pair.directions.compactMap { $0 }) / 350
        }
        #expect(shares < 0.15)
        #expect(spread < 0.2 * spreadOfOwn)
    }

    /// Opposite slopes: each on its own.
    @Test func oppositeSlopesAreOwn() throws {
        var random = TestRandom(21)
        var pair = try Pair(students: 10, dimension: 1)
        var smallest = 1.0
        for round in 0..<100 {
            let gradients = (0..<10).map { [($0 < 5 ? 1 : -1) + 0.1 * random.normal()] }
            let (difference, results) = pair.step(gradients)
            #expect(difference < 1e-10)
            if round > 5 { smallest = min(smallest, results[0].b) }
            for student in 0..<10 where round > 5 {
                #expect((pair.directions[student] ?? 0 > 0) == (student < 5))
            }
        }
        #expect(smallest > 0.95)
    }

    @Test func oneStudentIsItsOwnAdam() throws {
        var random = TestRandom(22)
        var pair = try Pair(students: 1, dimension: 1)
        var adam = TextbookAdam()
        for _ in 0..<100 {
            let gradient = random.normal()
            _ = pair.step([[gradient]])
            #expect(((pair.directions[0] ?? .nan) - adam.direction(gradient)).magnitude < 1e-11)
        }
    }

    /// What nobody reported stays untouched.
    @Test func silentCoordinates() throws {
        var pair = try Pair(students: 3, dimension: 2)
        _ = pair.step([[1, 2], [3, 4], [5, 6]])
        let before = pair.pool
        _ = pair.step(Array(repeating: [.nan, .nan], count: 3))
        #expect(pair.pool.adam == before.adam)
        #expect(pair.pool.mean == before.mean && pair.pool.square == before.square)
        #expect(pair.pool.sharedMean == before.sharedMean && pair.pool.sharedSquare == before.sharedSquare)
        #expect(pair.pool.rounds == before.rounds)
        #expect(pair.directions.allSatisfy { $0 == nil })
    }

    private func range(_ values: [Double]) -> Double { (values.max() ?? 0) - (values.min() ?? 0) }
}
