/// The tests' own random numbers (SplitMix64), so that no test draws from the generator under test.
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    /// Numbers that depend on all of the keys: the same whatever was drawn before.
    init(_ keys: Int...) {
        self.init(0)
        for key in keys {
            state ^= UInt64(bitPattern: Int64(key))
            state = next()
        }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func uniform(_ range: ClosedRange<Double> = 0...1) -> Double {
        range.lowerBound + Double(next() >> 11) * 0x1p-53 * (range.upperBound - range.lowerBound)
    }

    /// Sum of twelve uniform numbers: normal enough for noise.
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return sum
    }

    mutating func chance(_ probability: Double) -> Bool { uniform() < probability }
    mutating func index(_ count: Int) -> Int { Int(next() % UInt64(count)) }
}
