/// Which checkpoints clones may still ask for. Matters where a source trains on while it is copied.
extension Population {
    /// The training report of its source after which a clone is to take the source's state.
    ///
    /// - Throws: `order` where the student is not to become a clone.
    public func sourceReport(of student: Int) throws(HPMError) -> Int {
        guard round.action == .clone, let task = round.tasks[student], !task.isReported else {
            throw HPMError(
                .order, "student \(student) is not to become a clone; ask while its action is CLONE")
        }
        return trainingRounds
    }

    /// Whether no clone will be asked to take the state of a student after a training report.
    ///
    /// - Complexity: O(population).
    public func isReleasable(_ student: Int, report: Int) -> Bool {
        if report != trainingRounds { return report < trainingRounds }
        guard round.action == .clone else { return true }
        return !round.tasks.contains { $0.map { $0.source == student && !$0.isReported } ?? false }
    }
}
