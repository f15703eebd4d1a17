/// The schedule decides one thing: which reports a strategy is told of together. Synchronous, a cohort is all
/// students of a round, in student order, once the last of them has reported; asynchronous, it is one student as
/// its report arrives. Nothing else knows what it is to wait.
extension Population {
    /// Begins a round of training.
    mutating func trainAll() {
        cohort = joining.isEmpty ? students.living : students.living.filter { !joining.contains($0) }
        if isSynchronous {
            for student in joining { tasks[student] = StudentTask(.wait, student) }
        }
        for student in cohort { tasks[student] = StudentTask(.train, student) }
        missing = cohort.count
    }

    /// A report has been accepted.
    mutating func advance(after student: Int) {
        guard isSynchronous else { return complete([student], tasks[student].action) }
        missing -= 1
        if missing == 0 { completeRound() }
    }

    mutating func completeRound() {
        guard let first = cohort.first else { return }
        complete(cohort, tasks[first].action)
    }

    private mutating func complete(_ cohort: [Int], _ action: Action) {
        for student in cohort { closedBudget.addCost(tasks[student]) }
        switch action {
        case .train:
            strategy.trained(cohort, &students)
            carryOut(plan(cohort), cohort)
        case .clone:
            let clones = cohort.compactMap { tasks[$0].clone }
            for student in cohort {
                closedBudget.clones += 1
                lineage.append(
                    Lineage.Clone(
                        report: students.reports[student], student: student, source: tasks[student].source,
                        sourceReport: tasks[student].sourceReport))
            }
            let evaluations = strategy.cloned(clones, &students, affordable: allowance())
            ask(evaluations, before: clones, cohort)
        case .evaluate:
            let answers = cohort.compactMap { student in
                tasks[student].evaluation.map {
                    Answer(evaluation: $0, gradient: tasks[student].gradient)
                }
            }
            strategy.evaluated(answers, &students)
            train(cohort)
        case .restart:
            // Their weights are new: no report has gone into them.
            for student in cohort { lineage.begin(student, after: students.reports[student]) }
            train(cohort)
        case .wait, .stop:
            break
        }
    }

    /// What the strategy decides of students that have trained and go on.
    mutating func plan(_ cohort: [Int]) -> [Decision] {
        let isDone = isSynchronous ? isFinished : cohort.allSatisfy { isFinished($0) }
        if isDone {
            noteStopped(cohort)
            return []
        }
        var decisions = strategy.plan(cohort, &students)
        if !joining.isEmpty { decisions += join(beside: decisions) }
        return decisions
    }

    /// Hands decisions out as tasks; where a student of the cohort has none, it trains on.
    mutating func carryOut(_ decisions: [Decision], _ cohort: [Int]) {
        guard !decisions.isEmpty else { return train(cohort) }
        if isSynchronous {
            for student in students.living { tasks[student] = StudentTask(.wait, student) }
        } else {
            train(cohort)
        }
        var decided: [Int] = []
        for decision in decisions {
            switch decision {
            case .clone(let clone):
                let checkpoint = students.checkpoints[clone.source]
                tasks[clone.student] = StudentTask(clone, from: checkpoint)
                students.becomeClone(clone.student, of: clone.source, parent: clone.parent)
                strategy.becameClone(clone, students)
                noteCloned(clone)
                decided.append(clone.student)
            case .restart(let student, let point):
                tasks[student] = StudentTask(.restart, student)
                students.place(student, point, .decision)
                noteRestarted(student)
                decided.append(student)
            }
        }
        if isSynchronous {
            self.cohort = decided.sorted()
            missing = decided.count
        }
    }

    /// Evaluations come before the mutation of the clones where students wait for one another, else meanwhile.
    private mutating func ask(_ evaluations: [Evaluation], before clones: [Clone], _ cohort: [Int]) {
        unmutated += clones
        guard isSynchronous, !evaluations.isEmpty else {
            let copied = cohort.map { tasks[$0].checkpoint }
            queue += evaluations.compactMap { evaluation in
                let checkpoint = students.checkpoints[evaluation.student]
                // A clone that has not trained yet has none of its own, and its source's may be gone.
                let isKept =
                    copied.contains(checkpoint)
                    || !isReleasable(checkpoint.student, report: checkpoint.report)
                return isKept ? QueuedEvaluation(evaluation: evaluation, checkpoint: checkpoint) : nil
            }
            return train(cohort)
        }
        for student in students.living { tasks[student] = StudentTask(.wait, student) }
        for evaluation in evaluations {
            let student = evaluation.student
            tasks[student] = StudentTask(
                evaluation, from: Checkpoint(student: student, report: students.reports[student]))
        }
        self.cohort = evaluations.map(\.student)
        missing = evaluations.count
    }

    /// Students train on; clones that are not yet mutated are first.
    mutating func train(_ cohort: [Int]) {
        if !unmutated.isEmpty {
            strategy.mutate(unmutated.filter { !students.isRetired[$0.student] }, &students)
            unmutated = []
        }
        guard !isSynchronous else { return trainAll() }
        for student in cohort { tasks[student] = StudentTask(.train, student) }
    }

    /// How many of a number of evaluations the budget allows, beside those that are queued or out.
    private func allowance() -> (Int) -> Int {
        let (budget, share) = (closedBudget, options.teacherShare)
        let open = isSynchronous ? 0 : queue.count + tasks.count { $0.action == .evaluate && $0.isOpen }
        let room = isSynchronous ? .max : max(options.teacherEvaluations - open, 0)
        return { wanted in
            max(budget.affordableEvaluations(min(wanted, room) + open, share: share) - open, 0)
        }
    }

    /// Whether a student has made all its training reports. Where students wait for one another they end together.
    func isFinished(_ student: Int) -> Bool {
        guard steps > 0 else { return false }
        return isSynchronous ? isFinished : students.reports[student] >= steps
    }
}
