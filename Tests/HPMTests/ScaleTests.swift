import Testing
@testable import HPM

@Suite struct ScaleTests {
    private static let bounds: [(Scale, Double, Double)] = [
        (.linear, 0, 1), (.linear, -5, 10), (.linear, -1e-300, 1e-300), (.linear, 1e15, 1e15 + 1),
        (.linear, -8e307, 8e307), (.linear, 1, 1.0000000000000002),
        (.log, 1e-6, 0.1), (.log, 1, 2), (.log, 1e-300, 1e300), (.log, .leastNonzeroMagnitude, 1e-300),
        (.log, 1e300, 1.7e308), (.log, 0.1, 1e4),
        (.logit, 0.01, 0.99), (.logit, 0.5, 0.75), (.logit, 1e-300, 0.9999999999999999),
        (.logit, 1e-12, 1e-3),
    ]

    private func map(_ bounds: (Scale, Double, Double)) -> LatentMap {
        LatentMap(scale: bounds.0, low: bounds.1, high: bounds.2)
    }

    @Test(arguments: bounds.indices)
    func boundsAreHitExactly(_ number: Int) {
        let (scale, low, high) = Self.bounds[number]
        let map = map(Self.bounds[number])
        #expect(map.isUsable)
        #expect(map.natural(0) == low, "\(scale) \(low) \(high)")
        #expect(map.natural(1) == high, "\(scale) \(low) \(high)")
        #expect(map.latent(low) == 0)
        #expect(map.latent(high) == 1)
    }

    @Test(arguments: bounds.indices)
    func staysInsideAndIsMonotone(_ number: Int) {
        let (_, low, high) = Self.bounds[number]
        let map = map(Self.bounds[number])
        var last = low
        for step in 0...1000 {
            let value = map.natural(Double(step) / 1000)
            #expect(value >= last && value <= high)
            last = value
        }
    }

    /// Against the closed forms of `docs/concepts.md`, 'Coordinates', and there and back.
    @Test func closedFormsAndRoundTrips() {
        var random = TestRandom(2)
        for bounds in Self.bounds {
            let map = map(bounds)
            let second = SecondMap(scale: bounds.0, low: bounds.1, high: bounds.2)
            // What rounding the flat coordinate costs, relative to the value.
            let flatSize: Double =
                switch bounds.0 {
                case .linear: 0
                case .log:
                    max(Elementary.log(bounds.1).magnitude, Elementary.log(bounds.2).magnitude)
                case .logit:
                    max(Elementary.log(bounds.1).magnitude, -Elementary.log(1 - bounds.2))
                }
            for _ in 0..<200 {
                let u = random.uniform()
                let value = map.natural(u)
                let size = bounds.0 == .linear ? max(bounds.1.magnitude, bounds.2.magnitude) : value
                // 4 roundings of the flat coordinate; subnormal values have no relative precision.
                let tolerance = 4 * (flatSize + 1) * size * 0x1p-52 + .leastNonzeroMagnitude
                if second.slope(value).isFinite && value > bounds.1 && value < bounds.2 {
                    #expect((value - second.natural(u)).magnitude <= 2 * tolerance, "\(bounds) at \(u)")
                }
                let back = map.natural(map.latent(value))
                #expect((back - value).magnitude <= tolerance, "\(bounds) at \(u): \(value), \(back)")
            }
        }
    }

    @Test func slopeAgainstCentralDifferences() {
        for (scale, low, high) in Self.bounds where high - low > 1e-9 && high < 1e15 && low > -1e200 {
            let map = LatentMap(scale: scale, low: low, high: high)
            for u in [0.1, 0.35, 0.5, 0.8, 0.95] {
                let step = 1e-5
                let value = map.natural(u)
                // Relative to the value, as a scale over 600 decades spans too much for a difference.
                let difference = (map.natural(u + step) - map.natural(u - step)) / (2 * step)
                let slope = map.slope(atNatural: value)
                #expect(
                    (difference - slope).magnitude <= 1e-3 * slope + 1e-9 * value.magnitude,
                    "\(scale) \(low) \(high) at \(u): \(difference), \(slope)")
                let second = SecondMap(scale: scale, low: low, high: high)
                if second.slope(value).isFinite {
                    #expect((slope - second.slope(value)).magnitude <= 1e-9 * slope)
                }
            }
        }
    }

    /// Tight, where differences are accurate.
    @Test func slopeOfModerateBounds() {
        for (scale, low, high) in [(Scale.linear, -5.0, 10.0), (.log, 1e-6, 0.1), (.logit, 0.01, 0.99)] {
            let map = LatentMap(scale: scale, low: low, high: high)
            for step in 1..<20 {
                let u = Double(step) / 20
                let difference = (map.natural(u + 1e-5) - map.natural(u - 1e-5)) / 2e-5
                let slope = map.slope(atNatural: map.natural(u))
                #expect((difference / slope - 1).magnitude < 1e-7)
            }
        }
    }

    @Test func latentOutsideIsClipped() {
        let map = LatentMap(scale: .linear, low: 2, high: 4)
        #expect(map.latent(1) == 0)
        #expect(map.latent(7) == 1)
        #expect(map.natural(-3) == 2)
        #expect(map.natural(2) == 4)
    }

    @Test func degenerateBoundsAreRefused() {
        var space = SearchSpace()
        let refused: [(Scale, Double, Double)] = [
            (.linear, -1e308, 1e308), (.linear, -.greatestFiniteMagnitude, .greatestFiniteMagnitude),
            (.log, 1e15, 1e15 + 0.125), (.logit, 1e-300, 1e-300.nextUp),
        ]
        for (number, (scale, low, high)) in refused.enumerated() {
            let error = #expect(throws: HPMError.self) {
                try space.addReal("p\(number)", low: low, high: high, scale: scale)
            }
            #expect(error?.code == .argument)
            #expect(error?.message.contains("'p\(number)'") ?? false)
        }
        #expect(space.dimension == 0)
    }

    @Test func rawValuesArePinned() {
        #expect(Scale.allCases.map(\.rawValue) == [0, 1, 2])
        #expect(Scale.linear.rawValue == 0 && Scale.log.rawValue == 1 && Scale.logit.rawValue == 2)
        #expect(Update.automatic.rawValue == 0 && Update.mutate.rawValue == 1)
        #expect(Update.hypergradient.rawValue == 2 && Update.both.rawValue == 3 && Update.fixed.rawValue == 4)
        #expect(Action.train.rawValue == 0 && Action.clone.rawValue == 1 && Action.evaluate.rawValue == 2)
        #expect(Action.restart.rawValue == 3 && Action.wait.rawValue == 4 && Action.stop.rawValue == 5)
    }
}
