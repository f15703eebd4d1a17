extension Population {
    /// The one door through which a population is changed from outside.
    ///
    /// - Throws: What ``check(_:)`` throws; nothing is changed.
    public mutating func apply(_ input: Input) throws(HPMError) {
        try check(input)
        perform(input)
        if !observers.isEmpty { deliver() }
    }

    /// - Throws: `argument` or `order` where the input is not allowed now.
    public func check(_ input: Input) throws(HPMError) {
        switch input {
        case .begin(let student, let expected):
            try requireStudent(student)
            guard beginning(of: student) == expected else {
                throw HPMError(
                    .order,
                    "student \(student) does not begin \(expected.action) of student \(expected.source) as number \(expected.ticket) here: the log is of another space, other options or another version")
            }
        case .report(let student, let ticket, let loss, let hypergradient):
            try requireStudent(student)
            guard tasks[student].isOut, tasks[student].ticket == ticket else { throw noTask(student) }
            if let hypergradient, hypergradient.count != dimension {
                throw HPMError(
                    .argument,
                    "the hypergradient has \(hypergradient.count) components; allowed: \(dimension), the space's dimension")
            }
            if tasks[student].action == .train {
                try strategy.check(student, loss: loss, hypergradient, students)
            }
        case .cost(let student, let training, let hypergradient):
            try requireStudent(student)
            for (name, cost) in [("training", training), ("hypergradient", hypergradient)] {
                guard cost >= 0, cost <= Self.largestCost else {
                    throw HPMError(
                        .argument, "\(name) is \(cost); allowed: 0 to \(Self.largestCost)")
                }
            }
            guard tasks[student].isOut else { throw noTask(student) }
        case .start(let student, let hyperparameters):
            try requireStudent(student)
            guard hyperparameters.count == dimension else {
                throw HPMError(
                    .argument,
                    "there are \(hyperparameters.count) hyperparameters; allowed: \(dimension), the space's dimension")
            }
            guard !students.hasBegun[student] else {
                throw HPMError(
                    .order, "student \(student) has begun; its start is set before its first next")
            }
            guard tasks[student].action != .clone, !joining.contains(student) else {
                throw HPMError(.order, "student \(student) starts as a clone, where its source is")
            }
            _ = try space.point(natural: hyperparameters)
        case .stop:
            break
        case .release(let student):
            try requireStudent(student)
            guard tasks[student].isOut else {
                throw HPMError(.order, "student \(student) has no task out that could be released")
            }
        case .retire(let student):
            try requireStudent(student)
            guard !students.isRetired[student] else {
                throw HPMError(.order, "student \(student) is retired already")
            }
        case .grow(let count, let origin):
            try checkGrowth(count, origin)
        case .steps(let steps):
            guard steps == 0 || self.steps > 0 && steps >= self.steps else {
                throw HPMError(
                    .argument,
                    "steps is \(steps); allowed: \(self.steps == 0 ? "0, since the population has no end" : "\(self.steps) or more, or 0, no end")")
            }
        case .bounds(let space):
            _ = try rebounded(space)
        }
    }

    /// Makes the change of an input that was checked.
    public mutating func perform(_ input: Input) {
        switch input {
        case .begin(let student, let beginning):
            begin(student, beginning)
        case .report(let student, _, let loss, let hypergradient):
            accept(student, loss: loss, hypergradient: hypergradient)
        case .cost(let student, let training, let hypergradient):
            tasks[student].reportedTrainingCost = training
            tasks[student].hypergradientCost = hypergradient
        case .start(let student, let hyperparameters):
            if let point = try? space.point(natural: hyperparameters) {
                students.start(student, at: point)
            }
        case .stop:
            if !isStopRequested { noteStopped([]) }
            isStopRequested = true
        case .release(let student):
            release(student)
        case .retire(let student):
            retire(student)
        case .grow(let count, let origin):
            grow(count, origin)
        case .steps(let steps):
            setSteps(steps)
        case .bounds(let space):
            if let rebounded = try? rebounded(space) { self = rebounded }
        }
    }

    /// Sets where a student starts.
    ///
    /// - Throws: `argument` for a student, a length or a value that is not allowed; `order` once the
    ///   student's first task was begun.
    public mutating func setInitial(
        _ student: Int, _ hyperparameters: some Collection<Double>
    ) throws(HPMError) {
        let result = Array(hyperparameters).withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try apply(.start(student: student, buffer)) }
        }
        try result.get()
    }

    /// From now on `next` answers stop; reports of tasks that are out are accepted.
    public mutating func stop() {
        perform(.stop)
        if !observers.isEmpty { deliver() }
    }
}
