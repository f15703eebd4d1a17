/// Reads what ``SnapshotEncoder`` wrote and believes nothing: every count is checked against the bytes
/// that are left before anything is allocated, every value against what it may be.
struct SnapshotDecoder {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    var remaining: Int { bytes.count - position }

    static func damaged(_ what: String) -> HPMError {
        HPMError(.snapshot, "the snapshot is damaged: \(what)")
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws(HPMError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw Self.damaged("it ends too early") }
        defer { position += size }
        return Value(
            littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(
                fromByteOffset: position, as: Value.self))
    }

    mutating func bool() throws(HPMError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        case let other: throw Self.damaged("a flag is \(other)")
        }
    }

    /// One of the members of an enumeration.
    mutating func member<Member: RawRepresentable<UInt8>>(
        _ what: String
    ) throws(HPMError) -> Member {
        let value = try integer(UInt8.self)
        guard let member = Member(rawValue: value) else {
            throw Self.damaged("\(what) is \(value)")
        }
        return member
    }

    mutating func double() throws(HPMError) -> Double {
        Double(bitPattern: try integer(UInt64.self))
    }

    mutating func double(in range: ClosedRange<Double>, _ what: String) throws(HPMError) -> Double {
        let value = try double()
        guard range.contains(value) else { throw Self.damaged("\(what) is \(value)") }
        return value
    }

    mutating func index(below limit: Int, _ what: String) throws(HPMError) -> Int {
        let value = try integer(UInt64.self)
        guard value < UInt64(limit) else { throw Self.damaged("\(what) is \(value)") }
        return Int(value)
    }

    /// A count of elements that each take at least `size` of the bytes that are left.
    mutating func count(ofSize size: Int, _ what: String) throws(HPMError) -> Int {
        let value = try integer(UInt64.self)
        guard value <= UInt64(remaining / size) else {
            throw Self.damaged("\(what) has \(value) elements")
        }
        return Int(value)
    }

    mutating func string() throws(HPMError) -> String {
        let count = try count(ofSize: 1, "a text")
        let text = String(
            validating: UnsafeBufferPointer(rebasing: bytes[position..<position + count]),
            as: UTF8.self)
        guard let text else { throw Self.damaged("a text is not UTF-8") }
        position += count
        return text
    }

    mutating func doubles(
        count expected: Int, in range: ClosedRange<Double>, allowingNaN: Bool = false, _ what: String
    ) throws(HPMError) -> [Double] {
        let count = try count(ofSize: 8, what)
        guard count == expected else {
            throw Self.damaged("\(what) has \(count) elements, not \(expected)")
        }
        var values: [Double] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let value = try double()
            guard range.contains(value) || allowingNaN && value.isNaN else {
                throw Self.damaged("\(what) holds \(value)")
            }
            values.append(value)
        }
        return values
    }

    mutating func counts(count expected: Int, _ what: String) throws(HPMError) -> [UInt32] {
        let count = try count(ofSize: 4, what)
        guard count == expected else {
            throw Self.damaged("\(what) has \(count) elements, not \(expected)")
        }
        var values: [UInt32] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try integer(UInt32.self)) }
        return values
    }

    mutating func optional<Value>(
        _ read: (inout SnapshotDecoder) throws(HPMError) -> Value
    ) throws(HPMError) -> Value? {
        try bool() ? try read(&self) : nil
    }

    mutating func array<Value>(
        minimumSize: Int, _ what: String, _ read: (inout SnapshotDecoder) throws(HPMError) -> Value
    ) throws(HPMError) -> [Value] {
        let count = try count(ofSize: minimumSize, what)
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }
}
