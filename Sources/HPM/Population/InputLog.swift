/// Inputs as bytes. Each stands alone: a version (8 bits), a kind (8 bits), a check of these and of the length (16
/// bits), so that a damaged length is told from bytes that a crash cut short, the length of what follows (32 bits),
/// the input, CRC-64 of all before it. Little-endian throughout.
public enum InputLog {
    private static let version: UInt8 = 1
    private static let header = 8
    private static let checksum = 8
    private static let beginning: UInt8 = 255

    /// - Complexity: O(bytes).
    public static func encoded(_ input: Input) -> [UInt8] {
        var body = SnapshotEncoder()
        let kind = encode(input, into: &body)
        return record(kind, body)
    }

    /// What stands before the inputs of a log, so that it is not taken for another population's: a checksum of space
    /// and options, and of how far the run is. No computed number is in it, since those differ between C libraries in
    /// the last place.
    ///
    /// - Complexity: O(population + parameters).
    public static func beginning(of population: Population) -> [UInt8] {
        var body = SnapshotEncoder()
        body.put(population.logDigest)
        return record(beginning, body)
    }

    private static func record(_ kind: UInt8, _ body: SnapshotEncoder) -> [UInt8] {
        var record = SnapshotEncoder()
        let length = UInt32(truncatingIfNeeded: body.count)
        record.put(version)
        record.put(kind)
        record.put(headerCheck(version, kind, length))
        record.put(length)
        return finish(record.bytes + body.bytes)
    }

    /// - Throws: `argument` where a record is the beginning of a log that does not begin where the population stands.
    /// - Returns: Whether it is a beginning at all.
    static func checkBeginning(
        _ bytes: UnsafeBufferPointer<UInt8>, _ record: Range<Int>, _ population: Population
    ) throws(HPMError) -> Bool {
        guard bytes[record.lowerBound + 1] == beginning else { return false }
        var decoder = content(bytes, record)
        guard try decoder.integer(UInt64.self) == population.logDigest, decoder.remaining == 0 else {
            throw HPMError(
                .argument,
                "the log does not begin where this population stands: it is of another space or other options, such as the seed, or this one is ahead or behind; allowed: a new population, or a snapshot from where the log was begun")
        }
        return true
    }

    /// Of a record what stands between its header and its checksum.
    private static func content(
        _ bytes: UnsafeBufferPointer<UInt8>, _ record: Range<Int>
    ) -> SnapshotDecoder {
        SnapshotDecoder(
            UnsafeBufferPointer(rebasing: bytes[record.lowerBound + header..<record.upperBound - checksum]))
    }

    private static func headerCheck(_ version: UInt8, _ kind: UInt8, _ length: UInt32) -> UInt16 {
        var encoder = SnapshotEncoder()
        encoder.put(version)
        encoder.put(kind)
        encoder.put(length)
        return UInt16(truncatingIfNeeded: Checksum.crc64(encoder.bytes))
    }

    private static func finish(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = SnapshotEncoder()
        encoder.put(Checksum.crc64(bytes))
        return bytes + encoder.bytes
    }

    private static func encode(_ input: Input, into encoder: inout SnapshotEncoder) -> UInt8 {
        switch input {
        case .begin(let student, let beginning):
            encoder.put(count: student)
            encoder.put(beginning.action.rawValue)
            encoder.put(count: beginning.source)
            encoder.put(count: beginning.ticket)
            return 0
        case .report(let student, let ticket, let loss, let hypergradient):
            encoder.put(count: student)
            encoder.put(count: ticket)
            encoder.put(loss)
            encoder.put(hypergradient.map(Array.init)) { $0.put($1) }
            return 1
        case .cost(let student, let training, let hypergradient):
            encoder.put(count: student)
            encoder.put(training)
            encoder.put(hypergradient)
            return 2
        case .start(let student, let hyperparameters):
            encoder.put(count: student)
            encoder.put(Array(hyperparameters))
            return 3
        case .stop:
            return 4
        case .release(let student):
            encoder.put(count: student)
            return 5
        case .retire(let student):
            encoder.put(count: student)
            return 6
        case .grow(let count, let origin):
            encoder.put(count: count)
            encoder.put(origin.rawValue)
            return 7
        case .steps(let steps):
            encoder.put(count: steps)
            return 8
        case .bounds(let space):
            space.encode(into: &encoder)
            return 9
        }
    }

    /// Where a log stops to be one.
    static func damaged(_ position: Int, _ what: String) -> HPMError {
        HPMError(.snapshot, "the log is damaged at byte \(position): \(what)")
    }

    /// The extent of each whole input.
    ///
    /// - Throws: `snapshot` for one that is damaged. Bytes that end inside an input are none.
    static func records(_ bytes: UnsafeBufferPointer<UInt8>) throws(HPMError) -> [Range<Int>] {
        var records: [Range<Int>] = []
        var position = 0
        while bytes.count - position >= header {
            var decoder = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes[position...]))
            let version = try decoder.integer(UInt8.self)
            guard version == Self.version else {
                throw damaged(position, "version \(version); this library reads version \(Self.version)")
            }
            let kind = try decoder.integer(UInt8.self)
            let check = try decoder.integer(UInt16.self)
            let length = try decoder.integer(UInt32.self)
            guard check == headerCheck(version, kind, length) else {
                throw damaged(position, "no input begins there")
            }
            let end = position + header + Int(length)
            guard bytes.count - end >= checksum else { break }
            var trailer = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes[end..<end + checksum]))
            guard try trailer.integer(UInt64.self) == Checksum.crc64(bytes[position..<end]) else {
                throw damaged(position, "its checksum is wrong")
            }
            records.append(position..<end + checksum)
            position = end + checksum
        }
        return records
    }

    /// Calls `body` with the input of a record.
    static func decode(
        _ bytes: UnsafeBufferPointer<UInt8>, _ record: Range<Int>,
        _ body: (Input) throws(HPMError) -> Void
    ) throws(HPMError) {
        var decoder = content(bytes, record)
        let kind = bytes[record.lowerBound + 1]
        let limit = Int.max / 2
        func student() throws(HPMError) -> Int { try decoder.index(below: limit, "a student") }
        var values: [Double] = []
        let input: Input
        switch kind {
        case 0:
            let student = try student()
            guard let action = Action(rawValue: try decoder.integer(Int32.self)) else {
                throw damaged(record.lowerBound, "a task of no known kind")
            }
            input = .begin(
                student: student,
                Input.Beginning(
                    action: action, source: try decoder.index(below: limit, "a source"),
                    ticket: try decoder.index(below: limit, "a ticket")))
        case 1:
            let student = try student()
            let ticket = try decoder.index(below: limit, "a ticket")
            let loss = try decoder.double()
            if let found = try decoder.optional({ (decoder) throws(HPMError) in try decoder.anyDoubles() }) {
                values = found
                return try with(values) { (buffer) throws(HPMError) in
                    try body(.report(student: student, ticket: ticket, loss: loss, hypergradient: buffer))
                }
            }
            input = .report(student: student, ticket: ticket, loss: loss, hypergradient: nil)
        case 2:
            input = .cost(
                student: try student(), training: try decoder.double(), hypergradient: try decoder.double())
        case 3:
            let student = try student()
            values = try decoder.anyDoubles()
            return try with(values) { (buffer) throws(HPMError) in
                try body(.start(student: student, buffer))
            }
        case 4: input = .stop
        case 5: input = .release(student: try student())
        case 6: input = .retire(student: try student())
        case 7:
            let count = try decoder.index(below: limit, "a count")
            guard let origin = Input.Origin(rawValue: try decoder.integer(Int32.self)) else {
                throw damaged(record.lowerBound, "an origin of no known kind")
            }
            input = .grow(count: count, origin)
        case 8:
            guard let steps = Int(exactly: try decoder.integer(UInt64.self)) else {
                throw damaged(record.lowerBound, "a number of steps that is too large")
            }
            input = .steps(steps)
        case 9: input = .bounds(try SearchSpace(&decoder))
        default: throw damaged(record.lowerBound, "an input of kind \(kind)")
        }
        try body(input)
    }

    private static func with(
        _ values: [Double], _ body: (UnsafeBufferPointer<Double>) throws(HPMError) -> Void
    ) throws(HPMError) {
        let result = values.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try body(buffer) }
        }
        try result.get()
    }
}

extension SnapshotDecoder {
    /// Doubles of any value.
    mutating func anyDoubles() throws(HPMError) -> [Double] {
        try array(minimumSize: 8, "an array") { (decoder) throws(HPMError) in try decoder.double() }
    }
}

extension Population {
    /// A checksum of what the population is a function of, and of how far its run is.
    fileprivate var logDigest: UInt64 {
        var encoder = SnapshotEncoder()
        space.encode(into: &encoder)
        options.encode(into: &encoder)
        encoder.put(count: lastTicket)
        encoder.put(students.reports) { $0.put(count: $1) }
        return Checksum.crc64(encoder.bytes)
    }

    /// Applies the inputs of a log, in order.
    ///
    /// - Returns: The bytes that were applied; fewer than there are where they end inside an input, as after a crash.
    /// - Throws: `snapshot` for bytes that are damaged, else what an input meets that is not allowed here, as where
    ///   the log is another population's. Nothing is changed.
    /// - Parameter body: Called before each input, with the population that it changes.
    /// - Complexity: That of the calls that were logged.
    @discardableResult
    public mutating func replay(
        _ bytes: UnsafeBufferPointer<UInt8>, before body: (borrowing Population, Input) -> Void = { _, _ in }
    ) throws(HPMError) -> Int {
        let records = try InputLog.records(bytes)
        var replayed = self
        for record in records {
            do throws(HPMError) {
                if try InputLog.checkBeginning(bytes, record, replayed) { continue }
                try InputLog.decode(bytes, record) { (input) throws(HPMError) in
                    try replayed.check(input)
                    body(replayed, input)
                    replayed.perform(input)
                }
            } catch {
                throw HPMError(error.code, "input at byte \(record.lowerBound): \(error.message)")
            }
        }
        self = replayed
        if !observers.isEmpty { deliver() }
        return records.last?.upperBound ?? 0
    }

    /// As ``replay(_:before:)-(UnsafeBufferPointer<UInt8>,_)``, from an array.
    @discardableResult
    public mutating func replay(
        _ bytes: [UInt8], before body: (borrowing Population, Input) -> Void = { _, _ in }
    ) throws(HPMError) -> Int {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try replay(buffer, before: body) }
        }
        return try result.get()
    }
}
