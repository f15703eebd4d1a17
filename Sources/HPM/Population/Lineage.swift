/// Who descends from whom: every clone of a run.
///
/// - Complexity: 24 bytes for each clone.
public struct Lineage: Equatable, Sendable {
    /// A student that became a clone of another.
    public struct Clone: Equatable, Sendable {
        /// The training reports that all students had made by then.
        public let report: Int
        public let student: Int
        public let source: Int
    }

    /// In the order in which they happened; those of one exploit in student order.
    public private(set) var clones: [Clone] = []

    init(clones: [Clone] = []) {
        self.clones = clones
    }

    mutating func append(_ clone: Clone) {
        clones.append(clone)
    }

    /// The student whose training report number `report` (from 1) went into the weights that a student
    /// holds now.
    ///
    /// - Complexity: O(clones since that report).
    public func ancestor(of student: Int, at report: Int) -> Int {
        var ancestor = student
        // A student is cloned at most once in an exploit, and never from one that it replaces.
        for clone in clones.reversed() {
            if clone.report < report { break }
            if clone.student == ancestor { ancestor = clone.source }
        }
        return ancestor
    }
}
