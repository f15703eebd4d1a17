/// Whether something fits into the machine's memory, asked before it is allocated: an allocation that
/// fails ends the process.
enum Memory {
    /// - Parameter elements: What is to be allocated: rows, columns and bytes of an element.
    /// - Throws: `memory` where the sum overflows or is more than the machine has.
    static func require(
        elements: [(rows: Int, columns: Int, bytes: Int)], _ what: String
    ) throws(HPMError) {
        var total = 0.0
        for (rows, columns, bytes) in elements {
            total += Double(rows) * Double(columns) * Double(bytes)
        }
        let memory = Elementary.physicalMemory()
        guard total < 0x1p60, total <= memory else {
            throw HPMError(
                .memory,
                "\(what) would take \(total / 0x1p20) MiB; this machine has \(memory / 0x1p20) MiB")
        }
    }
}
