/// The format: the eight bytes "HPMSNAP1", the version (32 bits), the length of the state (64 bits),
/// the state, CRC-64 of all before it. Little-endian throughout. A version that this library does not
/// know is refused; each version that was released stays readable.
extension Population {
    private static let magic = Array("HPMSNAP1".utf8)
    private static let version: UInt32 = 1
    private static let envelope = 8 + 4 + 8 + 8

    /// The whole state: a population that is made from it goes on bit for bit as this one would. A
    /// requested stop is not part of it.
    ///
    /// - Complexity: O(population x dimension).
    public func snapshot() -> [UInt8] {
        var encoder = SnapshotEncoder()
        encodeAll(into: &encoder)
        encoder.put(Checksum.crc64(encoder.bytes))
        return encoder.bytes
    }

    /// The bytes that ``snapshot()`` has, counted without being written.
    public var snapshotSize: Int {
        var encoder = SnapshotEncoder(isCounting: true)
        encodeAll(into: &encoder)
        return encoder.count + MemoryLayout<UInt64>.size
    }

    /// All but the checksum.
    private func encodeAll(into encoder: inout SnapshotEncoder) {
        for byte in Self.magic { encoder.put(byte) }
        encoder.put(Self.version)
        encoder.put(UInt64(0))
        let header = encoder.count
        encode(into: &encoder)
        encoder.patch(UInt64(encoder.count - header), at: header - 8)
    }

    /// - Throws: `memory` where a snapshot does not fit beside the population.
    public func requireSnapshotMemory() throws(HPMError) {
        try Memory.require(
            elements: [
                (size, dimension, Self.bytesOfCoordinate(options.algorithm)),
                Teacher.elements(
                    teacher?.kind ?? .absent, dimension: dimension, units: options.teacherUnits),
                (options.algorithm.surrogateCapacity, dimension, 16),
            ], "a snapshot of \(size) students with \(dimension) hyperparameters")
    }

    /// A population from the bytes of ``snapshot()``.
    ///
    /// - Throws: `snapshot` for bytes that are none, damaged, truncated or of an unknown version;
    ///   `memory` where it does not fit.
    public init(snapshot bytes: UnsafeBufferPointer<UInt8>) throws(HPMError) {
        guard bytes.count >= Self.envelope, bytes.prefix(8).elementsEqual(Self.magic) else {
            throw HPMError(
                .snapshot, "these \(bytes.count) bytes are no snapshot of a population, or a truncated one")
        }
        var decoder = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes[8...]))
        let version = try decoder.integer(UInt32.self)
        let length = try decoder.integer(UInt64.self)
        guard length == UInt64(bytes.count - Self.envelope) else {
            throw SnapshotDecoder.damaged(
                "it has \(bytes.count) bytes, its state \(length); it is truncated or has bytes too many")
        }
        var trailer = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes.suffix(8)))
        guard try trailer.integer(UInt64.self) == Checksum.crc64(bytes.dropLast(8)) else {
            throw SnapshotDecoder.damaged("its checksum is wrong")
        }
        guard version == Self.version else {
            throw HPMError(
                .snapshot,
                "the snapshot has version \(version); this library reads version \(Self.version)")
        }
        var state = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes[20..<bytes.count - 8]))
        try self.init(&state)
        guard state.remaining == 0 else { throw SnapshotDecoder.damaged("bytes are left over") }
    }

    /// As ``init(snapshot:)-(UnsafeBufferPointer<UInt8>)``, from an array.
    public init(snapshot bytes: [UInt8]) throws(HPMError) {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try Population(snapshot: buffer) }
        }
        self = try result.get()
    }

    private func encode(into encoder: inout SnapshotEncoder) {
        space.encode(into: &encoder)
        options.encode(into: &encoder)
        encoder.put(count: trainingRounds)
        for student in students { student.encode(into: &encoder) }
        encoder.put(gradients)
        hyperTraining?.encode(into: &encoder)
        teacher?.encode(into: &encoder)
        if let scoreFunctionTeacher {
            scoreFunctionTeacher.encode(into: &encoder)
            for student in students { encoder.put(student.draw) { $1.encode(into: &$0) } }
        }
        search?.encode(into: &encoder)
        round.encode(into: &encoder)
        encoder.put(freshClones) { $0.put(count: $1) }
        encoder.put(ranking) { $0.put(count: $1) }
        encoder.put(bestOfTrials) {
            $0.put($1.hyperparameters)
            $0.put($1.loss)
        }
        closedBudget.encode(into: &encoder)
        encoder.put(lineage.clones) {
            $0.put(count: $1.report)
            $0.put(count: $1.student)
            $0.put(count: $1.source)
        }
        bayesianTrials?.encode(into: &encoder)
        bandit?.encode(into: &encoder)
    }

    private init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let space = try SearchSpace(&decoder)
        let options = try Options(&decoder)
        // Before anything is allocated: each student has three arrays here, each teacher two.
        let values = Double(options.students) * Double(space.dimension)
        guard values * 24 <= Double(decoder.remaining) else {
            throw SnapshotDecoder.damaged(
                "\(decoder.remaining) bytes are too few for \(options.students) students with \(space.dimension) hyperparameters")
        }
        let teacherKind = options.teacherKind
        if teacherKind != .absent {
            // One square matrix, or two of units x dimension.
            let width = teacherKind == .linear ? space.dimension : options.teacherUnits
            let weights = Double(width) * Double(space.dimension)
            guard weights * (teacherKind == .linear ? 8 : 16) <= Double(decoder.remaining) else {
                throw SnapshotDecoder.damaged(
                    "\(decoder.remaining) bytes are too few for a teacher of \(options.teacherUnits) units")
            }
        }
        do throws(HPMError) {
            try self.init(space: space, options: options)
        } catch {
            throw error.code == .argument ? SnapshotDecoder.damaged(error.message) : error
        }
        let students = size
        let dimension = dimension
        trainingRounds = try decoder.index(below: Int.max / 2, "the number of training reports")
        for student in 0..<students {
            self.students[student] = try Student(&decoder, in: space)
        }
        gradients = try decoder.doubles(
            count: students * dimension, in: -Gradient.largest...Gradient.largest, allowingNaN: true,
            "the hypergradients")
        for parameter in space.parameters where !parameter.kind.isReal {
            for index in parameter.indices {
                for student in 0..<students where !gradients[student * dimension + index].isNaN {
                    throw SnapshotDecoder.damaged("'\(parameter.name)' has a hypergradient")
                }
            }
        }
        try hyperTraining?.decode(&decoder)
        try teacher?.decode(&decoder)
        if scoreFunctionTeacher != nil {
            try scoreFunctionTeacher?.decode(&decoder)
            for student in 0..<students {
                self.students[student].draw = try decoder.optional { (decoder) throws(HPMError) in
                    try MutationDraw(&decoder, students: students, in: space)
                }
            }
        }
        try search?.decode(&decoder, in: space)
        round = try Round(&decoder, students: students, in: space)
        nameParents()
        freshClones = try decoder.array(minimumSize: 8, "the clones") { (decoder) throws(HPMError) in
            try decoder.index(below: students, "a clone")
        }
        ranking = try decoder.array(minimumSize: 8, "the ranking") { (decoder) throws(HPMError) in
            try decoder.index(below: students, "a rank")
        }
        bestOfTrials = try decoder.optional { (decoder) throws(HPMError) in
            Report(
                hyperparameters: try space.decodeNatural(&decoder),
                loss: try decoder.double(in: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude, "a loss"))
        }
        closedBudget = try Budget(&decoder)
        let clones = try decoder.array(minimumSize: 24, "the lineage") { (decoder) throws(HPMError) in
            Lineage.Clone(
                report: try decoder.index(below: Int.max, "a report"),
                student: try decoder.index(below: students, "a clone"),
                source: try decoder.index(below: students, "a source"))
        }
        lineage = Lineage(clones: clones)
        try bayesianTrials?.decode(&decoder, in: space)
        try bandit?.decode(&decoder, in: space)
    }
}
