import HPM

extension RunStore {
    /// What of a run may be other than its file has it.
    public struct Overrides: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// More `steps`, or 0, no end.
        public static let steps = Overrides(rawValue: 1)
        /// Another `population`: students are drawn that join, or the worst are retired.
        public static let population = Overrides(rawValue: 2)
        /// Other bounds of hyperparameters, which hold where all students are.
        public static let bounds = Overrides(rawValue: 4)
        public static let all: Overrides = [.steps, .population, .bounds]
    }

    /// Which failures of the host a report survives that was answered.
    public enum Durability: Int32, CaseIterable, Sendable {
        /// None: a crash of the process may lose the latest ones, one of the machine may damage the file.
        case none = 0
        /// A crash of the process; one of the machine may lose the latest ones.
        case process = 1
        /// A crash of the machine: each report waits for the disk.
        case power = 2

        var pragma: String {
            switch self {
            case .none: "PRAGMA synchronous = OFF"
            case .process: "PRAGMA synchronous = NORMAL"
            case .power: "PRAGMA synchronous = FULL"
            }
        }
    }

    /// Opens the run of a file, or begins one where there is no such file.
    ///
    /// - Parameters:
    ///   - path: `:memory:` for a run that ends with the process.
    ///   - space: nil: that of the file.
    ///   - options: Those that are given have to be those of the file.
    ///   - overrides: What of them need not.
    ///   - library: Who begins it, for readers.
    /// - Throws: `storage`; `argument` where the file is of another space or other options; what ``Population`` throws
    ///   where it is new.
    public static func open(
        _ path: String, space: SearchSpace?, options: Options, overrides: Overrides = [], library: String = "libhpm"
    ) throws(HPMError) -> (store: RunStore, population: Population) {
        guard !path.isEmpty else {
            throw HPMError(.argument, "path is empty; allowed: the name of a file, or ':memory:'")
        }
        var path = path
        // SQLite would take it for an address.
        if path.hasPrefix("file:") { path = "./" + path }
        guard !Machine.isFolder(path) else {
            throw HPMError(.storage, "'\(path)' is a folder; allowed: the name of a file in one")
        }
        // Two names of one file are to have one lock.
        if path != ":memory:" { path = Machine.resolved(path) }
        let lock: WriterLock? = path == ":memory:" ? nil : try WriterLock(of: path)
        let database = try Database(path: path)
        // Where a folder has no shared memory, SQLite keeps another mode and goes on.
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute(Durability.process.pragma)
        var found: Restored
        if try Schema.isPresent(in: database) {
            try Schema.migrate(database, from: try database.integer("PRAGMA user_version") ?? 0)
            found = try restore(from: database)
            try require(space, options, found.population, path, overrides)
        } else {
            guard let space else {
                throw HPMError(.argument, "there is no run in '\(path)', and space is NULL; allowed: a space, with which one begins")
            }
            let population = try Population(space: space, options: options)
            found = Restored(
                population: population, lastInput: 0, size: try create(population, library, database), replayed: 0)
        }
        found.population.keptEvents = .all
        let store = try RunStore(
            database, lock, found.population.space, lastInput: found.lastInput, snapshotSize: found.size,
            bytesSinceSnapshot: found.replayed)
        // Last, so that a file that is refused is as it was.
        try store.beginSession()
        return (store, try store.overridden(found.population, space, options))
    }

    /// - Throws: `storage`.
    public func set(_ durability: Durability) throws(HPMError) {
        try requireOpen()
        try database.execute(durability.pragma)
    }

    /// A population as a file has it.
    struct Restored {
        var population: Population
        let lastInput: Int
        /// Of the latest snapshot.
        var size: Int
        /// The bytes of inputs after it.
        var replayed: Int
    }

    /// - Throws: `storage` where the file is damaged.
    static func restore(from database: borrowing Database) throws(HPMError) -> Restored {
        let last = try database.integer("SELECT max(number) FROM inputs") ?? 0
        guard last >= 0, last < 1 << 53 else {
            throw HPMError(.storage, "'\(database.path)' is damaged: it has an input with the number \(last)")
        }
        let snapshots = try database.prepare("SELECT input, bytes FROM snapshots ORDER BY input DESC")
        var damage = "it has no snapshot"
        while try snapshots.step() {
            let (input, bytes) = (snapshots.integer(0), snapshots.blob(1))
            guard input >= 0, input <= last else {
                damage = "it has a snapshot after input \(input) of \(last)"
                continue
            }
            do throws(HPMError) {
                var population = try Population(snapshot: bytes)
                let replayed = try replay(after: input, on: &population, database)
                guard replayed.count == last - input else {
                    throw HPMError(.snapshot, "of its inputs after number \(input) some are missing")
                }
                return Restored(population: population, lastInput: last, size: bytes.count, replayed: replayed.bytes)
            } catch where error.code != .storage && error.code != .memory {
                damage = error.message
            }
        }
        throw HPMError(
            .storage, "'\(database.path)' is damaged: \(damage); `libhpm doctor` says what can be saved")
    }

    private static func replay(
        after input: Int, on population: inout Population, _ database: borrowing Database
    ) throws(HPMError) -> (count: Int, bytes: Int) {
        let inputs = try database.prepare("SELECT number, bytes FROM inputs WHERE number > ? ORDER BY number")
        inputs.bind(1, input)
        var (count, size) = (0, 0)
        var bytes: [UInt8] = []
        func flush(_ population: inout Population) throws(HPMError) {
            guard try population.replay(bytes) == bytes.count else {
                throw HPMError(.snapshot, "an input near number \(input + count) is cut short")
            }
            bytes.removeAll(keepingCapacity: true)
        }
        while try inputs.step() {
            count += 1
            guard inputs.integer(0) == input + count else { break }
            bytes += inputs.blob(1)
            // A replay copies the population, so not for each input; and never holds all of a long log.
            if bytes.count > 1 << 20 {
                size += bytes.count
                try flush(&population)
            }
        }
        size += bytes.count
        try flush(&population)
        return (count, size)
    }

    private static func require(
        _ space: SearchSpace?, _ options: Options, _ population: Population, _ path: String, _ overrides: Overrides
    ) throws(HPMError) {
        if let difference = space?.difference(
            from: population.space, ignoringBounds: overrides.contains(.bounds))
        {
            let remedy = space?.difference(from: population.space, ignoringBounds: true) == nil
                ? "the same space, an override of the bounds, or a new file" : "the same space, or a new file"
            throw HPMError(
                .argument, "the space is not that of the run in '\(path)': \(difference); allowed: \(remedy)")
        }
        for difference in options.differences(from: population.options) {
            if difference.key == "steps", overrides.contains(.steps) { continue }
            if difference.key == "population", overrides.contains(.population) { continue }
            let remedy =
                difference.key == "steps" || difference.key == "population"
                ? "the same, an override of it, or a new file" : "the same, or a new file"
            throw HPMError(
                .argument,
                "option '\(difference.key)' is \(difference.given), and \(difference.other) in the run of '\(path)'; allowed: \(remedy)")
        }
    }

    /// Brings a run to what was asked for, by inputs as any other.
    private func overridden(
        _ population: Population, _ space: SearchSpace?, _ options: Options
    ) throws(HPMError) -> Population {
        var population = population
        func apply(_ input: Input) throws(HPMError) {
            try population.check(input)
            var changed = population
            try write(
                Self.records([input]), apply: { changed.changes(by: [input]) { $0.perform(input) } }, undo: { _ in })
            population = changed
        }
        if let space, space.difference(from: population.space) != nil { try apply(.bounds(space)) }
        if let steps = options.steps, steps != population.options.steps { try apply(.steps(steps)) }
        if let size = options.population, size != population.size {
            let living = (0..<population.size).filter { !population.isRetired($0) }
            if size > living.count {
                try apply(.grow(count: size - living.count, .drawn))
            } else if size < living.count {
                // The worst first; those that were never judged are the worst.
                for student in population.worstStudents.prefix(living.count - size) { try apply(.retire(student: student)) }
            }
        }
        return population
    }

    /// - Returns: The size of the first snapshot.
    private static func create(
        _ population: Population, _ library: String, _ database: borrowing Database
    ) throws(HPMError) -> Int {
        let bytes = population.snapshot()
        let (space, options) = (population.space, population.options)
        do throws(HPMError) {
            try database.execute("BEGIN IMMEDIATE")
            try database.execute(Schema.tables)
            try insertRun(space, library, database)
            for (position, parameter) in space.parameters.enumerated() {
                try insert(parameter, position, database)
            }
            let insert = try database.prepare("INSERT INTO options (position, name, value) VALUES (?, ?, ?)")
            for (position, key) in OptionKey.all.enumerated() {
                insert.bind(1, position)
                insert.bind(2, key.name)
                insert.bind(3, try options.text(of: key.name))
                try insert.run()
            }
            try insertSnapshot(bytes, input: 0, database)
            try database.execute("PRAGMA application_id = \(Schema.application)")
            try database.execute("PRAGMA user_version = \(Schema.version)")
            try database.execute("COMMIT")
        } catch {
            database.rollBack()
            throw error
        }
        return bytes.count
    }

    private static func insertRun(
        _ space: SearchSpace, _ library: String, _ database: borrowing Database
    ) throws(HPMError) {
        let insert = try database.prepare("INSERT INTO run (key, value) VALUES (?, ?)")
        insert.bind(1, "created")
        insert.bind(2, Machine.time)
        try insert.run()
        insert.bind(1, "dimension")
        insert.bind(2, space.dimension)
        try insert.run()
        insert.bind(1, "library")
        insert.bind(2, library)
        try insert.run()
    }

    private static func insert(
        _ parameter: Hyperparameter, _ position: Int, _ database: borrowing Database
    ) throws(HPMError) {
        let insert = try database.prepare(
            """
            INSERT INTO parameters (position, name, kind, "offset", count, low, high, scale, initial, updated_by, role, labels)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insert.bind(1, position)
        insert.bind(2, parameter.name)
        insert.bind(3, parameter.kind.name)
        insert.bind(4, parameter.offset)
        insert.bind(5, parameter.count)
        insert.bind(6, parameter.low)
        insert.bind(7, parameter.high)
        insert.bind(8, "\(parameter.scale)")
        if let initial = parameter.initial { insert.bind(9, initial) }
        insert.bind(10, parameter.update.name)
        insert.bind(11, parameter.role.name)
        insert.bind(12, text: JSONArray.of(parameter.labels))
        try insert.run()
    }
}
