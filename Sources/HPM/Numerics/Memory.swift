/// Whether something fits into the machine's memory, asked before it is allocated: an allocation that
/// fails ends the process.
enum Memory {
    /// Something that is to be allocated: rows, columns and bytes of an element.
    typealias Block = (rows: Int, columns: Int, bytes: Int)

    /// - Parameter elements: What is to be allocated.
    /// - Throws: `memory` where the sum overflows, is more than the machine has or than the process may
    ///   have.
    static func require(
        elements: [Block], _ what: String
    ) throws(HPMError) {
        var total = 0.0
        for (rows, columns, bytes) in elements {
            total += Double(rows) * Double(columns) * Double(bytes)
        }
        let memory = Elementary.physicalMemory()
        guard total < 0x1p60, total <= memory, Elementary.canAllocate(Int(total)) else {
            let megabytes = { (bytes: Double) in "\((bytes / 0x1p20).rounded(.up)) MiB" }
            throw HPMError(
                .memory,
                "\(what) would take \(megabytes(total)); this machine has \(megabytes(memory)), of which this process may have less")
        }
    }
}
