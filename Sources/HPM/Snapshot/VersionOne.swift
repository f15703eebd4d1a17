/// Reads snapshots of version 1, which the first release of this library wrote: one action for all students of a
/// round, the parts in an order of their own. Only synchronous populations are in that format.
extension Population {
    init(versionOne decoder: inout SnapshotDecoder) throws(HPMError) {
        self = try Self.made(&decoder)
        let count = size
        let rounds = try decoder.index(below: Int.max / 2, "the number of training reports")
        var lessons: [TaughtMutation?] = []
        for student in 0..<count {
            students.start(student, at: try space.decodePoint(&decoder))
            let reported = try space.decodeNatural(&decoder)
            students.reported.replaceSubrange(
                student * dimension..<(student + 1) * dimension, with: reported)
            students.losses[student] = try decoder.optional { (decoder) throws(HPMError) in
                try decoder.double(in: SnapshotDecoder.losses, "a loss")
            }
            students.hasBegun[student] = try decoder.bool()
            lessons.append(
                try decoder.optional { (decoder) throws(HPMError) in
                    try TaughtMutation(&decoder, in: space)
                })
        }
        students.gradients = try decoder.gradients(students: count, in: space)
        try decodeParts(&decoder)
        let action = try decodeRound(&decoder, rounds)
        let freshClones = try decoder.students(below: count, "the clones")
        let ranking = try decoder.ranking(of: count)
        let bestOfTrials = try decoder.knownReport(in: space)
        closedBudget = try Budget(&decoder, hasSeconds: true)
        students.hasDerivatives = closedBudget.hypergradientReports > 0
        lineage = try Lineage(&decoder, students: count, isSynchronous: true)
        try restore(ranking: ranking, lessons: lessons, bestOfTrials, &decoder)
        restoreClones(action, freshClones)
    }

    /// Those whose state stood before the round: the moments, the teacher, the policy and the search.
    private mutating func decodeParts(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        if var search = strategy as? MemeticSearch {
            try search.decodeSearch(&decoder, students)
            strategy = search
        }
        guard var guided = strategy as? GuidedPopulation else { return }
        for index in guided.parts.indices where !(guided.parts[index] is TeacherPart) {
            if guided.parts[index] is Descent || guided.parts[index] is PooledDescent {
                try guided.parts[index].decode(&decoder, students)
            }
        }
        for index in guided.parts.indices {
            guard var teacher = guided.parts[index] as? TeacherPart else { continue }
            try teacher.decodeWeights(&decoder)
            guided.parts[index] = teacher
        }
        for index in guided.parts.indices where guided.parts[index] is MutationPolicy {
            try guided.parts[index].decode(&decoder, students)
        }
        strategy = guided
    }

    private mutating func decodeRound(
        _ decoder: inout SnapshotDecoder, _ rounds: Int
    ) throws(HPMError) -> Action {
        guard let action = Action(rawValue: try decoder.integer(Int32.self)), action != .wait, action != .stop
        else { throw SnapshotDecoder.damaged("a round is of no known kind") }
        guard try decoder.count(ofSize: 1, "a round") == size else {
            throw SnapshotDecoder.damaged("a round has another number of tasks than there are students")
        }
        cohort = []
        for student in 0..<size {
            tasks[student] = StudentTask(.wait, student)
            students.reports[student] = rounds
            guard try decoder.bool() else { continue }
            var task = StudentTask(action, student)
            task.source = try decoder.index(below: size, "a source")
            let point = try decoder.optional { (decoder) throws(HPMError) in
                try space.decodePoint(&decoder)
            }
            let isOut = try decoder.bool()
            task.isReported = try decoder.bool()
            try task.decodeCosts(&decoder)
            task.gradient = try decoder.doubles(
                count: action == .evaluate && task.isReported ? dimension : 0,
                in: -Gradient.largest...Gradient.largest, allowingNaN: true, "an evaluation")
            if isOut || task.isReported {
                lastTicket += 1
                task.ticket = lastTicket
            }
            if action == .evaluate {
                guard let point else { throw SnapshotDecoder.damaged("an evaluation has no point") }
                task.evaluation = Evaluation(
                    student: student, point: point,
                    mutation: TaughtMutation(
                        parent: students.point(student),
                        moved: students.marks(students.taughtTargets(of: student))))
            }
            if action == .clone {
                task.sourceReport = rounds
                task.clone = Clone(student: student, source: task.source, parent: task.source)
            }
            if action == .train, task.isReported { students.reports[student] = rounds + 1 }
            tasks[student] = task
            cohort.append(student)
        }
        for student in 0..<size {
            students.checkpoints[student] = Checkpoint(
                student: student, report: students.reports[student])
        }
        missing = cohort.count { tasks[$0].isOpen }
        guard missing > 0 else { throw SnapshotDecoder.damaged("a round has no open task") }
        return action
    }

    private mutating func restore(
        ranking: [Int], lessons: [TaughtMutation?], _ bestOfTrials: KnownReport?,
        _ decoder: inout SnapshotDecoder
    ) throws(HPMError) {
        if var trials = strategy as? Trials {
            trials.bestEnded = bestOfTrials
            try trials.proposals.decode(&decoder, students)
            strategy = trials
        }
        if var search = strategy as? MemeticSearch {
            search.bestRejected = bestOfTrials
            strategy = search
        }
        guard var guided = strategy as? GuidedPopulation else { return }
        for index in guided.parts.indices {
            if var teacher = guided.parts[index] as? TeacherPart {
                teacher.restore(ranking: ranking, lessons: lessons)
                guided.parts[index] = teacher
            } else if guided.parts[index] is PopulationBandit {
                try guided.parts[index].decode(&decoder, students)
            }
        }
        strategy = guided
    }

    /// A clone takes its parent's hyperparameters and moments when it is decided; in version 1 it did once all
    /// clones of a round had reported.
    private mutating func restoreClones(_ action: Action, _ freshClones: [Int]) {
        if action == .evaluate {
            unmutated = freshClones.map { student in
                let source = lineage.clones.last { $0.student == student }?.source ?? student
                return Clone(student: student, source: source, parent: source)
            }
        }
        guard action == .clone else { return }
        let clones = (strategy as? GuidedPopulation)?.named(
            cohort.compactMap { tasks[$0].clone }, students) ?? []
        for clone in clones {
            tasks[clone.student].clone = clone
            students.becomeClone(clone.student, of: clone.source, parent: clone.parent)
            strategy.becameClone(clone, students)
        }
    }
}

extension GuidedPopulation {
    /// Clones with what version 1 does not hold: whose hyperparameters they take, and whether they are mutated.
    fileprivate func named(_ clones: [Clone], _ students: Students) -> [Clone] {
        guard let selection = selection as? SubPopulationSelection else { return clones }
        let subPopulations = selection.subPopulations(students: students.count)
        let bests = subPopulations.bests((0..<students.count).map { students.loss($0) })
        return clones.map { clone in
            var clone = clone
            clone.parent = subPopulations.parent(
                of: clone.student, clonedFrom: clone.source, bests: bests)
            clone.isMutated =
                subPopulations.index(of: clone.student) == subPopulations.index(of: clone.source)
            return clone
        }
    }
}
