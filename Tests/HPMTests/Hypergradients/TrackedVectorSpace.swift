@testable import HPM

/// Vectors of the user's own, in naive loops: it counts the vectors that live, and fails on demand.
struct TrackedVectorSpace: ArrayVectorSpace {
    /// What happened to the space's vectors.
    final class Ledger {
        var live = 0
        var peak = 0
        var made = 0
        /// The operation that throws, by name.
        var failing: String?
    }

    final class Vector {
        var values: [Double]
        private let ledger: Ledger

        init(count: Int, _ ledger: Ledger) {
            values = Array(repeating: 0, count: count)
            self.ledger = ledger
            ledger.live += 1
            ledger.made += 1
            ledger.peak = max(ledger.peak, ledger.live)
        }

        deinit { ledger.live -= 1 }
    }

    static let failure = HPMError(.callback, "the vector space failed")

    let count: Int
    let ledger = Ledger()
    var dimension: Int?

    init(count: Int, knowsDimension: Bool = true) {
        self.count = count
        dimension = knowsDimension ? count : nil
    }

    private func enter(_ operation: String) throws(HPMError) {
        if ledger.failing == operation { throw Self.failure }
    }

    func makeZeros() throws(HPMError) -> Vector {
        try enter("create")
        return Vector(count: count, ledger)
    }

    func copy(_ source: Vector, to target: Vector) throws(HPMError) {
        try enter("copy")
        target.values = source.values
    }

    func dot(_ left: Vector, _ right: Vector) throws(HPMError) -> Double {
        try enter("dot")
        var sum = 0.0
        for index in 0..<count { sum += left.values[index] * right.values[index] }
        return sum
    }

    func add(_ factor: Double, _ vector: Vector, to target: Vector) throws(HPMError) {
        try enter("axpy")
        for index in 0..<count { target.values[index] += factor * vector.values[index] }
    }

    func scale(_ vector: Vector, by factor: Double) throws(HPMError) {
        try enter("scale")
        for index in 0..<count { vector.values[index] = factor == 0 ? 0 : factor * vector.values[index] }
    }

    func randomize(
        _ vector: Vector, seed: UInt64, _ distribution: RandomDistribution
    ) throws(HPMError) {
        try enter("random")
        var random = TestRandom(Int(truncatingIfNeeded: seed), 77)
        for index in 0..<count {
            vector.values[index] =
                distribution == .normal ? random.normal() : random.chance(0.5) ? 1 : -1
        }
    }

    func setUnit(_ vector: Vector, index: Int) throws(HPMError) {
        try enter("unit")
        vector.values = (0..<count).map { $0 == index ? 1 : 0 }
    }

    func array(_ vector: Vector) -> [Double] { vector.values }
    func assign(_ values: [Double], to vector: Vector) { vector.values = values }
}
