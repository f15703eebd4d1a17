import HPM

/// What a student is to do next. Asked twice without a report it answers the same, so a worker that
/// died is simply asked again.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - action: Receives the action.
///   - source: Receives the student to copy for `HPM_ACTION_CLONE` and `HPM_ACTION_EVALUATE`, else
///     `student` itself. May be NULL.
///   - hyperparameters: Array of `n` that receives the hyperparameters of the action, in natural
///     units; with CLONE those of the source, with WAIT and STOP the student's own.
///   - n: At least the space's dimension; what is beyond it stays as it is.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread; different students may be driven by different threads.
/// - Complexity: O(dimension).
/// - Since: 0.1
@_cdecl("hpm_student_next")
public func hpm_student_next(
    _ population: hpm_population?, _ student: UInt, _ action: UnsafeMutablePointer<hpm_action>?,
    _ source: UnsafeMutablePointer<UInt>?, _ hyperparameters: UnsafeMutablePointer<Double>?,
    _ n: UInt
) -> hpm_status {
    next(population, "hpm_student_next", student, action, source, nil, hyperparameters, n)
}

private func next(
    _ population: hpm_population?, _ function: StaticString, _ student: UInt,
    _ action: UnsafeMutablePointer<hpm_action>?, _ source: UnsafeMutablePointer<UInt>?,
    _ ticket: UnsafeMutablePointer<UInt64>?, _ hyperparameters: UnsafeMutablePointer<Double>?, _ n: UInt
) -> hpm_status {
    change(population, function) { (population) throws(HPMError) in
        _ = try require(action, "action")
        _ = try require(hyperparameters, "hyperparameters")
        let student = try population.index(student)
        try population.requireCapacity(n)
        return population.beginning(of: student).map { .one(.begin(student: student, $0)) } ?? .none
    } _: { population in
        guard let action, let hyperparameters else { return }
        let assignment = population.assignment(Int(student), into: population.row(hyperparameters))
        action.pointee = assignment.action.rawValue
        source?.pointee = UInt(assignment.source)
        ticket?.pointee = UInt64(assignment.ticket)
    }
}

/// As ``hpm_student_next``, with a ticket: the number of the task, with which
/// ``hpm_student_report_ticket`` can be called late, twice and in any order.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - action: Receives the action.
///   - source: Receives the source, as in ``hpm_student_next``. May be NULL.
///   - ticket: Receives the ticket, 1 or more, the same when asked again; 0 with WAIT and STOP.
///   - hyperparameters: Array of `n` that receives the hyperparameters of the action, in natural units.
///   - n: At least the space's dimension; what is beyond it stays as it is.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension).
/// - Since: 0.1
@_cdecl("hpm_student_next_ticket")
public func hpm_student_next_ticket(
    _ population: hpm_population?, _ student: UInt, _ action: UnsafeMutablePointer<hpm_action>?,
    _ source: UnsafeMutablePointer<UInt>?, _ ticket: UnsafeMutablePointer<UInt64>?,
    _ hyperparameters: UnsafeMutablePointer<Double>?, _ n: UInt
) -> hpm_status {
    guard let ticket else {
        return attempt { () throws(HPMError) in _ = try require(ticket, "ticket") }
    }
    return next(
        population, "hpm_student_next_ticket", student, action, source, ticket, hyperparameters, n)
}

/// Reports on the task that ``hpm_student_next`` answered.
///
/// A NaN or infinite loss makes the student the worst, so it is replaced at the next exploit; its
/// hypergradient is ignored. A hypergradient component that is NaN says 'no derivative'; one that is
/// infinite is skipped and counted. `memetic` needs a hypergradient with each finite loss: a component
/// that is still NaN after five rounds without a derivative is an error that names its parameter; any
/// other loss or component that is not finite is a step that failed.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - loss: The validation loss after the interval. Ignored on CLONE and RESTART.
///   - hypergradient: Array of `n`: the derivative of the loss with respect to the hyperparameters,
///     in natural units, at the values that `next` gave. NULL where `n` is 0.
///   - n: The space's dimension, or 0: no hypergradient.
/// - Returns: `HPM_OK`, `HPM_ERROR_ORDER` (no task is out for the student), `HPM_ERROR_ARGUMENT`,
///   `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread. With the synchronous schedule the result does not depend on the order
///   in which the students' reports arrive.
/// - Complexity: O(dimension); the last report of a round O(population x dimension), of `memetic` also
///   O(population^2), at an exploit times the teacher's units. That of `bayesian` before a restart and of `pb2` at an exploit also
///   O(p^3 + p^2 dimension) for a model of p points, at most 256 and the up to 64 that it chooses, and for
///   each of these O(p^2 + p dimension) hundreds of times, in high dimension 32 times at least.
/// - Since: 0.1
@_cdecl("hpm_student_report")
public func hpm_student_report(
    _ population: hpm_population?, _ student: UInt, _ loss: Double,
    _ hypergradient: UnsafePointer<Double>?, _ n: UInt
) -> hpm_status {
    change(population, "hpm_student_report") { (population) throws(HPMError) in
        let student = try population.index(student)
        let hypergradient = try population.hypergradient(
            hypergradient, n, rows: 1, "hypergradient")
        return .one(try population.reportInput(student, loss: loss, hypergradient))
    }
}

/// As ``hpm_student_report``, on a ticket of ``hpm_student_next_ticket``: deliveries that come late,
/// twice or out of order are harmless.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - ticket: The task that is reported on.
///   - loss: The validation loss after the interval. Ignored on CLONE and RESTART.
///   - hypergradient: Array of `n`, as in ``hpm_student_report``. NULL where `n` is 0.
///   - n: The space's dimension, or 0: no hypergradient.
/// - Returns: `HPM_OK`; `HPM_STALE` where the ticket was answered before or is superseded (its task was
///   released, its student retired): nothing has changed; `HPM_ERROR_ARGUMENT` (also a ticket that was
///   never given, or that is out for another student), `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: As ``hpm_student_report``; of a stale ticket O(population).
/// - Since: 0.1
@_cdecl("hpm_student_report_ticket")
public func hpm_student_report_ticket(
    _ population: hpm_population?, _ student: UInt, _ ticket: UInt64, _ loss: Double,
    _ hypergradient: UnsafePointer<Double>?, _ n: UInt
) -> hpm_status {
    var isStale = false
    let status = change(population, "hpm_student_report_ticket") { (population) throws(HPMError) in
        let student = try population.index(student)
        let hypergradient = try population.hypergradient(
            hypergradient, n, rows: 1, "hypergradient")
        let number = Int(exactly: ticket) ?? .max
        guard let input = try population.reportInput(
            student, ticket: number, loss: loss, hypergradient)
        else {
            isStale = true
            return .none
        }
        isStale = false
        return .one(input)
    }
    guard status == HPM_OK, isStale else { return status }
    ThreadState.current.setError(
        "ticket \(ticket) of student \(student) was answered before or is superseded; nothing has changed")
    return HPM_STALE
}

/// The training reports that a student has made; one that joined as a clone counts those of its source
/// from before.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_reports")
public func hpm_student_reports(
    _ population: hpm_population?, _ student: UInt, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = UInt(population.reports(of: try population.index(student)))
    }
}

/// Says what the task that is out for a student cost, in units of your own (such as gradient
/// evaluations or seconds), split into training and hypergradient. Call it before the report; the
/// last call counts. Without it a report counts as 1 of training.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - training: The cost of the training itself, 0 to 1e100.
///   - hypergradient: The cost of the hypergradient beyond it, 0 to 1e100.
/// - Returns: `HPM_OK`, `HPM_ERROR_ORDER` (no task is out for the student), `HPM_ERROR_ARGUMENT`,
///   `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside a log or an observer.
/// - Thread safety: Any thread, also inside a callback of ``hpm_population_run``.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_report_cost")
public func hpm_student_report_cost(
    _ population: hpm_population?, _ student: UInt, _ training: Double, _ hypergradient: Double
) -> hpm_status {
    change(population) { (population) throws(HPMError) in
        .one(
            .cost(
                student: try population.index(student), training: training,
                hypergradient: hypergradient))
    }
}

/// The hyperparameters that a student holds now.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - out: Array of `n` that receives them, in natural units.
///   - n: At least the space's dimension; what is beyond it stays as it is.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension).
/// - Since: 0.1
@_cdecl("hpm_student_hyperparameters")
public func hpm_student_hyperparameters(
    _ population: hpm_population?, _ student: UInt, _ out: UnsafeMutablePointer<Double>?, _ n: UInt
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        let student = try population.index(student)
        try population.requireCapacity(n)
        population.copyHyperparameters(of: student, into: population.row(out))
    }
}

/// Whether the report on the task that a student has, or gets next, is to hold a hypergradient: of its
/// training reports one in `hypergradient_interval`, the first one among them, and each evaluation; none
/// where the algorithm reads none. With fewer hypergradients each may be a better one at the same cost, such as
/// one through more steps of training. ``hpm_population_run`` estimates those of a problem where they are wanted.
/// One that is reported all the same is used, and moves by a step that is as long.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - wanted: Receives 1 or 0; 0 where the student has no task that is trained.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread, also inside a trainer's callbacks.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_wants_hypergradient")
public func hpm_student_wants_hypergradient(
    _ population: hpm_population?, _ student: UInt, _ wanted: UnsafeMutablePointer<Int32>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let wanted = try require(wanted, "wanted")
        wanted.pointee = population.wantsHypergradient(try population.index(student)) ? 1 : 0
    }
}

/// Sets where a student starts, before its first `next`.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - hyperparameters: Array of `n` values in natural units, each within its bounds; whole for
///     integers and choices.
///   - n: The space's dimension.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_ORDER` (the student has begun),
///   `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside a log or an observer.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension).
/// - Since: 0.1
@_cdecl("hpm_student_set_initial")
public func hpm_student_set_initial(
    _ population: hpm_population?, _ student: UInt, _ hyperparameters: UnsafePointer<Double>?,
    _ n: UInt
) -> hpm_status {
    change(population) { (population) throws(HPMError) in
        let hyperparameters = try require(hyperparameters, "hyperparameters")
        let student = try population.index(student)
        guard n == UInt(population.dimension) else {
            throw HPMError(.argument, "n is \(n); allowed: \(population.dimension), the space's dimension")
        }
        return .one(
            .start(
                student: student,
                UnsafeBufferPointer(start: hyperparameters, count: population.dimension)))
    }
}

/// Which checkpoint of its source a clone is to take, or an evaluation to be made on: the one after the
/// source's training report of this number (0: its state at the start). With the synchronous schedule
/// the source waits, so that is also its present state; but a student that has become a clone and is to
/// be evaluated before it trains holds weights that no report of its own has: evaluate its live ones.
///
/// - Parameters:
///   - population: The population.
///   - student: A student whose task is `HPM_ACTION_CLONE` or `HPM_ACTION_EVALUATE`.
///   - report: Receives the number of the source's report, or 0.
/// - Returns: `HPM_OK`, `HPM_ERROR_ORDER` (the student's task copies no weights), `HPM_ERROR_ARGUMENT`
///   or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_source_report")
public func hpm_student_source_report(
    _ population: hpm_population?, _ student: UInt, _ report: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let report = try require(report, "report")
        let student = try population.index(student)
        report.pointee = UInt(try population.sourceReport(of: student))
    }
}

/// Whether the checkpoint of a student after a training report may go: no clone will be asked to take it
/// any more. With the asynchronous schedule a clone can be asked for of the latest state of any student,
/// and of an earlier one while such a task is open; with the synchronous one of the latest until all students
/// of the round have reported, and then while any clone is to be made, whose source may be retired.
///
/// - Parameters:
///   - population: The population.
///   - student: Whose checkpoint.
///   - report: After which of its training reports, from 1 to one more than ``hpm_student_reports``.
///   - releasable: Receives 1 where it may go, else 0.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(population).
/// - Since: 0.1
@_cdecl("hpm_checkpoint_releasable")
public func hpm_checkpoint_releasable(
    _ population: hpm_population?, _ student: UInt, _ report: UInt,
    _ releasable: UnsafeMutablePointer<Int32>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let releasable = try require(releasable, "releasable")
        let student = try population.index(student)
        let last = population.reports(of: student) + 1
        guard report >= 1, report <= UInt(last) else {
            throw HPMError(.argument, "report is \(report); allowed: 1 to \(last), the report under way")
        }
        releasable.pointee = population.isReleasable(student, report: Int(report)) ? 1 : 0
    }
}

/// Who trained, at an earlier report, the weights that a student holds now: the lineage through the
/// clones. Following it over all reports gives the schedule that trained the student.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - report: A training report of the past that went into the weights, by its place among them, from 1 to
///     ``hpm_student_age``; with the synchronous schedule that is its number, but in a trial after the first and
///     of a student that joined.
///   - out: Receives the student whose training report it was.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(clones).
/// - Since: 0.1
@_cdecl("hpm_student_ancestor")
public func hpm_student_ancestor(
    _ population: hpm_population?, _ student: UInt, _ report: UInt, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = UInt(try population.ancestor(student, report).student)
    }
}

/// As ``hpm_student_ancestor``: which of the ancestor's own training reports it was. With the asynchronous
/// schedule each student has its own numbers.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - report: As in ``hpm_student_ancestor``.
///   - out: Receives the number of the ancestor's report, from 1.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(clones).
/// - Since: 0.1
@_cdecl("hpm_student_ancestor_report")
public func hpm_student_ancestor_report(
    _ population: hpm_population?, _ student: UInt, _ report: UInt, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = UInt(try population.ancestor(student, report).report)
    }
}

/// How many training reports went into the weights that a student holds now, those of its ancestors
/// included, those before a restart not.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - out: Receives the number; with the synchronous schedule and without trials it is
///     ``hpm_student_reports``, of a student that was there from the start.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(clones).
/// - Since: 0.1
@_cdecl("hpm_student_age")
public func hpm_student_age(
    _ population: hpm_population?, _ student: UInt, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = UInt(population.age(of: try population.index(student)))
    }
}

extension Population {
    fileprivate func ancestor(
        _ student: UInt, _ report: UInt
    ) throws(HPMError) -> Lineage.Ancestor {
        let student = try index(student)
        let last = min(age(of: student), isSynchronous ? trainingRounds : .max)
        guard report >= 1, report <= UInt(last) else {
            throw HPMError(
                .argument,
                "report is \(report); allowed: 1 to \(last), the training reports behind the student's weights")
        }
        return lineage.ancestor(of: student, reports: reports(of: student), at: Int(report))
    }
}
