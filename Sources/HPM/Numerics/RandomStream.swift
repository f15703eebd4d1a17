/// Seeds for what draws its own random numbers, such as an estimator.
public enum RandomSeed {
    /// Equal for equal arguments, independent of everything drawn elsewhere.
    public static func derived(from seed: UInt64, student: Int, event: Int) -> UInt64 {
        var random = RandomStream(seed: seed, purpose: .seed, student: student, event: event)
        return random.bits()
    }
}

/// The random numbers of one event, such as the mutation of student 3 at report 10: equal for equal
/// keys, independent of everything drawn elsewhere.
struct RandomStream: Sendable {
    /// What the numbers are for. The raw values are part of every seeded result: appended, never
    /// changed.
    enum Purpose: UInt64 {
        case start = 0
        case exploit = 1
        case mutation = 2
        case teacher = 3
        case restart = 4
        case vector = 5
        case seed = 6
        case proposal = 7
        case search = 8
    }

    private let key: SIMD2<UInt64>
    private var counter: SIMD4<UInt64>
    private var block = SIMD4<UInt64>()
    private var used = 4

    init(seed: UInt64, purpose: Purpose, student: Int = 0, event: Int = 0) {
        key = SIMD2(seed, purpose.rawValue)
        counter = SIMD4(0, UInt64(event), UInt64(student), 0)
    }

    mutating func bits() -> UInt64 {
        if used == 4 {
            block = Philox.block(counter: counter, key: key)
            counter[0] &+= 1
            used = 0
        }
        defer { used += 1 }
        return block[used]
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    mutating func uniform() -> Double {
        Double(bits() >> 11) * 0x1p-53
    }

    /// Standard normal (Box and Muller 1958; the second value of the pair is not used, so that a draw
    /// always takes two numbers).
    mutating func normal() -> Double {
        let radius = (-2 * Elementary.log(1 - uniform())).squareRoot()
        return radius * Elementary.cos(2 * .pi * uniform())
    }

    /// As if a normal number were drawn.
    mutating func skipNormal() {
        _ = bits()
        _ = bits()
    }

    /// Uniform among 0 ..< count; the bias is below count / 2^64.
    mutating func index(below count: Int) -> Int {
        Int(bits().multipliedFullWidth(by: UInt64(count)).high)
    }
}
