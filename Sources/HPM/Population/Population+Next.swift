extension Population {
    /// What a student is to do next. Asked twice without a report it answers the same.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    /// - Complexity: O(dimension).
    public mutating func next(_ student: Int) -> Assignment {
        if let beginning = beginning(of: student) { begin(student, beginning) }
        return assignment(student)
    }

    /// The task that a student has, begun or not; changes nothing.
    public func assignment(_ student: Int) -> Assignment {
        var hyperparameters = Array(repeating: 0.0, count: dimension)
        let answer = hyperparameters.withUnsafeMutableBufferPointer { assignment(student, into: $0) }
        return Assignment(
            action: answer.action, source: answer.source, hyperparameters: hyperparameters,
            ticket: answer.ticket)
    }

    /// As ``next(_:)-(Int)``, into memory of the caller.
    ///
    /// - Parameter hyperparameters: At least the space's dimension.
    public mutating func next(
        _ student: Int, into hyperparameters: UnsafeMutableBufferPointer<Double>
    ) -> (action: Action, source: Int, ticket: Int) {
        if let beginning = beginning(of: student) { begin(student, beginning) }
        return assignment(student, into: hyperparameters)
    }

    /// As ``assignment(_:)``, into memory of the caller.
    public func assignment(
        _ student: Int, into hyperparameters: UnsafeMutableBufferPointer<Double>
    ) -> (action: Action, source: Int, ticket: Int) {
        guard !isDone(student) else {
            copyHyperparameters(of: student, into: hyperparameters)
            return (.stop, student, 0)
        }
        guard tasks[student].isOpen else {
            copyHyperparameters(of: student, into: hyperparameters)
            return (.wait, student, 0)
        }
        if tasks[student].action == .evaluate, let evaluation = tasks[student].evaluation {
            for index in 0..<dimension { hyperparameters[index] = evaluation.point.natural[index] }
        } else {
            copyHyperparameters(of: student, into: hyperparameters)
        }
        if tasks[student].action == .train || tasks[student].action == .evaluate {
            cool(hyperparameters, student)
        }
        return (tasks[student].action, tasks[student].source, tasks[student].ticket)
    }

    /// Whether the report on the task that a student has, or gets next, is to hold a hypergradient: one in
    /// `hypergradient_interval` of its training reports, the first one among them, and every evaluation; none where
    /// the algorithm reads none. One that is reported all the same is used.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    /// - Complexity: O(1).
    public func wantsHypergradient(_ student: Int) -> Bool {
        guard tasks[student].isOpen, !isDone(student) else { return false }
        return switch tasks[student].action {
        case .evaluate: true
        case .train:
            hypergradientInterval > 0 && students.reports[student].isMultiple(of: hypergradientInterval)
        default: false
        }
    }

    /// Whether `next` answers stop.
    func isDone(_ student: Int) -> Bool {
        isStopRequested || students.isRetired[student] || isFinished(student)
    }

    /// The task that a call of `next` would begin; nil where it would begin none.
    public func beginning(of student: Int) -> Input.Beginning? {
        guard tasks[student].ticket == 0, tasks[student].isOpen, !isDone(student) else { return nil }
        let isQueued = tasks[student].action == .train && !queue.isEmpty
        return Input.Beginning(
            action: isQueued ? .evaluate : tasks[student].action,
            source: isQueued ? queue[0].checkpoint.student : tasks[student].source,
            ticket: lastTicket + 1)
    }

    mutating func begin(_ student: Int, _ beginning: Input.Beginning) {
        if beginning.action == .evaluate, tasks[student].action == .train {
            let queued = queue.removeFirst()
            tasks[student] = StudentTask(queued.evaluation, from: queued.checkpoint)
        }
        lastTicket = beginning.ticket
        tasks[student].ticket = beginning.ticket
        students.hasBegun[student] = true
    }

    /// Whose task one who serves all students alone does next under the asynchronous schedule; nil: all are done. It is told
    /// by the state alone, so that a run that was broken off and goes on is the same: a task that was begun comes first,
    /// then clones, before their sources train on, then the student with the fewest training reports.
    ///
    /// - Complexity: O(population).
    public var studentInTurn: Int? {
        func order(_ student: Int) -> (Int, Int) {
            let task = tasks[student]
            return task.isOut ? (0, 0) : task.action != .train ? (1, 0) : (2, students.reports[student])
        }
        return students.living.filter { tasks[$0].isOpen && !isDone($0) }.min { order($0) < order($1) }
    }

    /// The number of the training report that a student is at work on, else of its latest.
    public func reportUnderWay(of student: Int) -> Int {
        students.reports[student] + (tasks[student].isOut && tasks[student].action == .train ? 1 : 0)
    }

    /// The kind of the task that a student has; nil: none that is to be reported on.
    public func openAction(of student: Int) -> Action? {
        tasks[student].isOpen ? tasks[student].action : nil
    }
}
