/// Writes the parts of a snapshot: little-endian, arrays and strings behind their count.
struct SnapshotEncoder {
    private(set) var bytes: [UInt8] = []
    /// How many bytes were put.
    private(set) var count = 0
    /// Whether the bytes are counted and not kept.
    let isCounting: Bool

    init(isCounting: Bool = false) {
        self.isCounting = isCounting
    }

    private mutating func append(_ part: UnsafeRawBufferPointer) {
        count += part.count
        if !isCounting { bytes.append(contentsOf: part) }
    }

    mutating func put(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    /// Overwrites a number that was put before what it counts.
    mutating func patch(_ value: UInt64, at position: Int) {
        if isCounting { return }
        withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(position..<position + $0.count, with: $0)
        }
    }

    mutating func put(_ value: Double) { put(value.bitPattern) }
    mutating func put(_ value: Bool) { put(UInt8(value ? 1 : 0)) }
    mutating func put(count value: Int) { put(UInt64(value)) }

    mutating func put(_ text: String) {
        put(count: text.utf8.count)
        for unit in text.utf8 { put(unit) }
    }

    mutating func put(_ values: [Double]) {
        put(count: values.count)
        putAll(values) { $0.bitPattern.littleEndian }
    }

    mutating func put(_ values: [UInt32]) {
        put(count: values.count)
        putAll(values) { $0.littleEndian }
    }

    private mutating func putAll<Value, Word: FixedWidthInteger>(
        _ values: [Value], _ word: (Value) -> Word
    ) {
        if isCounting {
            count += values.count * MemoryLayout<Word>.size
        } else {
            values.map(word).withUnsafeBytes { append($0) }
        }
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
