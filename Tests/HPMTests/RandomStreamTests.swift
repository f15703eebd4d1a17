import Testing
@testable import HPM

@Suite struct RandomStreamTests {
    private static let purposes: [RandomStream.Purpose] = [.start, .exploit, .mutation, .teacher, .restart]

    /// The layout is part of every seeded result: key (seed, purpose), counter (block, event, student).
    @Test func layoutIsPinned() {
        for (raw, purpose) in Self.purposes.enumerated() {
            var stream = RandomStream(seed: 42, purpose: purpose, student: 3, event: 17)
            let key = SIMD2<UInt64>(42, UInt64(raw))
            for block in 0..<3 {
                let expected = Philox.block(counter: SIMD4(UInt64(block), 17, 3, 0), key: key)
                for word in 0..<4 { #expect(stream.bits() == expected[word]) }
            }
        }
    }

    @Test func skippedNormalsAreAsIfDrawn() {
        var drawn = RandomStream(seed: 5, purpose: .mutation)
        var skipped = drawn
        for _ in 0..<7 {
            _ = drawn.normal()
            skipped.skipNormal()
            #expect(drawn.bits() == skipped.bits())
        }
    }

    @Test func equalKeysEqualNumbersOthersDiffer() {
        var seen: Set<[UInt64]> = []
        var streams = 0
        for seed: UInt64 in [0, 1, .max] {
            for purpose in Self.purposes {
                for student in [0, 1, 2, 1000] {
                    for event in [0, 1, 2, 1000] {
                        var stream = RandomStream(
                            seed: seed, purpose: purpose, student: student, event: event)
                        var again = RandomStream(
                            seed: seed, purpose: purpose, student: student, event: event)
                        let numbers = (0..<6).map { _ in stream.bits() }
                        #expect(numbers == (0..<6).map { _ in again.bits() })
                        seen.insert(numbers)
                        streams += 1
                    }
                }
            }
        }
        #expect(seen.count == streams)
    }

    /// Streams that differ in one key are uncorrelated.
    @Test func neighboursAreIndependent() {
        let count = 4000
        let pairs: [(RandomStream, RandomStream)] = [
            (.init(seed: 5, purpose: .start), .init(seed: 6, purpose: .start)),
            (.init(seed: 5, purpose: .start), .init(seed: 5, purpose: .mutation)),
            (.init(seed: 5, purpose: .start), .init(seed: 5, purpose: .start, student: 1)),
            (.init(seed: 5, purpose: .start), .init(seed: 5, purpose: .start, event: 1)),
            (.init(seed: 5, purpose: .start, student: 1), .init(seed: 5, purpose: .start, event: 1)),
        ]
        for (number, pair) in pairs.enumerated() {
            var (first, second) = pair
            var sum = 0.0
            for _ in 0..<count { sum += (first.uniform() - 0.5) * (second.uniform() - 0.5) }
            let correlation = sum / Double(count) * 12
            #expect(correlation.magnitude < 5 / Double(count).squareRoot(), "pair \(number)")
        }
    }

    @Test(arguments: [UInt64(0), 1, 12345])
    func uniformMoments(seed: UInt64) {
        let count = 40_000
        var stream = RandomStream(seed: seed, purpose: .start)
        let values = (0..<count).map { _ in stream.uniform() }
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 && $0 * 0x1p53 == ($0 * 0x1p53).rounded() })
        #expect((values.min() ?? 1) < 20 / Double(count))
        #expect((values.max() ?? 0) > 1 - 20 / Double(count))
        // Variances of x, x^2 and x^3 for x uniform in [-1/2, 1/2].
        let centred = values.map { $0 - 0.5 }
        #expect(isWithinFiveSigma(centred.mean, of: 0, variance: 1 / 12, count: count))
        #expect(isWithinFiveSigma(centred.moment(2), of: 1 / 12, variance: 1 / 180, count: count))
        #expect(isWithinFiveSigma(centred.moment(3), of: 0, variance: 1 / 448, count: count))
    }

    @Test(arguments: [UInt64(0), 1, 12345])
    func normalMoments(seed: UInt64) {
        let count = 30_000
        var stream = RandomStream(seed: seed, purpose: .mutation)
        let values = (0..<count).map { _ in stream.normal() }
        // Variances of x, x^2, x^3, x^4 of a standard normal: 1, 2, 15, 96.
        for (order, (expected, variance)) in [(0.0, 1.0), (1, 2), (0, 15), (3, 96)].enumerated() {
            #expect(
                isWithinFiveSigma(
                    values.moment(order + 1), of: expected, variance: variance, count: count),
                "moment \(order + 1)")
        }
        let tail = values.filter { $0.magnitude > 1.959963984540054 }.count
        #expect(isShareWithinFiveSigma(tail, of: count, 0.05))
    }

    @Test(arguments: [1, 2, 3, 7, 10, 64])
    func indexIsUniform(count: Int) {
        let draws = 20_000
        var stream = RandomStream(seed: 9, purpose: .exploit, event: count)
        var histogram = Array(repeating: 0, count: count)
        for _ in 0..<draws { histogram[stream.index(below: count)] += 1 }
        let expected = Double(draws) / Double(count)
        var chiSquare = 0.0
        for observed in histogram {
            chiSquare += (Double(observed) - expected) * (Double(observed) - expected) / expected
        }
        // Mean count - 1, variance 2 (count - 1): five standard deviations.
        let freedom = Double(count - 1)
        #expect(chiSquare <= freedom + 5 * (2 * freedom).squareRoot() + 1e-9, "\(histogram)")
    }

    @Test func copiesAreIndependent() {
        var stream = RandomStream(seed: 1, purpose: .start)
        for _ in 0..<3 { _ = stream.bits() }
        var copy = stream
        #expect((0..<9).map { _ in stream.bits() } == (0..<9).map { _ in copy.bits() })
    }
}
