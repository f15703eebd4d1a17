/// Who descends from whom: every clone of a run.
///
/// - Complexity: 32 bytes for each clone.
public struct Lineage: Equatable, Sendable {
    /// A student that became a clone of another.
    public struct Clone: Equatable, Sendable {
        /// The training reports that the student had made by then.
        public let report: Int
        public let student: Int
        public let source: Int
        /// The source's training report whose weights were copied; under the synchronous schedule equal to `report`.
        public let sourceReport: Int
    }

    /// A training report that went into a student's weights.
    public struct Ancestor: Hashable, Sendable {
        public let student: Int
        /// Which of that student's training reports it was, from 1.
        public let report: Int

        public init(student: Int, report: Int) {
            self.student = student
            self.report = report
        }
    }

    /// In the order in which they happened; those of one exploit in student order.
    public private(set) var clones: [Clone] = []

    /// Of students whose weights are younger than their count of reports, since they joined a run or restarted: the
    /// reports before.
    private var headStarts: [Int: Int] = [:]

    init() {}

    mutating func append(_ clone: Clone) {
        clones.append(clone)
    }

    /// A student begins on its own with a number of reports that did not go into its weights.
    mutating func begin(_ student: Int, after reports: Int) {
        headStarts[student] = reports > 0 ? reports : nil
    }

    /// The training reports that went into the weights that a student holds now, latest first: from where a run of
    /// them by one student ends to where it begins.
    func stretches(
        of student: Int, reports: Int, _ body: (_ student: Int, _ reports: Range<Int>) -> Bool
    ) {
        var (student, last) = (student, reports)
        // Until it trains again a clone is no source, so what a clone of it took is from before a clone that the
        // source became after the same report.
        var latestClone = reports
        for clone in clones.reversed() where clone.student == student && clone.report <= latestClone {
            if !body(student, clone.report + 1..<last + 1) { return }
            (student, last) = (clone.source, clone.sourceReport)
            latestClone = clone.sourceReport - 1
        }
        let first = (headStarts[student] ?? 0) + 1
        _ = body(student, first..<max(first, last + 1))
    }

    /// How many training reports went into the weights that a student holds now.
    ///
    /// - Complexity: O(clones).
    public func length(of student: Int, reports: Int) -> Int {
        var length = 0
        stretches(of: student, reports: reports) { _, range in
            // Those that a damaged snapshot claims may be more than there are numbers.
            length = range.count > Int.max - length ? .max : length + range.count
            return true
        }
        return length
    }

    /// The training reports that went into the weights that a student holds now, from the first on.
    ///
    /// - Parameter reports: How many the student has made.
    /// - Complexity: O(clones + their number).
    public func ancestors(of student: Int, reports: Int) -> [Ancestor] {
        var latestFirst: [Ancestor] = []
        stretches(of: student, reports: reports) { student, range in
            latestFirst += range.reversed().lazy.map { Ancestor(student: student, report: $0) }
            return true
        }
        return latestFirst.reversed()
    }

    /// The training report that went in as number `position` (from 1) into the weights that a student holds now.
    ///
    /// - Parameter reports: How many the student has made.
    /// - Complexity: O(clones).
    public func ancestor(of student: Int, reports: Int, at position: Int) -> Ancestor {
        var behind = length(of: student, reports: reports) - position
        var found = Ancestor(student: student, report: position)
        stretches(of: student, reports: reports) { student, range in
            guard behind >= range.count else {
                found = Ancestor(student: student, report: range.upperBound - 1 - behind)
                return false
            }
            behind -= range.count
            return true
        }
        return found
    }
}

extension Lineage {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(clones) {
            $0.put(count: $1.report)
            $0.put(count: $1.student)
            $0.put(count: $1.source)
            $0.put(count: $1.sourceReport)
        }
        encoder.put(headStarts.keys.sorted()) {
            $0.put(count: $1)
            $0.put(count: headStarts[$1] ?? 0)
        }
    }

    /// - Parameter isSynchronous: Whether the source's report is the clone's, as in snapshots of version 1.
    init(
        _ decoder: inout SnapshotDecoder, students: Int, isSynchronous: Bool = false
    ) throws(HPMError) {
        clones = try decoder.array(minimumSize: isSynchronous ? 24 : 32, "the lineage") {
            (decoder) throws(HPMError) in
            let report = try decoder.index(below: Int.max / 2, "a report")
            let student = try decoder.index(below: students, "a clone")
            let source = try decoder.index(below: students, "a source")
            return Clone(
                report: report, student: student, source: source,
                sourceReport: isSynchronous ? report : try decoder.index(below: Int.max / 2, "a report"))
        }
        if isSynchronous { return }
        let starts = try decoder.array(minimumSize: 16, "the beginnings") { (decoder) throws(HPMError) in
            (
                try decoder.index(below: students, "a student"),
                try decoder.index(below: Int.max / 2, "a report")
            )
        }
        for (student, reports) in starts { headStarts[student] = reports }
    }
}
