/// 1 - 0.9^c and 1 - 0.99^c of a count c, and what follows from them, as a table: counts beyond it have the same to
/// the bit.
enum BiasCorrections {
    private static let size = 4096

    /// Each count's first and second, and what the variance of an average of c numbers is of that of one.
    private static let table: [Double] = (0..<size).flatMap { count in
        let first = 1 - Elementary.pow(Adam.firstDecay, Double(count))
        let second = 1 - Elementary.pow(Adam.secondDecay, Double(count))
        return [first, second, 0.1 * (2 - first) / (1.9 * first), 0]
    }

    static func first(_ count: UInt32) -> Double { table[4 * place(count)] }
    static func second(_ count: UInt32) -> Double { table[4 * place(count) + 1] }
    static func variance(_ count: UInt32) -> Double { table[4 * place(count) + 2] }

    @inline(__always)
    private static func place(_ count: UInt32) -> Int { min(Int(count), size &- 1) }

    /// Those of two counts.
    struct OfLanes {
        let first: Lanes
        let second: Lanes
        let variance: Lanes

        @inline(__always)
        init(_ left: UInt32, _ right: UInt32) {
            (first, second, variance) = BiasCorrections.table.withUnsafeBufferPointer { table in
                let (left, right) = (4 &* BiasCorrections.place(left), 4 &* BiasCorrections.place(right))
                return (
                    Lanes(table[left], table[right]), Lanes(table[left &+ 1], table[right &+ 1]),
                    Lanes(table[left &+ 2], table[right &+ 2])
                )
            }
        }
    }
}
