import CSQLite
import HPM

/// A connection to an SQLite database: what is needed of it here, with failures as sentences.
///
/// Used by one thread at a time.
struct Database: ~Copyable {
    private let connection: OpaquePointer
    private let process = Machine.process
    let path: String

    /// - Parameter path: `:memory:` for one that is no file.
    /// - Throws: `storage`.
    init(path: String, readOnly: Bool = false) throws(HPMError) {
        var connection: OpaquePointer?
        let flags = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let result = sqlite3_open_v2(path, &connection, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard result == SQLITE_OK, let connection else {
            let reason = connection.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(connection)
            throw HPMError(.storage, "'\(path)' can't be opened: \(reason)")
        }
        self.connection = connection
        self.path = path
        sqlite3_extended_result_codes(connection, 1)
        // Readers hold it up for moments at most.
        sqlite3_busy_timeout(connection, 10_000)
    }

    deinit {
        // A child of fork would give back the parent's locks.
        if process == Machine.process { sqlite3_close_v2(connection) }
    }

    /// - Throws: `storage`.
    func execute(_ sql: String) throws(HPMError) {
        guard sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else { throw failure() }
    }

    /// - Throws: `storage`, as where a table or a column is missing.
    func prepare(_ sql: String) throws(HPMError) -> Statement {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
            let statement
        else { throw failure() }
        return Statement(statement, path)
    }

    /// The first column of the first row; nil: no row.
    func integer(_ sql: String) throws(HPMError) -> Int? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// Undoes what is not committed, and never fails.
    func rollBack() {
        if sqlite3_get_autocommit(connection) == 0 { sqlite3_exec(connection, "ROLLBACK", nil, nil, nil) }
    }

    /// Writes what the write-ahead log holds into the file, as far as readers allow.
    func checkpoint() {
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    }

    private func failure() -> HPMError { Self.failure(connection, path) }

    /// The last failure of a connection, with what to do.
    static func failure(_ connection: OpaquePointer?, _ path: String) -> HPMError {
        let reason = String(cString: sqlite3_errmsg(connection))
        let meaning: String
        switch sqlite3_errcode(connection) & 0xff {
        case SQLITE_FULL: meaning = "the disk is full; make room and go on, nothing was lost"
        case SQLITE_READONLY: meaning = "it can't be written; give write access to the file and its folder"
        case SQLITE_CANTOPEN: meaning = "it can't be opened; the folder must exist and be writable"
        case SQLITE_NOTADB: meaning = "it is no SQLite database"
        case SQLITE_CORRUPT: meaning = "it is damaged; `sqlite3 FILE .recover` saves what can be read"
        case SQLITE_BUSY: meaning = "another program has held it for 10 s"
        case SQLITE_IOERR: meaning = "reading or writing failed; is the disk in order and not full?"
        case SQLITE_ERROR: meaning = "its tables are not those of a run; they were changed by hand, or it is another program's"
        default: meaning = "SQLite says so"
        }
        return HPMError(.storage, "'\(path)': \(meaning) (\(reason))")
    }
}

/// A prepared statement, bound and stepped by position, from 1 as in SQLite.
struct Statement: ~Copyable {
    private let statement: OpaquePointer
    private let process = Machine.process
    private let path: String

    fileprivate init(_ statement: OpaquePointer, _ path: String) {
        self.statement = statement
        self.path = path
    }

    deinit {
        if process == Machine.process { sqlite3_finalize(statement) }
    }

    /// SQLite copies what it is handed.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    func bind(_ position: Int32, _ value: Int) { sqlite3_bind_int64(statement, position, Int64(value)) }

    /// NaN becomes NULL.
    func bind(_ position: Int32, _ value: Double) { sqlite3_bind_double(statement, position, value) }

    func bind(_ position: Int32, _ value: String) { bind(position, text: Array(value.utf8)) }

    func bind(_ position: Int32, text: [UInt8]) {
        text.withUnsafeBytes { bytes in
            let characters = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            // An empty array has no address, and NULL would be no text.
            sqlite3_bind_text64(
                statement, position, characters ?? Self.empty, UInt64(bytes.count), Self.copied, UInt8(SQLITE_UTF8))
        }
    }

    func bind(_ position: Int32, blob: [UInt8]) {
        _ = blob.withUnsafeBytes { bytes in
            sqlite3_bind_blob64(statement, position, bytes.baseAddress, UInt64(bytes.count), Self.copied)
        }
    }

    func bindNull(_ position: Int32) { sqlite3_bind_null(statement, position) }

    nonisolated(unsafe) private static let empty = UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))

    /// - Returns: Whether there is a row.
    /// - Throws: `storage`.
    func step() throws(HPMError) -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = Database.failure(sqlite3_db_handle(statement), path)
            sqlite3_reset(statement)
            throw error
        }
    }

    /// Runs it to its end and makes it ready for the next.
    func run() throws(HPMError) {
        while try step() {}
        reset()
    }

    func reset() { sqlite3_reset(statement) }

    /// Columns are numbered from 0.
    func integer(_ column: Int32) -> Int { Int(sqlite3_column_int64(statement, column)) }
    func double(_ column: Int32) -> Double { sqlite3_column_double(statement, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

    func text(_ column: Int32) -> String {
        guard let characters = sqlite3_column_text(statement, column) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, column))
        return String(decoding: UnsafeBufferPointer(start: characters, count: count), as: UTF8.self)
    }

    func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
    }
}
