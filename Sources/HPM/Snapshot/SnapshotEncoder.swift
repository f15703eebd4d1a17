/// Writes the parts of a snapshot: little-endian, arrays and strings behind their count.
struct SnapshotEncoder {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Overwrites a number that was put before what it counts.
    mutating func patch(_ value: UInt64, at position: Int) {
        withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(position..<position + $0.count, with: $0)
        }
    }

    mutating func put(_ value: Double) { put(value.bitPattern) }
    mutating func put(_ value: Bool) { put(UInt8(value ? 1 : 0)) }
    mutating func put(count value: Int) { put(UInt64(value)) }

    mutating func put(_ text: String) {
        put(count: text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(_ values: [Double]) {
        put(count: values.count)
        putAll(values.map { $0.bitPattern.littleEndian })
    }

    mutating func put(_ values: [UInt32]) {
        put(count: values.count)
        putAll(values.map { $0.littleEndian })
    }

    private mutating func putAll(_ words: [some FixedWidthInteger]) {
        words.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    mutating func put<Value>(_ value: Value?, _ write: (inout SnapshotEncoder, Value) -> Void) {
        put(value != nil)
        if let value { write(&self, value) }
    }

    mutating func put<Value>(_ values: [Value], _ write: (inout SnapshotEncoder, Value) -> Void) {
        put(count: values.count)
        for value in values { write(&self, value) }
    }
}
