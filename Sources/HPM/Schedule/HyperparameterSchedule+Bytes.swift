/// The format: the eight bytes "HPMSCHD1", the space, the steps, CRC-64 of all before it; coded as snapshots are.
extension HyperparameterSchedule {
    private static let magic = Array("HPMSCHD1".utf8)

    /// - Complexity: O(steps x dimension).
    public func encoded() -> [UInt8] {
        var encoder = SnapshotEncoder()
        for byte in Self.magic { encoder.put(byte) }
        space.encode(into: &encoder)
        encoder.put(steps) { encoder, step in
            encoder.put(count: step.ancestor.student)
            encoder.put(count: step.ancestor.report)
            encoder.put(step.loss)
            encoder.put(step.hyperparameters)
        }
        encoder.put(Checksum.crc64(encoder.bytes))
        return encoder.bytes
    }

    /// A schedule from the bytes of ``encoded()``.
    ///
    /// - Throws: `snapshot` for bytes that are none, damaged or truncated.
    public init(encoded bytes: UnsafeBufferPointer<UInt8>) throws(HPMError) {
        let checksum = MemoryLayout<UInt64>.size
        guard bytes.count >= Self.magic.count + checksum, bytes.prefix(Self.magic.count).elementsEqual(Self.magic)
        else {
            throw HPMError(.snapshot, "these \(bytes.count) bytes are no schedule")
        }
        var trailer = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes.suffix(checksum)))
        guard try trailer.integer(UInt64.self) == Checksum.crc64(bytes.dropLast(checksum)) else {
            throw HPMError(.snapshot, "the schedule is damaged or truncated: its checksum is wrong")
        }
        var decoder = SnapshotDecoder(
            UnsafeBufferPointer(rebasing: bytes[Self.magic.count..<bytes.count - checksum]))
        let space = try SearchSpace(&decoder)
        let limit = Int.max / 2
        steps = try decoder.array(minimumSize: 32, "the steps") { (decoder) throws(HPMError) in
            let student = try decoder.index(below: limit, "a student")
            let report = try decoder.index(below: limit, "a report")
            let loss = try decoder.double()
            return Step(
                ancestor: Lineage.Ancestor(student: student, report: report), loss: loss,
                hyperparameters: try decoder.doubles(
                    count: space.dimension, in: SnapshotDecoder.finite, "the hyperparameters"))
        }
        guard decoder.remaining == 0 else { throw HPMError(.snapshot, "the schedule is damaged: bytes are left over") }
        self.space = space
    }

    /// As ``init(encoded:)-(UnsafeBufferPointer<UInt8>)``, from an array.
    public init(encoded bytes: [UInt8]) throws(HPMError) {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try HyperparameterSchedule(encoded: buffer) }
        }
        self = try result.get()
    }
}
