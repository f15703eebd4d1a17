import HPM

/// A population of students and the algorithm that tunes them.
public typealias hpm_population = OpaquePointer

/// What a student is to do next.
public typealias hpm_action = Int32
/// Train the student one interval with the hyperparameters; report its validation loss and, if you
/// can, its hypergradient.
public let HPM_ACTION_TRAIN: hpm_action = 0
/// Copy the weights and the optimizer state of student `source` into this one; report (loss and
/// hypergradient are ignored). With the synchronous schedule `source` does not train until then, so live
/// weights may be copied; with the asynchronous one ``hpm_student_source_report`` says which checkpoint
/// of it is meant.
public let HPM_ACTION_CLONE: hpm_action = 1
/// On a copy of `source` that is thrown away: loss and hypergradient at the hyperparameters, as
/// at the end of a training interval (weights frozen, or the last differentiated steps alone);
/// report. It never enters the ranking. With the synchronous schedule `source` is the student itself;
/// with the asynchronous one it may be another, as of the checkpoint of ``hpm_student_source_report``.
public let HPM_ACTION_EVALUATE: hpm_action = 2
/// A new trial: initialise the student's weights anew; report (the loss is ignored).
public let HPM_ACTION_RESTART: hpm_action = 3
/// Nothing to do for this student until others report. Ask again after that; no report. Never with the
/// asynchronous schedule.
public let HPM_ACTION_WAIT: hpm_action = 4
/// Done, for this student; no report. Reports of tasks that are still out are accepted.
public let HPM_ACTION_STOP: hpm_action = 5

/// Creates a population. Student 0 starts at the parameters' `initial` values, everything else is
/// drawn uniformly in latent coordinates; equal seeds give equal starts under every algorithm.
///
/// - Parameters:
///   - space: At least one parameter; copied.
///   - options: Copied. NULL: all defaults.
///   - out: Receives the population.
/// - Returns: `HPM_OK`; `HPM_WARNING`, where ``hpm_last_error`` names what you may not expect: an option
///   that the algorithm does not read, a run that will hardly exploit; `HPM_ERROR_ARGUMENT` (a space without parameters; with the algorithm `memetic`
///   an integer or a choice that is not fixed; with `mf-pbt` `sub_populations` above population / 2),
///   `HPM_ERROR_MEMORY` or `HPM_ERROR_HANDLE`.
/// - Ownership: The caller's, until ``hpm_population_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(population x dimension) time and memory: at most 128 bytes for each student
///   and dimension (`memetic`: 512, and 960 for each dimension), 5120 for each dimension of `bayesian`
///   and `pb2`, and of a teacher 16 for each unit and dimension (`perceptron`: 24; `linear`:
///   16 x dimension^2). Algorithms that never clone make no teacher.
/// - Since: 0.1
@_cdecl("hpm_population_create")
public func hpm_population_create(
    _ space: hpm_space?, _ options: hpm_options?, _ out: UnsafeMutablePointer<hpm_population?>?
) -> hpm_status {
    var warnings: [String] = []
    let status = attempt { () throws(HPMError) in
        let out = try require(out, "out")
        let space = try Handles.find(space, SearchSpace.self).state.withLock { $0 }
        let population = try Population(space: space, options: try optionsOrDefaults(options))
        warnings = population.warnings
        out.pointee = try Handles.insert(DrivenPopulation(population))
    }
    guard status == HPM_OK, !warnings.isEmpty else { return status }
    ThreadState.current.setError(warnings.joined(separator: "; "))
    return HPM_WARNING
}

/// Destroys a population, and closes the file of its run, if it has one.
///
/// - Parameter population: The population; NULL does nothing.
/// - Returns: `HPM_OK`, `HPM_ERROR_HANDLE` where it is no living population, or `HPM_ERROR_BUSY`
///   while ``hpm_population_run`` drives it and inside its log or observers.
/// - Thread safety: Any thread; a call that is under way on the handle ends first.
/// - Complexity: O(population x dimension).
/// - Since: 0.1
@_cdecl("hpm_population_destroy")
public func hpm_population_destroy(_ population: hpm_population?) -> hpm_status {
    if population == nil { return HPM_OK }
    return attempt { () throws(HPMError) in
        let object = try Handles.find(population, DrivenPopulation.self)
        try object.takeTurn("hpm_population_destroy") { () throws(HPMError) in
            try object.state.withLock { (driven) throws(HPMError) in
                try driven.requireIdle("hpm_population_destroy")
                try Handles.remove(population, DrivenPopulation.self)
                driven.store?.close(driven.population)
            }
        }
    }
}

/// The number of students.
///
/// - Parameters:
///   - population: The population.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_population_size")
public func hpm_population_size(
    _ population: hpm_population?, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        try require(out, "out").pointee = UInt(population.size)
    }
}

/// The number of hyperparameters of each student: the dimension of the population's space.
///
/// - Parameters:
///   - population: The population.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_population_dimension")
public func hpm_population_dimension(
    _ population: hpm_population?, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        try require(out, "out").pointee = UInt(population.dimension)
    }
}

/// A copy of the space that the population was made from, also of a loaded one.
///
/// - Parameters:
///   - population: The population.
///   - out: Receives the space.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Ownership: The space is the caller's, until ``hpm_space_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_population_space")
public func hpm_population_space(
    _ population: hpm_population?, _ out: UnsafeMutablePointer<hpm_space?>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        try require(out, "out").pointee = try Handles.insert(population.space)
    }
}

/// What every student is to do next: ``hpm_student_next`` for all of them in one call, for programs
/// that train the whole population at once (vmap, a batched GPU kernel).
///
/// - Parameters:
///   - population: The population.
///   - actions: Array of `students` that receives the actions.
///   - sources: Array of `students` that receives the sources, as ``hpm_student_next`` does. May be
///     NULL.
///   - hyperparameters: Array of `students` x `n`, row-major, that receives the hyperparameters in
///     natural units; row k is student k.
///   - students: The number of students.
///   - n: The length of a row, at least the space's dimension; what is beyond it stays as it is.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(population x dimension).
/// - Since: 0.1
@_cdecl("hpm_population_next_all")
public func hpm_population_next_all(
    _ population: hpm_population?, _ actions: UnsafeMutablePointer<hpm_action>?,
    _ sources: UnsafeMutablePointer<UInt>?, _ hyperparameters: UnsafeMutablePointer<Double>?,
    _ students: UInt, _ n: UInt
) -> hpm_status {
    change(population, "hpm_population_next_all") { (population) throws(HPMError) in
        _ = try require(actions, "actions")
        _ = try require(hyperparameters, "hyperparameters")
        try population.requireStudents(students)
        try population.requireCapacity(n)
        return .beginnings
    } _: { population in
        guard let actions, let hyperparameters else { return }
        for student in 0..<population.size {
            let row = hyperparameters + student * Int(n)
            let assignment = population.assignment(student, into: population.row(row))
            actions[student] = assignment.action.rawValue
            sources?[student] = UInt(assignment.source)
        }
    }
}

/// Reports for every student that has a task: ``hpm_student_report`` for all of them in one call.
/// Rows of students without a task (`HPM_ACTION_WAIT`, `HPM_ACTION_STOP`) are ignored.
///
/// - Parameters:
///   - population: The population.
///   - losses: Array of `students` losses.
///   - hypergradients: Array of `students` x `n`, row-major, in natural units; NaN in a component:
///     no derivative. NULL where `n` is 0.
///   - students: The number of students.
///   - n: The space's dimension, or 0: no hypergradients.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_ORDER` (no student has a task, or one has
///   not been asked for by `next`), `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(population x dimension); at an exploit that times the teacher's units. The restarts
///   of `bayesian` and the exploits of `pb2`: as for ``hpm_student_report``.
/// - Since: 0.1
@_cdecl("hpm_population_report_all")
public func hpm_population_report_all(
    _ population: hpm_population?, _ losses: UnsafePointer<Double>?,
    _ hypergradients: UnsafePointer<Double>?, _ students: UInt, _ n: UInt
) -> hpm_status {
    change(population, "hpm_population_report_all") { (population) throws(HPMError) in
        let losses = try require(losses, "losses")
        try population.requireStudents(students)
        let hypergradients = try population.hypergradient(
            hypergradients, n, rows: population.size, "hypergradients")
        return .reports(
            UnsafeBufferPointer(start: losses, count: population.size), hypergradients)
    }
}

/// A number of the population's account, by name.
///
/// | counter | meaning |
/// | --- | --- |
/// | `training_rounds` | training reports that every student has made that is not retired |
/// | `training_reports`, `teacher_reports`, `clone_reports`, `restart_reports` | reports on TRAIN, EVALUATE, CLONE, RESTART |
/// | `hypergradient_reports` | reports on TRAIN that held a finite hypergradient component |
/// | `training_seconds`, `teacher_seconds`, `clone_seconds`, `restart_seconds` | time between `next` and its report, summed over students, since this handle was made: no part of a snapshot |
/// | `training_cost`, `hypergradient_cost`, `teacher_cost` | in the units of ``hpm_student_report_cost``; a report on TRAIN or EVALUATE without it counts 1 |
/// | `teacher_share`, `hypergradient_share` | the teacher's and the hypergradients' share of the three costs; 0 before any report |
/// | `nonfinite_losses` | losses that were NaN or infinite |
/// | `nonfinite_hypergradients` | hypergradient components that were infinite, skipped |
/// | `clones` | students that were replaced |
///
/// - Parameters:
///   - population: The population.
///   - counter: A name of the table.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown name: the sentence lists them) or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(population).
/// - Since: 0.1
@_cdecl("hpm_population_count")
public func hpm_population_count(
    _ population: hpm_population?, _ counter: UnsafePointer<CChar>?,
    _ out: UnsafeMutablePointer<Double>?
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        let out = try require(out, "out")
        let name = try string(counter, "counter")
        if let seconds = driven.stopwatch.seconds(name) {
            out.pointee = seconds
        } else {
            out.pointee = try driven.population.count(name, beside: Stopwatch.counters)
        }
    }
}

/// The student to keep: of those whose latest training loss is finite, the one with the best.
///
/// - Parameters:
///   - population: The population.
///   - student: Receives the student.
///   - loss: Receives its loss, as it was reported.
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` where there is none (before the first finite loss, and
///   while all students begin a new trial), `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(population).
/// - Since: 0.1
@_cdecl("hpm_population_best")
public func hpm_population_best(
    _ population: hpm_population?, _ student: UnsafeMutablePointer<UInt>?,
    _ loss: UnsafeMutablePointer<Double>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let student = try require(student, "student")
        let loss = try require(loss, "loss")
        let best = try population.best()
        student.pointee = UInt(best.student)
        loss.pointee = best.loss
    }
}

/// The best known point: the hyperparameters with which the best student (``hpm_population_best``)
/// made its latest training report; under `random` and `bayesian` those of the best trial, also if it
/// has ended; under `memetic` the point, of all whose report was accepted (of all reports while there is
/// none), whose estimated loss E, a mean of c values where there is noise, is lowest with its uncertainty, E + sigma / sqrt(c): docs/algorithms.md.
///
/// - Parameters:
///   - population: The population.
///   - out: Array of `n` that receives the hyperparameters, in natural units.
///   - n: At least the space's dimension; what is beyond it stays as it is.
///   - loss: Receives the loss of that report (`memetic`: E).
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` before there is one, `HPM_ERROR_ARGUMENT` or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(population + dimension).
/// - Since: 0.1
@_cdecl("hpm_population_best_hyperparameters")
public func hpm_population_best_hyperparameters(
    _ population: hpm_population?, _ out: UnsafeMutablePointer<Double>?, _ n: UInt,
    _ loss: UnsafeMutablePointer<Double>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let out = try require(out, "out")
        let loss = try require(loss, "loss")
        try population.requireCapacity(n)
        let best = try population.bestHyperparameters()
        for index in best.hyperparameters.indices { out[index] = best.hyperparameters[index] }
        loss.pointee = best.loss
    }
}

/// Asks a population to stop: from now on `next` answers STOP, and ``hpm_population_run`` returns
/// once the callback that is under way has. Reports that are still out are accepted. The request is
/// not saved: this population stays stopped, one that is loaded from its snapshot goes on.
///
/// - Parameter population: The population.
/// - Returns: `HPM_OK` or `HPM_ERROR_HANDLE`; `HPM_ERROR_CALLBACK` where the log refuses it.
/// - Thread safety: Any thread, also inside a callback. Inside a log or an observer the stop follows the call
///   that they are told of.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_population_stop")
public func hpm_population_stop(_ population: hpm_population?) -> hpm_status {
    outcome { () throws(HPMError) in
        try Handles.with(population, DrivenPopulation.self) { (object) throws(HPMError) in try object.stop() }
    }
}

/// The actions that ``hpm_student_next`` can answer with this population's algorithm and options, WAIT and
/// STOP apart: which callbacks a trainer needs.
///
/// - Parameters:
///   - population: The population.
///   - mask: Receives the sum of 1 << action.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_population_actions")
public func hpm_population_actions(
    _ population: hpm_population?, _ mask: UnsafeMutablePointer<UInt32>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        try require(mask, "mask").pointee = population.possibleActions.reduce(0) {
            $0 | 1 << UInt32($1.rawValue)
        }
    }
}

/// An option of a population as it is in force, every default decided, also of a loaded population.
///
/// - Parameters:
///   - population: The population.
///   - key: A key of the table at `hpm_options`.
///   - out: Array of `capacity` that receives the value as text with its NUL, as
///     ``hpm_options_set_string`` takes it. NULL: the size alone.
///   - capacity: Its size in bytes; 0 where `out` is NULL.
///   - needed: Receives the size in bytes, the NUL included.
/// - Returns: `HPM_OK`, `HPM_ERROR_CAPACITY`, `HPM_ERROR_ARGUMENT` (an unknown key: the sentence lists
///   them) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(options).
/// - Since: 0.1
@_cdecl("hpm_population_option")
public func hpm_population_option(
    _ population: hpm_population?, _ key: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<CChar>?,
    _ capacity: UInt, _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let needed = try require(needed, "needed")
        let text = try population.options.text(of: try string(key, "key"))
        try copy(text, to: out, capacity, needed)
    }
}
