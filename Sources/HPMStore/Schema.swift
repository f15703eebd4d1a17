import HPM

/// The tables of a run's file. docs/runs.md says what each column holds.
enum Schema {
    /// `PRAGMA application_id`: "hpmr".
    static let application = 0x6870_6d72
    /// `PRAGMA user_version`. A version that was released is migrated by ``migrate(_:from:)``.
    static let version = 1

    static let tables = """
        CREATE TABLE run (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE parameters (
            position INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, "offset" INTEGER NOT NULL,
            count INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, scale TEXT NOT NULL, initial REAL,
            updated_by TEXT NOT NULL, role TEXT NOT NULL, labels TEXT NOT NULL);
        CREATE TABLE options (position INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL);
        CREATE TABLE sessions (
            number INTEGER PRIMARY KEY, began REAL NOT NULL, ended REAL, host TEXT NOT NULL, process INTEGER NOT NULL,
            input INTEGER NOT NULL);
        CREATE TABLE inputs (number INTEGER PRIMARY KEY, time REAL NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE snapshots (input INTEGER PRIMARY KEY, time REAL NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE reports (
            number INTEGER PRIMARY KEY, input INTEGER NOT NULL, time REAL NOT NULL, student INTEGER NOT NULL,
            report INTEGER NOT NULL, loss REAL, training_cost REAL NOT NULL, hypergradient_cost REAL NOT NULL,
            hyperparameters TEXT);
        CREATE TABLE events (
            number INTEGER PRIMARY KEY, input INTEGER NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
            student INTEGER NOT NULL, report INTEGER NOT NULL, source INTEGER NOT NULL, parent INTEGER NOT NULL,
            rank INTEGER, source_rank INTEGER, loss REAL, training_cost REAL, hypergradient_cost REAL, part TEXT,
            changed INTEGER NOT NULL, indices TEXT, before TEXT, after TEXT);
        CREATE TABLE clones (
            number INTEGER PRIMARY KEY, input INTEGER NOT NULL, time REAL NOT NULL, student INTEGER NOT NULL,
            report INTEGER NOT NULL, source INTEGER NOT NULL, source_report INTEGER NOT NULL);
        CREATE TABLE metrics (
            number INTEGER PRIMARY KEY, time REAL NOT NULL, student INTEGER NOT NULL, report INTEGER NOT NULL,
            name TEXT NOT NULL, value REAL);
        """

    /// Whether the file is a run's; false: it is new, or empty.
    ///
    /// - Throws: `storage` for another program's database, one of a newer version, one that is damaged.
    static func isPresent(in database: borrowing Database) throws(HPMError) -> Bool {
        let application = try database.integer("PRAGMA application_id") ?? 0
        let version = try database.integer("PRAGMA user_version") ?? 0
        let tables = try database.integer("SELECT count(*) FROM sqlite_schema") ?? 0
        if application == 0, version == 0, tables == 0 { return false }
        guard application == Self.application else {
            throw HPMError(
                .storage, "'\(database.path)' is a database of another program; allowed: a run's file, or a new name")
        }
        guard version <= Self.version else {
            throw HPMError(
                .storage,
                "'\(database.path)' was written by a newer library: its schema has version \(version), this one knows up to \(Self.version); take that library")
        }
        return true
    }

    /// Brings the file of an earlier version to this one. There is no earlier version yet.
    static func migrate(_ database: borrowing Database, from version: Int) throws(HPMError) {
        guard version == Self.version else {
            throw HPMError(
                .storage, "'\(database.path)' has a schema of version \(version), which was never released; its header is damaged")
        }
    }
}

// Names as the bindings have them.

extension Hyperparameter.Kind {
    var name: String {
        switch self {
        case .real: "real"
        case .integer: "integer"
        case .choice: "choice"
        case .block: "block"
        }
    }
}

extension Update {
    var name: String {
        switch self {
        case .automatic: "auto"
        case .mutate: "mutate"
        case .hypergradient: "hypergradient"
        case .both: "both"
        case .fixed: "fixed"
        }
    }
}

extension Role {
    var name: String {
        switch self {
        case .other: "other"
        case .learningRate: "learning_rate"
        }
    }
}

extension Event.Kind {
    var name: String {
        switch self {
        case .trained: "trained"
        case .moved: "moved"
        case .cloned: "cloned"
        case .mutated: "mutated"
        case .evaluated: "evaluated"
        case .taught: "taught"
        case .restarted: "restarted"
        case .stopped: "stopped"
        }
    }
}
