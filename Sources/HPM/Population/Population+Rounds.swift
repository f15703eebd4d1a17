extension Population {
    /// Applies the reports of a round, all of which are in, and plans the next one.
    mutating func finishRound() {
        closedBudget = budget
        switch round.action {
        case .train:
            trainingRounds += 1
            teachByReports()
            hyperTraining?.step(&students, gradients: gradients, in: space)
            observe()
            advanceSearches()
            planAfterTraining()
        case .clone:
            for (student, task) in round.tasks.enumerated() {
                if let task { becomeClone(student, task) }
            }
            planEvaluations()
        case .evaluate:
            teachByEvaluations()
            mutateClones()
            round = .all(.train, students: size)
        case .restart:
            round = .all(.train, students: size)
        case .wait, .stop:
            break
        }
    }

    /// What the Gaussian processes learn from.
    private mutating func observe() {
        for (number, student) in students.enumerated() {
            bayesianTrials?.report(number, loss: student.loss ?? .infinity)
        }
        if trainingRounds == 1 || trainingRounds.isMultiple(of: options.interval) {
            bandit?.endInterval(
                students, report: trainingRounds, interval: options.interval, in: space)
        }
    }

    private mutating func advanceSearches() {
        guard search != nil else { return }
        for student in students.indices { advanceSearch(of: student) }
        // A search does not know the reports that it rejects.
        if search?.best == nil { bestOfTrials = bestReport }
    }

    private mutating func advanceSearch(of student: Int) {
        let row = student * dimension
        let gradient = gradients[row..<row + dimension]
        let report = students[student]
        let target = search?.advance(
            student, from: report.point, loss: report.loss ?? .infinity, gradient: gradient)
        guard let target else { return }
        if let point = search?.repeated(student) {
            students[student].point = point
            return
        }
        for parameter in space.parameters where parameter.update != .fixed {
            for index in parameter.indices where target[index] != report.point.latent[index] {
                students[student].point.setLatent(target[index], at: index, of: parameter)
            }
        }
    }

    private mutating func planAfterTraining() {
        round = .all(.train, students: size)
        if isFinished { return }
        if options.algorithm.trials != .none, options.trial > 0,
            trainingRounds.isMultiple(of: options.trial)
        {
            planRestarts()
        }
        if trainingRounds.isMultiple(of: options.interval), trainingRounds >= options.burnIn {
            planClones()
        }
    }

    /// Every student begins a new trial with other values; fixed parameters keep theirs.
    private mutating func planRestarts() {
        bestOfTrials = bestReport
        let seed = UInt64(options.seed)
        var points = students.indices.map { student in
            var random = RandomStream(
                seed: seed, purpose: .restart, student: student, event: trainingRounds)
            var point = students[student].point
            let drawn = space.draw(&random)
            for parameter in space.parameters where parameter.update != .fixed {
                for index in parameter.indices {
                    point.natural[index] = drawn.natural[index]
                    point.latent[index] = drawn.latent[index]
                }
            }
            return point
        }
        bayesianTrials?.end(students, in: space)
        if let proposed = bayesianTrials?.proposals(
            drawn: points, from: students, in: space, seed: seed, event: trainingRounds)
        {
            points = proposed
        }
        for student in students.indices { students[student].point = points[student] }
        round = .all(.restart, students: size)
    }

    private mutating func planClones() {
        let losses = students.map { $0.loss ?? .infinity }
        teachByOutcomes(losses)
        let replacements = replacements(losses)
        guard !replacements.isEmpty else { return }
        ranking = Selection.ranking(losses)
        var tasks = [Round.Task?](repeating: nil, count: size)
        for replacement in replacements {
            tasks[replacement.student] = Round.Task(source: replacement.source)
        }
        round = Round(.clone, tasks)
        nameParents()
    }

    /// Says whose hyperparameters each clone of the round takes: the same whenever it is asked in the
    /// round, so that a snapshot need not hold it.
    ///
    /// - Complexity: O(population).
    mutating func nameParents() {
        guard round.action == .clone, let subPopulations else { return }
        let bests = subPopulations.bests(students.map { $0.loss ?? .infinity })
        for student in round.tasks.indices {
            guard let source = round.tasks[student]?.source else { continue }
            round.tasks[student]?.parent = subPopulations.parent(
                of: student, clonedFrom: source, bests: bests)
        }
    }

    private func replacements(_ losses: [Double]) -> [Selection.Replacement] {
        switch options.algorithm.selection {
        case .none:
            return []
        case .truncation(let strict):
            var random = RandomStream(
                seed: UInt64(options.seed), purpose: .exploit, event: trainingRounds)
            return Selection.truncation(
                losses, share: options.truncation, strict: strict, &random)
        case .subPopulations:
            guard options.truncation > 0 else { return [] }
            return subPopulations?.replacements(
                losses, exploit: trainingRounds / options.interval) ?? []
        }
    }

    private mutating func becomeClone(_ student: Int, _ task: Round.Task) {
        let source = task.source
        students[student].point = students[task.parent ?? source].point
        gradients.copyRow(source, to: student, width: space.dimension)
        hyperTraining?.copy(from: source, to: student, dimension: space.dimension)
        bandit?.becomeClone(student, of: source)
        lineage.append(Lineage.Clone(report: trainingRounds, student: student, source: source))
        closedBudget.clones += 1
        // Migrants between sub-populations are not mutated.
        if subPopulations.map({ $0.index(of: student) == $0.index(of: source) }) ?? true {
            freshClones.append(student)
        }
    }

    /// One evaluation of each of the worst students, at the child that the teacher would give it.
    private mutating func planEvaluations() {
        var tasks = [Round.Task?](repeating: nil, count: size)
        if let teacher, !freshClones.isEmpty {
            let wanted = min(options.teacherEvaluations ?? max(1, size / 2), size)
            let affordable = closedBudget.affordableEvaluations(wanted, share: options.teacherShare)
            for student in ranking.suffix(affordable) {
                let targets = taughtTargets(of: student)
                if targets.isEmpty { continue }
                var child = students[student].point
                teacher.mutate(&child, at: targets, coordinates, in: space)
                tasks[student] = Round.Task(source: student, point: child)
            }
        }
        round = Round(.evaluate, tasks)
        if round.missing == 0 {
            mutateClones()
            round = .all(.train, students: size)
        }
    }

    private mutating func teachByEvaluations() {
        teach(
            round.tasks.enumerated().compactMap { student, task in
                task.map {
                    let mutation = TaughtMutation(
                        parent: students[student].point, moved: movedByTeacher(student))
                    return (mutation, $0.gradient)
                }
            })
    }

    /// A teacher without evaluations of its own learns from the first report of each student that it
    /// mutated.
    private mutating func teachByReports() {
        teach(
            students.indices.compactMap { student in
                students[student].mutation.map {
                    ($0, Array(gradients[student * dimension..<(student + 1) * dimension]))
                }
            })
        for student in students.indices { students[student].mutation = nil }
    }

    /// A score-function teacher learns at each exploit how the clones of the last one have fared.
    private mutating func teachByOutcomes(_ losses: [Double]) {
        let drawn = students.indices.compactMap { student in
            students[student].draw.map { (student: student, draw: $0) }
        }
        guard !drawn.isEmpty else { return }
        let rewards = ScoreFunctionTeacher.rewards(
            drawn.map { (clone: $0.student, source: $0.draw.source) }, losses: losses)
        scoreFunctionTeacher?.learn(
            zip(drawn, rewards).compactMap { drawn, reward in
                reward.map { (draw: drawn.draw, reward: $0) }
            }, in: space)
        for (student, _) in drawn { students[student].draw = nil }
    }

    /// Every lesson is drawn with the weights that made the children, so that their order is nothing.
    private mutating func teach(_ examples: [(mutation: TaughtMutation, gradient: [Double])]) {
        guard let maker = teacher else { return }
        for (mutation, gradient) in examples {
            let lesson = maker.lesson(
                from: mutation.parent, moved: mutation.moved, gradient: gradient, coordinates,
                in: space)
            if let lesson { teacher?.learn(lesson) }
        }
    }
}
