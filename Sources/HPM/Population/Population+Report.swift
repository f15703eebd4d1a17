extension Population {
    /// Reports on the task that ``next(_:)-(Int)`` answered.
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
        try apply(try reportInput(student, loss: loss, hypergradientBuffer))
    }

    /// The input that a report is.
    ///
    /// - Throws: `order` where no task is out for the student, `argument` for a student that is not there.
    public func reportInput(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?
    ) throws(HPMError) -> Input {
        try requireStudent(student)
        guard tasks[student].isOut else { throw noTask(student) }
        return .report(
            student: student, ticket: tasks[student].ticket, loss: loss, hypergradient: hypergradient)
    }

    /// The input that a report on a ticket is; nil where the ticket was answered before or is superseded, so that
    /// a delivery that comes late, twice or out of order changes nothing.
    ///
    /// - Throws: `argument` for a ticket that was never given, or that is another student's.
    /// - Complexity: O(1); of a ticket that is no longer open O(population).
    public func reportInput(
        _ student: Int, ticket: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?
    ) throws(HPMError) -> Input? {
        try requireStudent(student)
        guard ticket >= 1, ticket <= lastTicket else {
            throw HPMError(
                .argument, "ticket is \(ticket), which was never given; allowed: what next answered with the task")
        }
        if tasks[student].ticket == ticket, tasks[student].isOut {
            return .report(student: student, ticket: ticket, loss: loss, hypergradient: hypergradient)
        }
        if let other = tasks.firstIndex(where: { $0.ticket == ticket && $0.isOut }) {
            throw HPMError(
                .argument, "ticket \(ticket) is of student \(other), not of student \(student)")
        }
        return nil
    }

    /// Reports on a ticket.
    ///
    /// - Returns: Whether it counted: false for a ticket that was answered before or is superseded, which changes
    ///   nothing.
    /// - Throws: As ``report(_:loss:hypergradient:)``, and `argument` for a ticket that was never given.
    @discardableResult
    public mutating func report(
        _ student: Int, ticket: Int, loss: Double = .nan, hypergradient: [Double]? = nil
    ) throws(HPMError) -> Bool {
        guard try reportInput(student, ticket: ticket, loss: loss, nil) != nil else { return false }
        try report(student, loss: loss, hypergradient: hypergradient)
        return true
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
        try checkReports(losses: losses, hypergradients: hypergradients)
        for student in 0..<size {
            if let input = reportInput(student, losses, hypergradients) { perform(input) }
        }
        if !observers.isEmpty { deliver() }
    }

    /// The input that one of ``reportAll(losses:hypergradients:)`` is; nil where no task is out for the student.
    public func reportInput(
        _ student: Int, _ losses: UnsafeBufferPointer<Double>,
        _ hypergradients: UnsafeBufferPointer<Double>?
    ) -> Input? {
        guard tasks[student].isOut else { return nil }
        return .report(
            student: student, ticket: tasks[student].ticket, loss: losses[student],
            hypergradient: hypergradients.map {
                UnsafeBufferPointer(rebasing: $0[student * dimension..<(student + 1) * dimension])
            })
    }

    /// - Throws: What ``reportAll(losses:hypergradients:)`` throws.
    public func checkReports(
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
        var isReporting = false
        for student in 0..<size where tasks[student].isOpen {
            if let input = reportInput(student, losses, hypergradients) {
                try check(input)
                isReporting = true
            } else if !isDone(student) {
                throw noTask(student)
            }
        }
        guard isReporting else {
            throw HPMError(.order, "no student has a task to report on; ask next for one first")
        }
    }

    /// Says what the task that is out for a student cost, in units of the caller; before its report.
    ///
    /// - Throws: `order` where no task is out for the student; `argument` for a student or a cost that
    ///   is not allowed.
    public mutating func reportCost(
        _ student: Int, training: Double, hypergradient: Double = 0
    ) throws(HPMError) {
        try apply(.cost(student: student, training: training, hypergradient: hypergradient))
    }

    /// Whether the task that is out for a student has a cost already.
    public func hasReportedCost(_ student: Int) -> Bool {
        tasks[student].reportedTrainingCost != nil
    }

    /// Sums of costs up to this never overflow.
    static let largestCost = 1e100

    func noTask(_ student: Int) -> HPMError {
        HPMError(
            .order,
            students.isRetired[student]
                ? "student \(student) has no task to report on: it is retired"
                : isDone(student)
                    ? "student \(student) has no task to report on: the run has ended"
                    : !tasks[student].isOpen
                        ? "student \(student) has no task to report on: it waits until others have reported"
                        : "student \(student) has no task to report on; ask next for one first")
    }

    /// Stores a report; under the synchronous schedule what it changes waits for the end of the round.
    mutating func accept(
        _ student: Int, loss: Double, hypergradient: UnsafeBufferPointer<Double>?
    ) {
        let hypergradient = loss.isFinite ? hypergradient : nil
        if let warmed = warmed(hypergradient, student) {
            return warmed.withUnsafeBufferPointer { take(student, loss: loss, hypergradient: $0) }
        }
        take(student, loss: loss, hypergradient: hypergradient)
    }

    private mutating func take(
        _ student: Int, loss: Double, hypergradient: UnsafeBufferPointer<Double>?
    ) {
        closedBudget.addReport(tasks[student].action)
        switch tasks[student].action {
        case .train:
            let components = students.store(
                student, loss: accepted(loss), hypergradient, sign: sign, coordinates)
            students.reports[student] += 1
            students.checkpoints[student] = Checkpoint(
                student: student, report: students.reports[student])
            if components.finite > 0 {
                closedBudget.hypergradientReports += 1
                students.hasDerivatives = true
            }
            closedBudget.nonfiniteHypergradients += components.infinite
            noteReport(student, .trained, loss)
        case .evaluate:
            _ = accepted(loss)
            if let point = tasks[student].evaluation?.point {
                var gradient = Array(repeating: Double.nan, count: dimension)
                let components = gradient.withUnsafeMutableBufferPointer { target in
                    point.natural.withUnsafeBufferPointer { natural in
                        Students.pullBack(
                            hypergradient, at: natural.baseAddress.unsafelyUnwrapped, sign: sign,
                            coordinates, students.spans, into: target.baseAddress.unsafelyUnwrapped,
                            dimension)
                    }
                }
                tasks[student].gradient = gradient
                closedBudget.nonfiniteHypergradients += components.infinite
            }
            noteReport(student, .evaluated, loss)
        case .restart:
            // The weights that the loss belonged to are gone.
            students.losses[student] = nil
        case .clone, .wait, .stop:
            break
        }
        tasks[student].isReported = true
        advance(after: student)
    }

    /// The loss with lower values better; infinite, and counted, where it is not finite.
    private mutating func accepted(_ loss: Double) -> Double {
        if loss.isFinite { return sign * loss }
        closedBudget.nonfiniteLosses += 1
        return .infinity
    }
}
