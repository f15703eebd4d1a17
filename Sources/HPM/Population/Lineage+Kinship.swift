extension Lineage {
    /// Where weights began: as a student's own, after this number of its reports (0 but of one that joined a run or
    /// restarted).
    public struct Founder: Hashable, Sendable {
        public let student: Int
        public let report: Int
    }

    /// The founder of the weights that a student holds now. Students are *kin* where it is the same: a source has
    /// trained before it is cloned, so they then have at least a training report in common.
    ///
    /// - Parameter reports: How many the student has made.
    /// - Complexity: O(clones).
    public func founder(of student: Int, reports: Int) -> Founder {
        var founder = Founder(student: student, report: 0)
        stretches(of: student, reports: reports) { student, range in
            founder = Founder(student: student, report: range.lowerBound - 1)
            return true
        }
        return founder
    }
}
