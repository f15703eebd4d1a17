/// Which checkpoints may still be asked for.
extension Population {
    /// The training report of its source after which a clone, or an evaluation, is to take the source's state.
    ///
    /// - Throws: `order` where the student copies no weights.
    public func sourceReport(of student: Int) throws(HPMError) -> Int {
        let task = tasks[student]
        guard task.isOpen, task.action == .clone || task.action == .evaluate else {
            throw HPMError(
                .order,
                "student \(student) is not to become a clone; ask while its action is CLONE or EVALUATE")
        }
        return task.sourceReport
    }

    /// Whether nobody will be asked to take the state of a student after a training report.
    ///
    /// Where students wait for one another the latest state of a student may be asked for until all have reported and
    /// it is known who is to be cloned, then while clones are to be made: a source that is retired meanwhile is replaced
    /// by another student; elsewhere at any time.
    ///
    /// - Complexity: O(population + queued evaluations).
    public func isReleasable(_ student: Int, report: Int) -> Bool {
        let checkpoint = Checkpoint(student: student, report: report)
        if report > students.reports[student] { return false }
        // One that is to join as a clone counts its source's reports, and begins at none if its source is lost.
        if !isSynchronous, tasks[student].isOpen, tasks[student].clone?.isJoining ?? false { return false }
        let canBeSource = !students.isRetired[student] && makesClones
        let isJudged =
            isSynchronous && !(tasks[student].action == .train && tasks[student].isReported)
            && !(students.isFinite(student) && tasks.contains { $0.action == .clone && $0.isOpen })
        if report == students.reports[student], canBeSource, !isJudged {
            return false
        }
        return !tasks.contains { task in
            task.isOpen && (task.action == .clone || task.action == .evaluate)
                && task.checkpoint == checkpoint
        } && !queue.contains { $0.checkpoint == checkpoint }
    }
}
