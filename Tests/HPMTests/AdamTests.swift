import Testing
@testable import HPM

/// Adam as in the paper, one coordinate, written from the formulas with running products for the
/// powers of the decays.
struct TextbookAdam {
    var m = 0.0
    var v = 0.0
    var (firstPower, secondPower) = (1.0, 1.0)

    mutating func direction(_ gradient: Double) -> Double {
        m = 0.9 * m + (1 - 0.9) * gradient
        v = 0.99 * v + (1 - 0.99) * gradient * gradient
        firstPower *= 0.9
        secondPower *= 0.99
        return m / (1 - firstPower) / ((v / (1 - secondPower)).squareRoot() + 1e-12)
    }
}

extension Adam {
    /// The direction of one coordinate.
    mutating func direction(_ gradient: Double, at index: Int) -> Double {
        var direction = Double.nan
        withUnsafePointer(to: gradient) { directions(from: index, count: 1, $0, into: &direction) }
        return direction
    }
}

@Suite struct AdamTests {
    @Test(arguments: 0..<5)
    func againstTheTextbook(seed: Int) {
        var random = TestRandom(seed)
        var adam = Adam(count: 4)
        var textbook = Array(repeating: TextbookAdam(), count: 4)
        for step in 0..<300 {
            for index in 0..<4 where !random.chance(0.3) {
                let gradient = random.normal() * Elementary.pow(10, Double(3 * index - 6)) + 0.5
                let direction = adam.direction(gradient, at: index)
                let expected = textbook[index].direction(gradient)
                #expect(
                    (direction - expected).magnitude <= 1e-12 * (1 + expected.magnitude),
                    "seed \(seed), step \(step), coordinate \(index)")
            }
        }
    }

    @Test func firstStepHasUnitLengthWhateverTheScale() {
        for gradient in [1e-6, -1e-3, 1, -1e100, 1e150] {
            var adam = Adam(count: 1)
            let direction = adam.direction(gradient, at: 0)
            #expect((direction.magnitude - 1).magnitude < 1e-5)
            #expect((direction > 0) == (gradient > 0))
        }
        var adam = Adam(count: 1)
        #expect(adam.direction(0, at: 0) == 0)
    }

    @Test func hugeGradientsStayFinite() {
        var adam = Adam(count: 1)
        for step in 0..<200 {
            let gradient = step.isMultiple(of: 2) ? Gradient.largest : -Gradient.largest
            #expect(adam.direction(gradient, at: 0).isFinite)
        }
        #expect(adam.first[0].isFinite && adam.second[0].isFinite)
    }

    @Test func countsSaturate() {
        var adam = Adam(count: 1)
        adam.counts[0] = .max - 1
        for _ in 0..<3 { #expect(adam.direction(1, at: 0).isFinite) }
        #expect(adam.counts[0] == .max)
    }

    @Test func copyTakesAllMoments() {
        var random = TestRandom(8)
        var adam = Adam(count: 6)
        for _ in 0..<20 {
            for index in 0..<6 where random.chance(0.7) {
                _ = adam.direction(random.normal(), at: index)
            }
        }
        let before = adam
        adam.copy(from: 2, to: 0, dimension: 2)
        for offset in 0..<2 {
            #expect(adam.first[offset] == before.first[4 + offset])
            #expect(adam.second[offset] == before.second[4 + offset])
            #expect(adam.counts[offset] == before.counts[4 + offset])
        }
        for index in 2..<6 { #expect(adam.first[index] == before.first[index]) }
    }
}
