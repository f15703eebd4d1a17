import CSQLite
import HPM

/// A run in a file: each input that a population gets is one transaction, committed before it is answered, together
/// with what became of it. The inputs are the truth; all else can be made from them again.
///
/// Used by one thread at a time.
public final class RunStore: @unchecked Sendable {
    /// Where it is; `:memory:`: in no file.
    public let path: String
    let database: Database
    private let lock: WriterLock?
    private let process = Machine.process
    let isWide: Bool
    private(set) var space: SearchSpace

    private let begin: Statement
    private let commit: Statement
    private let insertInput: Statement
    let insertReport: Statement
    let insertEvent: Statement
    let insertClone: Statement
    let insertMetric: Statement

    /// The number of the latest input.
    var lastInput: Int
    private var session = 0
    /// The bytes of inputs since the latest snapshot, and that snapshot's size.
    private var bytesSinceSnapshot = 0
    private var snapshotSize: Int
    private(set) var isClosed = false

    /// In spaces of more values than this, a report's hyperparameters and all but the largest changes are left out of
    /// the history.
    static let widest = 256
    /// How many of the largest changes are kept there.
    static let changesKept = 16

    init(
        _ database: consuming Database, _ lock: consuming WriterLock?, _ space: SearchSpace, lastInput: Int,
        snapshotSize: Int, bytesSinceSnapshot: Int
    ) throws(HPMError) {
        path = database.path
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        insertInput = try database.prepare("INSERT INTO inputs (number, time, bytes) VALUES (?, ?, ?)")
        insertReport = try database.prepare(
            """
            INSERT INTO reports (input, time, student, report, loss, training_cost, hypergradient_cost, hyperparameters)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertEvent = try database.prepare(
            """
            INSERT INTO events (input, time, kind, student, report, source, parent, rank, source_rank, loss, training_cost,
                hypergradient_cost, part, changed, indices, before, after)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertClone = try database.prepare(
            "INSERT INTO clones (input, time, student, report, source, source_report) VALUES (?, ?, ?, ?, ?, ?)")
        insertMetric = try database.prepare(
            "INSERT INTO metrics (time, student, report, name, value) VALUES (?, ?, ?, ?, ?)")
        self.database = database
        self.lock = lock
        self.space = space
        self.lastInput = lastInput
        self.snapshotSize = snapshotSize
        self.bytesSinceSnapshot = bytesSinceSnapshot
        isWide = space.dimension > Self.widest
    }

    func beginSession() throws(HPMError) {
        let insert = try database.prepare("INSERT INTO sessions (began, host, process, input) VALUES (?, ?, ?, ?)")
        insert.bind(1, Machine.time)
        insert.bind(2, Machine.host)
        insert.bind(3, Machine.process)
        insert.bind(4, lastInput)
        try insert.run()
        session = try database.integer("SELECT last_insert_rowid()") ?? 0
    }

    /// What a call did to a population.
    public struct Change {
        /// The training reports among its inputs, with the hyperparameters as the students trained with them.
        public var hyperparameters: [Int: [Double]] = [:]
        public var events: [Event] = []
        public var clones: ArraySlice<Lineage.Clone> = []
        /// Students that are out for good, and their training reports.
        public var retired: [Lineage.Ancestor] = []
        /// The space, where its bounds have changed.
        public var space: SearchSpace?

        public init() {}
    }

    /// Inputs as they are stored. A stop ends a session and not the run, which goes on when it is opened anew: of it
    /// there are events alone.
    public static func records(_ inputs: [Input]) -> [[UInt8]] {
        inputs.compactMap { input in
            if case .stop = input { return nil }
            return InputLog.encoded(input)
        }
    }

    /// Stores inputs and what they change, or nothing.
    ///
    /// - Parameters:
    ///   - records: Those of ``records(_:)``.
    ///   - apply: Applies them to the population.
    ///   - undo: The population is to be this again, since the file refused what was applied.
    /// - Throws: `storage`; what `apply` throws, which then has changed nothing.
    public func write(
        _ records: [[UInt8]], apply: () throws(HPMError) -> Change, undo: (Population) -> Void
    ) throws(HPMError) {
        try requireOpen()
        let time = Machine.time
        let first = lastInput
        do throws(HPMError) {
            try begin.run()
            for (offset, record) in records.enumerated() {
                insertInput.bind(1, first + offset + 1)
                insertInput.bind(2, time)
                insertInput.bind(3, blob: record)
                try insertInput.run()
            }
        } catch {
            database.rollBack()
            throw error
        }
        let change: Change
        do throws(HPMError) {
            change = try apply()
        } catch {
            database.rollBack()
            throw error
        }
        do throws(HPMError) {
            try insert(change, input: first + records.count, at: time)
            try commit.run()
        } catch {
            database.rollBack()
            undo(try restored(after: error))
            throw error
        }
        if let bounds = change.space { space = bounds }
        lastInput = first + records.count
        bytesSinceSnapshot += records.reduce(0) { $0 + $1.count }
    }

    /// The population as the file has it.
    private func restored(after error: HPMError) throws(HPMError) -> Population {
        do throws(HPMError) {
            return try Self.restore(from: database).population
        } catch {
            isClosed = true
            throw HPMError(
                .storage, "\(error.message); and the state before could not be read again, so close the population and open it anew: \(error.message)")
        }
    }

    /// Writes a snapshot where so much was written since the last that replaying it would take long. One that fails
    /// is no loss.
    public func keepSnapshot(of population: () -> Population) {
        guard bytesSinceSnapshot > max(1 << 20, 8 * snapshotSize), !isClosed else { return }
        writeSnapshot(of: population())
    }

    private func writeSnapshot(of population: Population) {
        let bytes = population.snapshot()
        bytesSinceSnapshot = 0
        snapshotSize = bytes.count
        do throws(HPMError) {
            try begin.run()
            try Self.insertSnapshot(bytes, input: lastInput, database)
            // The first stays, from which history is made again, and two, should one be damaged.
            try database.execute(
                "DELETE FROM snapshots WHERE input > 0 AND input NOT IN (SELECT input FROM snapshots ORDER BY input DESC LIMIT 2)")
            try commit.run()
        } catch {
            database.rollBack()
        }
    }

    static func insertSnapshot(_ bytes: [UInt8], input: Int, _ database: borrowing Database) throws(HPMError) {
        let insert = try database.prepare("INSERT OR REPLACE INTO snapshots (input, time, bytes) VALUES (?, ?, ?)")
        insert.bind(1, input)
        insert.bind(2, Machine.time)
        insert.bind(3, blob: bytes)
        try insert.run()
    }

    func requireOpen() throws(HPMError) {
        if isClosed {
            throw HPMError(.storage, "'\(path)' was closed after a failure; close the population and open it anew")
        }
        // SQLite's connection and the lock are the parent's.
        if process != Machine.process {
            throw HPMError(
                .storage, "'\(path)' was opened by process \(process), of which this one is a fork; open it anew here, once that has closed it")
        }
    }

    /// Ends the session. The population's latest state is kept, so that the next one opens at once.
    public func close(_ population: Population) {
        guard !isClosed, process == Machine.process else { return }
        if bytesSinceSnapshot > 0 { writeSnapshot(of: population) }
        try? database.execute("UPDATE sessions SET ended = \(Machine.time) WHERE number = \(session)")
        database.checkpoint()
        isClosed = true
    }
}
