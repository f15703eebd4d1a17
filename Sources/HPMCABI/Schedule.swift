import HPM
import HPMStore

/// The hyperparameters that trained a student's weights, report by report: a schedule.
public typealias hpm_schedule = OpaquePointer

extension HyperparameterSchedule: HandleValue {
    static var tag: UInt { 7 }
    static var typeName: String { "hpm_schedule" }
    static var argument: String { "schedule" }
}

/// The schedule that trained the weights that a student holds now, followed through its clones to the beginning: what is
/// replayed to train one model without a population.
///
///     hpm_schedule_export(population, best, &schedule);
///     hpm_schedule_length(schedule, &steps);
///     for (size_t step = 0; step < steps; step++) {
///         hpm_schedule_at(schedule, step, h, n, NULL, NULL, NULL);
///         train(model, h);
///     }
///
/// - Parameters:
///   - population: One of ``hpm_run_open``: others keep no history.
///   - student: Which student, from 0; as that of ``hpm_population_best``.
///   - out: Receives the schedule.
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` (no training report has gone into its weights yet),
///   `HPM_ERROR_UNSUPPORTED` (the run is in no file), `HPM_ERROR_ARGUMENT`, `HPM_ERROR_STORAGE`,
///   `HPM_ERROR_MEMORY`, `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside its log or observers.
/// - Ownership: The caller's, until ``hpm_schedule_destroy``.
/// - Thread safety: Any thread; calls of others that change the population wait until it has ended.
/// - Complexity: That of the calls of the whole run, from whose inputs it is made again; O(steps x dimension) memory.
/// - Since: 0.1
@_cdecl("hpm_schedule_export")
public func hpm_schedule_export(
    _ population: hpm_population?, _ student: UInt, _ out: UnsafeMutablePointer<hpm_schedule?>?
) -> hpm_status {
    withStore(population, "hpm_schedule_export") { (store, population) throws(HPMError) in
        let out = try require(out, "out")
        let student = try population.index(student)
        out.pointee = try Handles.insert(try store.schedule(of: student, in: population))
    }
}

/// Destroys a schedule.
///
/// - Parameter schedule: The schedule; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where it is no living schedule.
/// - Thread safety: Any thread; a call that is under way on the handle ends unharmed.
/// - Complexity: O(steps x dimension).
/// - Since: 0.1
@_cdecl("hpm_schedule_destroy")
public func hpm_schedule_destroy(_ schedule: hpm_schedule?) -> hpm_status {
    destroy(schedule, HyperparameterSchedule.self)
}

/// The number of steps: of training intervals.
///
/// - Parameters:
///   - schedule: The schedule.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_schedule_length")
public func hpm_schedule_length(
    _ schedule: hpm_schedule?, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(schedule, HyperparameterSchedule.self) { (schedule) throws(HPMError) in
        try require(out, "out").pointee = UInt(schedule.count)
    }
}

/// A copy of the space whose hyperparameters the schedule has: names, bounds, labels.
///
/// - Parameters:
///   - schedule: The schedule.
///   - out: Receives the space.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Ownership: The space is the caller's, until ``hpm_space_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_schedule_space")
public func hpm_schedule_space(
    _ schedule: hpm_schedule?, _ out: UnsafeMutablePointer<hpm_space?>?
) -> hpm_status {
    edit(schedule, HyperparameterSchedule.self) { (schedule) throws(HPMError) in
        try require(out, "out").pointee = try Handles.insert(schedule.space)
    }
}

/// One step of a schedule.
///
/// - Parameters:
///   - schedule: The schedule.
///   - step: From 0, below its length.
///   - hyperparameters: Array of `n` that receives the values in natural units, as the student trained with them.
///   - n: At least the space's dimension.
///   - student: Receives whose training report it was. May be NULL.
///   - report: Receives which of that student's training reports it was, from 1. May be NULL.
///   - loss: Receives the loss as it was reported. May be NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension).
/// - Since: 0.1
@_cdecl("hpm_schedule_at")
public func hpm_schedule_at(
    _ schedule: hpm_schedule?, _ step: UInt, _ hyperparameters: UnsafeMutablePointer<Double>?, _ n: UInt,
    _ student: UnsafeMutablePointer<UInt>?, _ report: UnsafeMutablePointer<UInt>?,
    _ loss: UnsafeMutablePointer<Double>?
) -> hpm_status {
    edit(schedule, HyperparameterSchedule.self) { (schedule) throws(HPMError) in
        let hyperparameters = try require(hyperparameters, "hyperparameters")
        let dimension = schedule.space.dimension
        guard n >= UInt(dimension) else {
            throw HPMError(.argument, "n is \(n); allowed: at least \(dimension), the space's dimension")
        }
        guard step < UInt(schedule.count) else {
            throw HPMError(
                .argument, "step is \(step); allowed: 0 to \(schedule.count - 1), the schedule's length less 1")
        }
        let found = schedule[Int(step)]
        found.hyperparameters.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { hyperparameters.update(from: base, count: source.count) }
        }
        student?.pointee = UInt(found.ancestor.student)
        report?.pointee = UInt(found.ancestor.report)
        loss?.pointee = found.loss
    }
}

/// Writes a schedule, with its space, as bytes: to be kept beside the model that it trained.
///
/// - Parameters:
///   - schedule: The schedule.
///   - bytes: Array of `capacity` that receives it. NULL: the size alone.
///   - capacity: Its size in bytes; 0 where `bytes` is NULL.
///   - needed: Receives the size of the schedule in bytes.
/// - Returns: `HPM_OK`, `HPM_ERROR_CAPACITY` (nothing was written but `needed`), `HPM_ERROR_ARGUMENT` or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(steps x dimension).
/// - Since: 0.1
@_cdecl("hpm_schedule_save")
public func hpm_schedule_save(
    _ schedule: hpm_schedule?, _ bytes: UnsafeMutablePointer<UInt8>?, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(schedule, HyperparameterSchedule.self) { (schedule) throws(HPMError) in
        try copy(schedule.encoded(), to: bytes, "bytes", capacity, try require(needed, "needed"))
    }
}

/// Makes a schedule from bytes.
///
/// - Parameters:
///   - bytes: Array of `length` bytes that ``hpm_schedule_save`` wrote.
///   - length: Its size in bytes.
///   - out: Receives the schedule.
/// - Returns: `HPM_OK`, `HPM_ERROR_SNAPSHOT` (no schedule, or a damaged or truncated one), `HPM_ERROR_MEMORY`
///   or `HPM_ERROR_ARGUMENT`.
/// - Ownership: The caller's, until ``hpm_schedule_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(length).
/// - Since: 0.1
@_cdecl("hpm_schedule_load")
public func hpm_schedule_load(
    _ bytes: UnsafePointer<UInt8>?, _ length: UInt, _ out: UnsafeMutablePointer<hpm_schedule?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let bytes = try require(bytes, "bytes")
        let length = try integer(length, "length")
        let out = try require(out, "out")
        out.pointee = try Handles.insert(
            try HyperparameterSchedule(encoded: UnsafeBufferPointer(start: bytes, count: length)))
    }
}
