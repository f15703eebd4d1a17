/// 1 - 0.9^c and 1 - 0.99^c of a count c, as a table: counts beyond it have 1 to the bit.
enum BiasCorrections {
    static let size = 4096

    private static let table: (first: [Double], second: [Double]) = {
        func corrections(_ decay: Double) -> [Double] {
            (0..<size).map { 1 - Elementary.pow(decay, Double($0)) }
        }
        return (corrections(Adam.firstDecay), corrections(Adam.secondDecay))
    }()

    static func first(_ count: UInt32) -> Double { table.first[min(Int(count), size - 1)] }
    static func second(_ count: UInt32) -> Double { table.second[min(Int(count), size - 1)] }

    /// The table's memory, for a loop.
    static func withTable<Result>(
        _ body: (_ first: UnsafePointer<Double>, _ second: UnsafePointer<Double>) -> Result
    ) -> Result {
        table.first.withUnsafeBufferPointer { first in
            table.second.withUnsafeBufferPointer { second in
                // Never empty.
                body(first.baseAddress.unsafelyUnwrapped, second.baseAddress.unsafelyUnwrapped)
            }
        }
    }
}
