/// Workers that are lost, students that leave and join, runs that are prolonged.
extension Population {
    /// Gives the task of a lost worker back: its ticket is superseded, and whoever asks `next` begins it anew. An
    /// evaluation under the asynchronous schedule goes to whoever asks first.
    ///
    /// - Throws: `order` where no task is out for the student; `argument` for a student that is not there.
    public mutating func release(lost student: Int) throws(HPMError) {
        try apply(.release(student: student))
    }

    /// Takes a student out for good, since its machine is gone: nobody waits for it, no clone is made onto it or of
    /// it, and it is never the best. What it was to be cloned from, or to become, is decided anew.
    ///
    /// - Throws: `order` where it is retired already; `argument` for a student that is not there.
    public mutating func retire(lost student: Int) throws(HPMError) {
        try apply(.retire(student: student))
    }

    /// Adds students, numbered from ``size`` on. Under the synchronous schedule those that are drawn join the present
    /// round of training, or wait for the next; clones are made when the present round of training ends.
    ///
    /// - Throws: `argument` for a count below 1, or clones where the algorithm never makes any; `memory` where they
    ///   do not fit.
    public mutating func grow(by count: Int, from origin: Input.Origin) throws(HPMError) {
        try apply(.grow(count: count, origin))
    }

    /// Prolongs a run, also one that has ended. Under the synchronous schedule it is then the same run as if it had
    /// had the steps from the start, with the same interval.
    ///
    /// - Parameter steps: At least those that it has; 0: no end.
    /// - Throws: `argument` for fewer.
    public mutating func prolong(to steps: Int) throws(HPMError) {
        try apply(.steps(steps))
    }

    mutating func release(_ student: Int) {
        if !isSynchronous, tasks[student].action == .evaluate, let evaluation = tasks[student].evaluation {
            queue.insert(
                QueuedEvaluation(evaluation: evaluation, checkpoint: tasks[student].checkpoint), at: 0)
            tasks[student] = StudentTask(.train, student)
            return
        }
        tasks[student].ticket = 0
        tasks[student].reportedTrainingCost = nil
        tasks[student].hypergradientCost = 0
    }

    mutating func retire(_ student: Int) {
        let wasOpen = tasks[student].isOpen
        let wasInRound = isSynchronous && cohort.contains(student)
        if !isSynchronous, tasks[student].isOut, tasks[student].action == .evaluate { release(student) }
        if tasks[student].isReported { closedBudget.addCost(tasks[student]) }
        students.retire(student)
        tasks[student] = StudentTask(.wait, student)
        joining.removeAll { $0 == student }
        queue.removeAll { $0.checkpoint.student == student || $0.evaluation.student == student }
        unmutated.removeAll { $0.student == student }
        for other in students.living { leave(student, other) }
        guard isSynchronous else { return }
        if wasInRound {
            cohort.removeAll { $0 == student }
            if wasOpen { missing -= 1 }
        }
        if missing > 0 { return }
        if !cohort.isEmpty { return completeRound() }
        if students.living.allSatisfy(joining.contains) {
            joinAsDrawn(after: joining.reduce(0) { max($0, students.reports[$1]) })
        }
        train([])
    }

    /// Those that wait to become clones, where there is nobody to be cloned.
    private mutating func joinAsDrawn(after rounds: Int) {
        for student in joining { begin(student, after: rounds) }
        joining = []
    }

    /// A student counts rounds as its own in which it did not train.
    private mutating func begin(_ student: Int, after rounds: Int) {
        students.reports[student] = rounds
        lineage.begin(student, after: rounds)
    }

    /// A task that copies a retired student's weights gets another source, or is dropped.
    private mutating func leave(_ retired: Int, _ student: Int) {
        guard tasks[student].isOpen, tasks[student].source == retired else { return }
        let sources = students.ranking.filter { students.isFinite($0) && $0 != student }
        switch (tasks[student].action, sources.first) {
        case (.clone, let source?):
            var clone = tasks[student].clone ?? Clone(student: student, source: source, parent: source)
            (clone.source, clone.parent) = (source, source)
            tasks[student] = StudentTask(clone, from: students.checkpoints[source])
            students.becomeClone(student, of: source, parent: source)
            strategy.becameClone(clone, students)
        case (.clone, nil), (.evaluate, _):
            if let clone = tasks[student].clone {
                // It keeps the weights that it has; one that joins has none of its source's reports.
                if clone.isJoining { begin(student, after: isSynchronous ? students.reports[student] : 0) }
                students.checkpoints[student] = Checkpoint(
                    student: student, report: students.reports[student])
            }
            if isSynchronous {
                cohort.removeAll { $0 == student }
                missing -= 1
                tasks[student] = StudentTask(.wait, student)
            } else {
                tasks[student] = StudentTask(.train, student)
            }
        default:
            break
        }
    }

    func checkGrowth(_ count: Int, _ origin: Input.Origin) throws(HPMError) {
        guard count >= 1, count <= Int.max / 2 - size else {
            throw HPMError(.argument, "count is \(count); allowed: 1 or more")
        }
        if origin == .clone, !makesClones {
            throw HPMError(
                .argument,
                "algorithm \(options.algorithm.name) makes no clones with these options; allowed: students that are drawn")
        }
        var grown = options
        grown.population = size + count
        try Memory.require(
            elements: Self.memory(Setup(space: space, options: grown)),
            "a population of \(size + count) students with \(dimension) hyperparameters")
    }

    mutating func grow(_ count: Int, _ origin: Input.Origin) {
        let first = size
        let rounds = isSynchronous ? trainingRounds : 0
        for student in first..<first + count {
            students.append(space.start(of: student, seed: UInt64(options.seed)))
            begin(student, after: rounds)
            tasks.append(StudentTask(.wait, student))
        }
        options.population = size
        strategy.grow(&students)
        let joined = Array(first..<size)
        if origin == .clone, students.best != nil {
            joining += joined
            if !isSynchronous { carryOut(join(beside: []), []) }
        } else if !isSynchronous {
            for student in joined { tasks[student] = StudentTask(.train, student) }
        } else if let action = cohort.first.map({ tasks[$0].action }), action == .train {
            for student in joined { tasks[student] = StudentTask(.train, student) }
            cohort += joined
            missing += count
        } else if cohort.isEmpty {
            trainAll()
        }
    }

    /// Students that have joined become clones of the best that go on.
    mutating func join(beside decisions: [Decision]) -> [Decision] {
        let replaced = decisions.map { decision in
            switch decision {
            case .clone(let clone): clone.student
            case .restart(let student, _): student
            }
        }
        let ranking = students.ranking
        let sources = ranking.filter { students.isFinite($0) && !replaced.contains($0) }
            .prefix(max(1, Truncation.count(share: options.truncation, students: students.living.count)))
        if sources.isEmpty {
            joinAsDrawn(after: trainingRounds)
            return []
        }
        defer { joining = [] }
        return joining.enumerated().map { position, student in
            let source = sources[position % sources.count]
            students.reports[student] = students.reports[source]
            return .clone(
                Clone(
                    student: student, source: source, parent: source, isJoining: true,
                    rank: ranking.count, sourceRank: position % sources.count))
        }
    }

    mutating func setSteps(_ steps: Int) {
        let finished = students.living.filter { isFinished($0) }
        options.steps = steps
        // One that has joined as a clone since has its task already.
        let going = finished.filter { !isFinished($0) && tasks[$0].action == .train }
        if going.isEmpty { return }
        if isSynchronous {
            carryOut(plan(going), going)
        } else {
            for student in going { carryOut(plan([student]), [student]) }
        }
    }
}
