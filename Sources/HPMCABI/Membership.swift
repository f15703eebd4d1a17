import HPM

/// Where students that join a population come from.
public typealias hpm_origin = Int32
/// Hyperparameters drawn as at the start; weights of their own.
public let HPM_ORIGIN_DRAWN: hpm_origin = 0
/// Clones of the best students.
public let HPM_ORIGIN_CLONE: hpm_origin = 1

/// Gives the task of a lost worker back: its ticket is superseded, and whoever asks
/// ``hpm_student_next_ticket`` for the student begins the task anew. With the asynchronous schedule an
/// evaluation goes to whoever asks first.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
/// - Returns: `HPM_OK`, `HPM_ERROR_ORDER` (no task is out for the student), `HPM_ERROR_ARGUMENT`,
///   `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_release")
public func hpm_student_release(_ population: hpm_population?, _ student: UInt) -> hpm_status {
    change(population, "hpm_student_release") { (population) throws(HPMError) in
        .one(.release(student: try population.index(student)))
    }
}

/// Takes a student out for good, as where its machine is gone: `next` answers STOP, nobody waits for it,
/// no clone is made onto it or of it, and it is never the best. A clone that was to be made of it gets
/// another source. A report on its ticket changes nothing.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
/// - Returns: `HPM_OK`, `HPM_ERROR_ORDER` (it is retired already), `HPM_ERROR_ARGUMENT`,
///   `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(population); where it was the last that a round waited for, that of the last report.
/// - Since: 0.1
@_cdecl("hpm_student_retire")
public func hpm_student_retire(_ population: hpm_population?, _ student: UInt) -> hpm_status {
    change(population, "hpm_student_retire") { (population) throws(HPMError) in
        .one(.retire(student: try population.index(student)))
    }
}

/// Adds students; they are numbered from the present size on. With the synchronous schedule drawn ones
/// join the present round of training, or wait for the next one, and clones are made when the present
/// round of training ends; before any finite loss clones are drawn, too.
///
/// - Parameters:
///   - population: The population.
///   - count: How many, 1 or more.
///   - origin: Where they come from.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (also clones where the algorithm makes none),
///   `HPM_ERROR_MEMORY`, `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(population x dimension).
/// - Since: 0.1
@_cdecl("hpm_population_grow")
public func hpm_population_grow(
    _ population: hpm_population?, _ count: UInt, _ origin: hpm_origin
) -> hpm_status {
    change(population, "hpm_population_grow") { (population) throws(HPMError) in
        guard let from = Input.Origin(rawValue: origin) else {
            throw HPMError(
                .argument, "origin is \(origin); allowed: HPM_ORIGIN_DRAWN (0), HPM_ORIGIN_CLONE (1)")
        }
        return .one(.grow(count: try integer(count, "count"), from))
    }
}

/// Prolongs a run: raises the option `steps`, also of a population that has ended, and of a loaded one.
/// With the synchronous schedule the run is then the same, to the bit, as if it had had them from the
/// start with the same `interval`, whose default depends on `steps` and stays what it was; but for a
/// cool-down, which begins anew: learning rates that were taken down go back up, also those of tasks that are out.
///
/// - Parameters:
///   - population: The population.
///   - steps: At least those that it has; 0: no end.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (fewer steps), `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`.
/// - Thread safety: Any thread.
/// - Complexity: O(1); of a population that has ended that of the last report of a round.
/// - Since: 0.1
@_cdecl("hpm_population_set_steps")
public func hpm_population_set_steps(_ population: hpm_population?, _ steps: UInt) -> hpm_status {
    change(population, "hpm_population_set_steps") { (population) throws(HPMError) in
        .one(.steps(try integer(steps, "steps")))
    }
}
