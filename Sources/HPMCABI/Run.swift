import HPM

/// Trains a student, or evaluates a copy of it: see `HPM_ACTION_TRAIN` and `HPM_ACTION_EVALUATE`.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_run``.
///   - student: Which student, from 0.
///   - hyperparameters: Array of `n` values in natural units, to train or evaluate with.
///   - n: The space's dimension.
///   - loss: Receives the validation loss.
///   - hypergradient: Array of `n` that receives the hypergradient in natural units; it holds NaN,
///     'no derivative', in every component.
///   - has_hypergradient: Holds 0; set it to 1 where `hypergradient` was written.
/// - Returns: 0; anything else aborts the run.
public typealias hpm_train_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ student: UInt, _ hyperparameters: UnsafePointer<Double>?,
    _ n: UInt, _ loss: UnsafeMutablePointer<Double>?, _ hypergradient: UnsafeMutablePointer<Double>?,
    _ has_hypergradient: UnsafeMutablePointer<Int32>?
) -> Int32

/// Copies weights and optimizer state of `source` into `student`: see `HPM_ACTION_CLONE`.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_run``.
///   - source: The student to copy.
///   - student: The student that becomes its clone.
/// - Returns: 0; anything else aborts the run.
public typealias hpm_clone_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ source: UInt, _ student: UInt
) -> Int32

/// Initialises a student's weights anew: see `HPM_ACTION_RESTART`.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_run``.
///   - student: Which student, from 0.
/// - Returns: 0; anything else aborts the run.
public typealias hpm_restart_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ student: UInt
) -> Int32

/// The callbacks with which ``hpm_population_run`` drives your trainer.
public struct hpm_trainer {
    /// sizeof(hpm_trainer): tells the library which members your program knows.
    public var size: UInt
    /// Trains a student.
    public var train: hpm_train_callback?
    /// Evaluates a copy of a student; NULL where the algorithm has no teacher that asks for it.
    public var evaluate: hpm_train_callback?
    /// Copies a student; NULL where the algorithm never clones (`random`, `bayesian`,
    /// `hypergradient`, `memetic`).
    public var clone: hpm_clone_callback?
    /// Restarts a student; NULL where the algorithm starts no trials (all but `random` and
    /// `bayesian`).
    public var restart: hpm_restart_callback?
}
public typealias hpm_trainer_pointer = UnsafeRawPointer

/// Drives the population to its end by callbacks: `next` and `report` for one student after the
/// other, in the calling thread.
///
/// While it runs, `next`, `report`, `release`, `retire`, `grow`, `set_steps`, `replay`, `run` and
/// `destroy` on this population are `HPM_ERROR_BUSY` in every thread; everything else is allowed, also
/// inside callbacks of the trainer. No lock is held during one.
///
/// A callback that returns non-zero, a log and an observer among them, ends the run with
/// `HPM_ERROR_CALLBACK`, and ``hpm_last_callback_status`` is what it returned. The task of a trainer's
/// callback, or one whose report a log refused, stays out, so a second run begins with it again.
///
/// - Parameters:
///   - population: The population. With `steps` = 0 the run lasts until ``hpm_population_stop``.
///   - trainer: The callbacks; copied.
///   - context: Handed to every callback as it is; never looked at. May be NULL.
/// - Returns: `HPM_OK` when all students are done, `HPM_STOPPED` after ``hpm_population_stop``,
///   `HPM_ERROR_CALLBACK`, `HPM_ERROR_ARGUMENT` (a callback that the algorithm needs is NULL: known
///   before anything runs), `HPM_ERROR_HANDLE` or `HPM_ERROR_BUSY`; with ``hpm_student_set_problem``
///   also what ``hpm_problem_hypergradient`` can answer.
/// - Thread safety: Any thread.
/// - Complexity: That of `next` and `report`, beside your callbacks.
/// - Since: 0.1
@_cdecl("hpm_population_run")
public func hpm_population_run(
    _ population: hpm_population?, _ trainer: hpm_trainer_pointer?,
    _ context: UnsafeMutableRawPointer?
) -> hpm_status {
    var stopped = false
    let status = attempt { () throws(HPMError) in
        let object = try Handles.find(population, DrivenPopulation.self)
        let trainer = try Trainer(try require(trainer, "trainer"), context: context)
        stopped = try object.run(trainer)
    }
    return status == HPM_OK && stopped ? HPM_STOPPED : status
}
