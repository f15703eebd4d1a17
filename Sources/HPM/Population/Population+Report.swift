extension Population {
    /// Reports on the task that ``next(_:)`` answered.
    ///
    /// A loss that is not finite makes the student the worst; its hypergradient is ignored. A
    /// hypergradient component that is NaN says 'no derivative', one that is infinite is skipped and
    /// counted.
    ///
    /// - Parameters:
    ///   - loss: Ignored for a clone and a restart.
    ///   - hypergradient: The derivative of the loss with respect to the hyperparameters, in natural
    ///     units; nil: none.
    /// - Throws: `order` where no task is out for the student; `argument` for a student or a length
    ///   that is not allowed. Nothing is changed.
    /// - Complexity: O(dimension); the last report of a round O(population x dimension), at an exploit
    ///   times the teacher's units.
    public mutating func report(
        _ student: Int, loss: Double = .nan, hypergradient: [Double]? = nil
    ) throws(HPMError) {
        guard let hypergradient else {
            return try report(student, loss: loss, hypergradientBuffer: nil)
        }
        let result = hypergradient.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in
                try report(student, loss: loss, hypergradientBuffer: buffer)
            }
        }
        try result.get()
    }

    /// As ``report(_:loss:hypergradient:)``, from memory of the caller.
    public mutating func report(
        _ student: Int, loss: Double, hypergradientBuffer: UnsafeBufferPointer<Double>?
    ) throws(HPMError) {
        try requireStudent(student)
        guard hasTaskOut(student) else { throw noTask(student) }
        if let hypergradientBuffer, hypergradientBuffer.count != dimension {
            throw HPMError(
                .argument,
                "the hypergradient has \(hypergradientBuffer.count) components; allowed: \(dimension), the space's dimension")
        }
        try requireDerivatives(student, loss: loss, hypergradientBuffer)
        accept(student, loss: loss, hypergradient: hypergradientBuffer)
        if round.missing == 0 { finishRound() }
    }

    /// Reports for every student that has a task; the values of the others are ignored.
    ///
    /// - Parameters:
    ///   - losses: One for each student.
    ///   - hypergradients: students x dimension, row-major, or nil.
    /// - Throws: `order` where no student has a task, or one has not been asked for by `next`;
    ///   `argument` for a wrong length. Nothing is changed.
    /// - Complexity: O(population x dimension), at an exploit times the teacher's units.
    public mutating func reportAll(
        losses: UnsafeBufferPointer<Double>, hypergradients: UnsafeBufferPointer<Double>?
    ) throws(HPMError) {
        guard losses.count == size else {
            throw HPMError(
                .argument, "there are \(losses.count) losses; allowed: \(size), the population's size")
        }
        if let hypergradients, hypergradients.count != size * dimension {
            throw HPMError(
                .argument,
                "there are \(hypergradients.count) hypergradient components; allowed: \(size * dimension), population x dimension")
        }
        var reporting: [Int] = []
        for student in 0..<size {
            guard let task = round.tasks[student], !task.isReported else { continue }
            if task.isOut {
                reporting.append(student)
            } else if !isStopRequested {
                throw noTask(student)
            }
        }
        guard !reporting.isEmpty else {
            throw HPMError(.order, "no student has a task to report on; ask next for one first")
        }
        func row(_ student: Int) -> UnsafeBufferPointer<Double>? {
            hypergradients.map {
                UnsafeBufferPointer(rebasing: $0[student * dimension..<(student + 1) * dimension])
            }
        }
        for student in reporting {
            try requireDerivatives(student, loss: losses[student], row(student))
        }
        for student in reporting {
            accept(student, loss: losses[student], hypergradient: row(student))
        }
        if round.missing == 0 { finishRound() }
    }

    /// Says what the task that is out for a student cost, in units of the caller; before its report.
    ///
    /// - Throws: `order` where no task is out for the student; `argument` for a student or a cost that
    ///   is not allowed.
    public mutating func reportCost(
        _ student: Int, training: Double, hypergradient: Double = 0
    ) throws(HPMError) {
        try requireStudent(student)
        for (name, cost) in [("training", training), ("hypergradient", hypergradient)] {
            guard cost >= 0, cost <= Self.largestCost else {
                throw HPMError(
                    .argument, "\(name) is \(cost); allowed: 0 to \(Self.largestCost)")
            }
        }
        guard hasTaskOut(student) else { throw noTask(student) }
        round.tasks[student]?.reportedTrainingCost = training
        round.tasks[student]?.hypergradientCost = hypergradient
    }

    /// Whether the task that is out for a student has a cost already.
    public func hasReportedCost(_ student: Int) -> Bool {
        round.tasks[student]?.reportedTrainingCost != nil
    }

    /// Sums of costs up to this never overflow.
    static let largestCost = 1e100

    private func hasTaskOut(_ student: Int) -> Bool {
        guard let task = round.tasks[student] else { return false }
        return task.isOut && !task.isReported
    }

    private func noTask(_ student: Int) -> HPMError {
        let task = round.tasks[student]
        let isWaiting = task == nil || task?.isReported == true
        return HPMError(
            .order,
            isFinished || isStopRequested
                ? "student \(student) has no task to report on: the run has ended"
                : isWaiting
                    ? "student \(student) has no task to report on: it waits until others have reported"
                    : "student \(student) has no task to report on; ask next for one first")
    }

    /// - Throws: `argument` where a search needs the hypergradient that the report of a finite loss
    ///   lacks; also where a component is NaN that was in every earlier round while another one is
    ///   finite: it has no derivative, and every step would be rejected.
    private func requireDerivatives(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?
    ) throws(HPMError) {
        guard let search, round.action == .train, loss.isFinite else { return }
        let descended = space.parameters.filter(\.isDescended)
        if let hypergradient {
            // One bad number may not end a run, so it is not judged by the first rounds; by earlier ones
            // alone, so that the order of this one's reports does not matter.
            guard trainingRounds >= LocalSearch.patience else { return }
            let lacking = descended.first { parameter in
                parameter.indices.contains {
                    hypergradient[$0].isNaN && !search.hasDerivative[$0]
                }
            }
            let isFiniteElsewhere = descended.contains { parameter in
                parameter.indices.contains { hypergradient[$0].isFinite }
            }
            guard let lacking, isFiniteElsewhere else { return }
            throw HPMError(
                .argument,
                "the hypergradient of student \(student) is NaN for '\(lacking.name)', which had a derivative in none of \(trainingRounds) rounds; algorithm \(options.algorithm.name) needs one with each finite loss: allowed are a number, NaN for all parameters, and the update fixed or mutate")
        }
        for parameter in descended {
            throw HPMError(
                .argument,
                "the hypergradient of student \(student) is absent, so '\(parameter.name)' has no derivative; algorithm \(options.algorithm.name) needs one with each finite loss")
        }
    }

    /// Stores a report; what it changes waits for the end of the round.
    private mutating func accept(
        _ student: Int, loss: Double, hypergradient: UnsafeBufferPointer<Double>?
    ) {
        guard var task = round.tasks[student] else { return }
        round.tasks[student] = nil
        task.isReported = true
        switch round.action {
        case .train:
            students[student].loss = accepted(loss)
            for index in 0..<dimension {
                students[student].reported[index] = students[student].point.natural[index]
            }
            let components = space.pullBack(
                loss.isFinite ? hypergradient : nil, at: students[student].point, sign: sign,
                coordinates, into: &gradients, from: student * dimension)
            if components.finite > 0 { closedBudget.hypergradientReports += 1 }
            closedBudget.nonfiniteHypergradients += components.infinite
        case .evaluate:
            _ = accepted(loss)
            task.gradient = Array(repeating: .nan, count: dimension)
            let components = space.pullBack(
                loss.isFinite ? hypergradient : nil, at: task.point ?? students[student].point,
                sign: sign, coordinates, into: &task.gradient, from: 0)
            closedBudget.nonfiniteHypergradients += components.infinite
        case .clone, .restart:
            // The weights that the loss belonged to are gone.
            students[student].loss = nil
        case .wait, .stop:
            break
        }
        closedBudget.addReport(task, round.action, now: MonotonicClock.seconds())
        round.tasks[student] = task
        round.missing -= 1
    }

    /// The loss with lower values better; infinite, and counted, where it is not finite.
    private mutating func accepted(_ loss: Double) -> Double {
        if loss.isFinite { return sign * loss }
        closedBudget.nonfiniteLosses += 1
        return .infinity
    }
}
