/// The format: the eight bytes "HPMSNAP1", the version (32 bits), the length of the state (64 bits),
/// the state, CRC-64 of all before it. Little-endian throughout. A version that this library does not
/// know is refused; each version that was released stays readable.
extension Population {
    private static let magic = Array("HPMSNAP1".utf8)
    private static let version: UInt32 = 2
    private static let envelope = 8 + 4 + 8 + 8

    /// The whole state: a population that is made from it goes on bit for bit as this one would. A
    /// requested stop is not part of it, nor are observers. Equal runs have equal snapshots.
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
            elements: Self.memory(Setup(space: space, options: options)),
            "a snapshot of \(size) students with \(dimension) hyperparameters")
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
        var state = SnapshotDecoder(UnsafeBufferPointer(rebasing: bytes[20..<bytes.count - 8]))
        switch version {
        case 1: try self.init(versionOne: &state)
        case 2: try self.init(&state)
        default:
            throw HPMError(
                .snapshot, "the snapshot has version \(version); this library reads versions 1 and 2")
        }
        guard state.remaining == 0 else { throw SnapshotDecoder.damaged("bytes are left over") }
    }

    /// As ``init(snapshot:)-(UnsafeBufferPointer<UInt8>)``, from an array.
    public init(snapshot bytes: [UInt8]) throws(HPMError) {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try Population(snapshot: buffer) }
        }
        self = try result.get()
    }

    /// - Parameter other: A space with other bounds; nil: its own.
    func encode(into encoder: inout SnapshotEncoder, bounds other: SearchSpace? = nil) {
        (other ?? space).encode(into: &encoder)
        options.encode(into: &encoder)
        students.encode(into: &encoder)
        for task in tasks { task.encode(into: &encoder) }
        encoder.put(cohort) { $0.put(count: $1) }
        encoder.put(unmutated) { $1.encode(into: &$0) }
        encoder.put(queue) { encoder, queued in
            queued.evaluation.encode(into: &encoder)
            queued.checkpoint.encode(into: &encoder)
        }
        encoder.put(joining) { $0.put(count: $1) }
        encoder.put(count: lastTicket)
        closedBudget.encode(into: &encoder)
        lineage.encode(into: &encoder)
        strategy.encode(into: &encoder)
    }

    /// Before anything is allocated: each student has three arrays here, each teacher two.
    ///
    /// - Throws: `snapshot` where the bytes are too few for what the options ask for.
    static func made(
        _ decoder: inout SnapshotDecoder
    ) throws(HPMError) -> Population {
        let space = try SearchSpace(&decoder)
        let given = try Options(&decoder)
        let options = given.resolved()
        let values = Double(options.population) * Double(space.dimension)
        guard values * 24 <= Double(decoder.remaining) else {
            throw SnapshotDecoder.damaged(
                "\(decoder.remaining) bytes are too few for \(options.population) students with \(space.dimension) hyperparameters")
        }
        if options.hasTeacher {
            // One square matrix, or two of units x dimension.
            let isLinear = options.teacher == .linear
            let weights = Double(isLinear ? space.dimension : options.teacherUnits) * Double(space.dimension)
            guard weights * (isLinear ? 8 : 16) <= Double(decoder.remaining) else {
                throw SnapshotDecoder.damaged(
                    "\(decoder.remaining) bytes are too few for a teacher of \(options.teacherUnits) units")
            }
        }
        do throws(HPMError) {
            var population = try Population(space: space, options: given)
            // They were said when it was created; a snapshot holds all options as if they had been given.
            population.warnings = []
            return population
        } catch {
            throw error.code == .argument ? SnapshotDecoder.damaged(error.message) : error
        }
    }

    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self = try Self.made(&decoder)
        try students.decode(&decoder, coordinates)
        let count = size
        for student in 0..<count {
            tasks[student] = try StudentTask(&decoder, students: count, in: space)
        }
        cohort = try decoder.students(below: count, "the round")
        unmutated = try decoder.array(minimumSize: 17, "the clones") { (decoder) throws(HPMError) in
            try Clone(&decoder, students: count)
        }
        queue = try decoder.array(minimumSize: 24, "the queue") { (decoder) throws(HPMError) in
            QueuedEvaluation(
                evaluation: try Evaluation(&decoder, students: count, in: space),
                checkpoint: try Checkpoint(&decoder, students: count))
        }
        joining = try decoder.students(below: count, "those that join")
        lastTicket = try decoder.index(below: Int.max / 2, "a ticket")
        closedBudget = try Budget(&decoder)
        students.hasDerivatives = closedBudget.hypergradientReports > 0
        lineage = try Lineage(&decoder, students: count)
        try strategy.decode(&decoder, students)
        try requireRound()
    }

    /// What `next` and the rounds rely on.
    private mutating func requireRound() throws(HPMError) {
        missing = isSynchronous ? cohort.count { tasks[$0].isOpen } : 0
        let actions = Set(cohort.map { tasks[$0].action })
        let isRound =
            !isSynchronous
            || cohort == Array(Set(cohort)).sorted() && actions.count <= 1
                && (missing > 0 || students.living.isEmpty) && cohort.allSatisfy { !students.isRetired[$0] }
                && (0..<size).allSatisfy { cohort.contains($0) || !tasks[$0].isOpen }
        guard isRound, tasks.allSatisfy({ $0.ticket <= lastTicket }),
            students.isRetired.indices.allSatisfy({ !students.isRetired[$0] || !tasks[$0].isOpen })
        else { throw SnapshotDecoder.damaged("its round is none") }
    }
}

extension Students {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(places)
        encoder.put(reported)
        encoder.put(gradients)
        for student in 0..<count {
            encoder.put(losses[student]) { $0.put($1) }
            encoder.put(count: reports[student])
            checkpoints[student].encode(into: &encoder)
            encoder.put(hasBegun[student])
            encoder.put(isRetired[student])
        }
    }

    mutating func decode(
        _ decoder: inout SnapshotDecoder, _ coordinates: Coordinates
    ) throws(HPMError) {
        let values = try decoder.doubles(
            count: 2 * count * dimension, in: SnapshotDecoder.finite, "the hyperparameters")
        reported = try decoder.doubles(
            count: count * dimension, in: SnapshotDecoder.finite, "the reported hyperparameters")
        gradients = try decoder.gradients(students: count, in: space)
        for student in 0..<count {
            let start = 2 * student * dimension
            let point = Point(
                natural: Array(values[start..<start + dimension]),
                latent: Array(values[start + dimension..<start + 2 * dimension]))
            for parameter in space.parameters {
                for index in parameter.indices {
                    guard parameter.complaint(about: point.natural[index]) == nil,
                        parameter.complaint(about: reported[student * dimension + index]) == nil,
                        point.latent[index] >= 0, point.latent[index] <= 1
                    else { throw SnapshotDecoder.damaged("'\(parameter.name)' is out of its bounds") }
                }
            }
            place(student, point, .decision)
            losses[student] = try decoder.optional { (decoder) throws(HPMError) in
                try decoder.double(in: SnapshotDecoder.losses, "a loss")
            }
            reports[student] = try decoder.index(below: Int.max / 2, "a number of reports")
            checkpoints[student] = try Checkpoint(&decoder, students: count)
            hasBegun[student] = try decoder.bool()
            if try decoder.bool() {
                let loss = losses[student]
                retire(student)
                losses[student] = loss
            }
        }
    }
}

extension SnapshotDecoder {
    mutating func gradients(students: Int, in space: SearchSpace) throws(HPMError) -> [Double] {
        let dimension = space.dimension
        let gradients = try doubles(
            count: students * dimension, in: -Gradient.largest...Gradient.largest, allowingNaN: true,
            "the hypergradients")
        for parameter in space.parameters where !parameter.kind.isReal {
            for index in parameter.indices {
                for student in 0..<students where !gradients[student * dimension + index].isNaN {
                    throw Self.damaged("'\(parameter.name)' has a hypergradient")
                }
            }
        }
        return gradients
    }
}

extension Checkpoint {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: student)
        encoder.put(count: report)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int) throws(HPMError) {
        student = try decoder.index(below: students, "a student")
        report = try decoder.index(below: Int.max / 2, "a report")
    }
}

extension Clone {
    func encode(into encoder: inout SnapshotEncoder) {
        for number in [student, source, parent, rank, sourceRank] { encoder.put(count: number) }
        // Two flags in a byte.
        encoder.put((isMutated ? 1 : 0) | (isJoining ? 2 : 0) as UInt8)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int) throws(HPMError) {
        student = try decoder.index(below: students, "a clone")
        source = try decoder.index(below: students, "a source")
        parent = try decoder.index(below: students, "a parent")
        rank = try decoder.index(below: students + 1, "a rank")
        sourceRank = try decoder.index(below: students + 1, "a rank")
        let flags = try decoder.integer(UInt8.self)
        guard flags < 4 else { throw SnapshotDecoder.damaged("a clone's flags are \(flags)") }
        (isMutated, isJoining) = (flags & 1 != 0, flags & 2 != 0)
    }
}

extension Evaluation {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: student)
        point.encode(into: &encoder)
        mutation.encode(into: &encoder)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int, in space: SearchSpace) throws(HPMError) {
        student = try decoder.index(below: students, "a student")
        point = try space.decodePoint(&decoder)
        mutation = try TaughtMutation(&decoder, in: space)
    }
}

extension StudentTask {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(action.rawValue)
        checkpoint.encode(into: &encoder)
        encoder.put(clone) { $1.encode(into: &$0) }
        encoder.put(evaluation) { $1.encode(into: &$0) }
        encoder.put(count: ticket)
        encoder.put(isReported)
        encoder.put(reportedTrainingCost) { $0.put($1) }
        encoder.put(hypergradientCost)
        encoder.put(gradient)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int, in space: SearchSpace) throws(HPMError) {
        guard let action = Action(rawValue: try decoder.integer(Int32.self)), action != .stop else {
            throw SnapshotDecoder.damaged("a task is of no known kind")
        }
        self.init(action, 0)
        let checkpoint = try Checkpoint(&decoder, students: students)
        (source, sourceReport) = (checkpoint.student, checkpoint.report)
        let clone = try decoder.optional { (decoder) throws(HPMError) in
            try Clone(&decoder, students: students)
        }
        let evaluation = try decoder.optional { (decoder) throws(HPMError) in
            try Evaluation(&decoder, students: students, in: space)
        }
        guard (action == .clone) == (clone != nil), (action == .evaluate) == (evaluation != nil) else {
            throw SnapshotDecoder.damaged("a task is none of its kind")
        }
        if let clone { self.clone = clone }
        if let evaluation { self.evaluation = evaluation }
        ticket = try decoder.index(below: Int.max / 2, "a ticket")
        isReported = try decoder.bool()
        try decodeCosts(&decoder)
        let hasGradient = action == .evaluate && isReported
        gradient = try decoder.doubles(
            count: hasGradient ? space.dimension : 0, in: -Gradient.largest...Gradient.largest,
            allowingNaN: true, "an evaluation")
    }

    mutating func decodeCosts(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        reportedTrainingCost = try decoder.optional { (decoder) throws(HPMError) in
            try decoder.double(in: 0...Population.largestCost, "a cost")
        }
        hypergradientCost = try decoder.double(in: 0...Population.largestCost, "a cost")
    }
}
