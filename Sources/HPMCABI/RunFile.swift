import HPM
import HPMStore

/// Which failures of the host an answered report survives.
public typealias hpm_durability = Int32
/// None: a crash of the process may lose the latest reports, one of the machine may damage the file.
public let HPM_DURABILITY_NONE: hpm_durability = 0
/// A crash of the process; one of the machine may lose the latest reports. The default.
public let HPM_DURABILITY_PROCESS: hpm_durability = 1
/// A crash of the machine: each report waits for the disk.
public let HPM_DURABILITY_POWER: hpm_durability = 2

/// What of a run may be other than its file has it: kinds are added up.
public typealias hpm_override = Int32
/// Nothing.
public let HPM_OVERRIDE_NONE: hpm_override = 0
/// More `steps`, or 0, no end: as ``hpm_population_set_steps``.
public let HPM_OVERRIDE_STEPS: hpm_override = 1
/// Another `population`: more students, which are drawn, as by ``hpm_population_grow``, or fewer: the worst are
/// retired, as by ``hpm_student_retire``.
public let HPM_OVERRIDE_POPULATION: hpm_override = 2
/// Other bounds of hyperparameters, in which every student's values lie: they stay what they are, and move between
/// the new bounds. Not under `random`, `bayesian`, `pb2` and `memetic`, nor while clones are to be made.
public let HPM_OVERRIDE_BOUNDS: hpm_override = 4

/// Opens the run that a file holds, or begins one where there is no such file: a population whose run survives
/// the process. Each input (a task that begins, a report, a stop, ...) is one transaction of the file before the call
/// that brings it returns, together with what became of it; a population that is opened anew goes on bit for bit
/// where it was, and asks again for the tasks that were out. The file is an SQLite database, which other programs may read
/// at any time: docs/runs.md has its tables. Beside it there are NAME-writer, which says who writes it, and, while it is open
/// or after a crash, NAME-wal and NAME-shm, which belong to it.
///
/// A failure of the disk refuses the call that met it with `HPM_ERROR_STORAGE`; the population is what it was
/// before, and the call may be made again.
///
/// - Parameters:
///   - path: The file's name, UTF-8; its folder has to exist. ":memory:": a run in no file, which ends with the
///     population.
///   - space: That of the run; copied. NULL: that of the file, which then has to be there.
///   - options: Those that were set have to be those of the run; copied. NULL: those of the file, or the defaults.
///   - out: Receives the population.
/// - Returns: `HPM_OK`; `HPM_WARNING`, as ``hpm_population_create``, where a run begins; `HPM_ERROR_ARGUMENT` (the file is of
///   another space or other options: the sentence names the difference; what ``hpm_population_create`` refuses),
///   `HPM_ERROR_STORAGE` (another process has it, which the sentence names; it is no run's file, damaged, or of a newer version; the folder
///   can't be written), `HPM_ERROR_MEMORY` or `HPM_ERROR_HANDLE`.
/// - Ownership: The caller's, until ``hpm_population_destroy``, which closes the file. A child of fork can't use it: its
///   calls are `HPM_ERROR_STORAGE`.
/// - Thread safety: Any thread. A file is open in one population of one process at a time.
/// - Complexity: O(population x dimension + what was reported since the latest snapshot in the file, at most a megabyte
///   or eight snapshots).
/// - Since: 0.1
@_cdecl("hpm_run_open")
public func hpm_run_open(
    _ path: UnsafePointer<CChar>?, _ space: hpm_space?, _ options: hpm_options?,
    _ out: UnsafeMutablePointer<hpm_population?>?
) -> hpm_status {
    hpm_run_open_overriding(path, space, options, HPM_OVERRIDE_NONE, out)
}

/// As ``hpm_run_open``, where some options may be other than those of the file: the run is changed accordingly, and has
/// the new ones from then on.
///
/// - Parameters:
///   - path: As there.
///   - space: As there. NULL: that of the file.
///   - options: As there, but for those of `overrides`. NULL: those of the file, or the defaults.
///   - overrides: A sum of `HPM_OVERRIDE_` kinds: what may be other.
///   - out: Receives the population.
/// - Returns: As ``hpm_run_open``; `HPM_ERROR_ARGUMENT` for a change that is not possible, such as fewer steps.
/// - Ownership: The caller's, until ``hpm_population_destroy``, which closes the file.
/// - Thread safety: Any thread. A file is open in one population of one process at a time.
/// - Complexity: As ``hpm_run_open``.
/// - Since: 0.1
@_cdecl("hpm_run_open_overriding")
public func hpm_run_open_overriding(
    _ path: UnsafePointer<CChar>?, _ space: hpm_space?, _ options: hpm_options?, _ overrides: hpm_override,
    _ out: UnsafeMutablePointer<hpm_population?>?
) -> hpm_status {
    var warnings: [String] = []
    let status = attempt { () throws(HPMError) in
        let path = try string(path, "path")
        let out = try require(out, "out")
        let allowed = RunStore.Overrides.all.rawValue
        guard overrides & ~allowed == 0 else {
            throw HPMError(
                .argument, "overrides is \(overrides); allowed: a sum of HPM_OVERRIDE_ kinds, 0 to \(allowed)")
        }
        DescriptorLocks.useForSQLite()
        var given: SearchSpace?
        if space != nil { given = try Handles.find(space, SearchSpace.self).state.withLock { $0 } }
        let (store, population) = try RunStore.open(
            path, space: given, options: try optionsOrDefaults(options),
            overrides: RunStore.Overrides(rawValue: overrides), library: "\(HPM_VERSION)")
        warnings = population.warnings
        out.pointee = try Handles.insert(DrivenPopulation(population, in: store))
    }
    guard status == HPM_OK, !warnings.isEmpty else { return status }
    ThreadState.current.setError(warnings.joined(separator: "; "))
    return HPM_WARNING
}

/// Says which failures of the host the reports of a run survive from now on.
///
/// - Parameters:
///   - population: One of ``hpm_run_open``.
///   - durability: `HPM_DURABILITY_PROCESS` until it is set, each time the run is opened.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_UNSUPPORTED` (the run is in no file),
///   `HPM_ERROR_STORAGE`, `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside its log or observers.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_run_set_durability")
public func hpm_run_set_durability(
    _ population: hpm_population?, _ durability: hpm_durability
) -> hpm_status {
    withStore(population, "hpm_run_set_durability") { (store, _) throws(HPMError) in
        guard let durability = RunStore.Durability(rawValue: durability) else {
            throw HPMError(
                .argument,
                "durability is \(durability); allowed: HPM_DURABILITY_NONE (0), HPM_DURABILITY_PROCESS (1), HPM_DURABILITY_POWER (2)")
        }
        try store.set(durability)
    }
}

/// Stores a number of your own beside the reports of a student, such as an accuracy, for those who look at the run. It is no
/// part of the population's state.
///
/// - Parameters:
///   - population: One of ``hpm_run_open``.
///   - student: Which student, from 0.
///   - name: UTF-8, not empty; copied.
///   - value: Any number; NaN is stored as NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_UNSUPPORTED` (the run is in no file),
///   `HPM_ERROR_STORAGE`, `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside its log or observers.
/// - Thread safety: Any thread, also inside the callbacks of ``hpm_population_run``: it then belongs to the report
///   that the student is at work on.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_run_log_metric")
public func hpm_run_log_metric(
    _ population: hpm_population?, _ student: UInt, _ name: UnsafePointer<CChar>?, _ value: Double
) -> hpm_status {
    withStore(population, "hpm_run_log_metric") { (store, population) throws(HPMError) in
        let student = try population.index(student)
        let name = try string(name, "name")
        guard !name.isEmpty else { throw HPMError(.argument, "name is empty; allowed: any other text") }
        try store.logMetric(
            student: student, report: population.reportUnderWay(of: student), name: name, value: value)
    }
}

/// Sees a training report of a run.
///
/// - Parameters:
///   - context: What was handed to ``hpm_run_reports``.
///   - student: Which student, from 0.
///   - number: Which of the student's training reports it was, from 1.
///   - loss: As it was reported.
///   - hyperparameters: Array of `n` values in natural units, as the student trained with them; valid during the call.
///   - n: The space's dimension.
/// - Returns: 0; anything else ends the call, which returns `HPM_ERROR_CALLBACK`.
public typealias hpm_report_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ student: UInt, _ number: UInt, _ loss: Double,
    _ hyperparameters: UnsafePointer<Double>?, _ n: UInt
) -> Int32

/// Calls `callback` with each training report of a run, of earlier sessions, too, in the order in which they came.
///
/// - Parameters:
///   - population: One of ``hpm_run_open``.
///   - callback: Sees the reports. It may read the population, not change it.
///   - context: Handed to it as it is; never looked at. May be NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_UNSUPPORTED` (the run is in no file),
///   `HPM_ERROR_CALLBACK`, `HPM_ERROR_STORAGE`, `HPM_ERROR_HANDLE`, or `HPM_ERROR_BUSY` inside its log or observers.
/// - Thread safety: Any thread; calls of others that change the population wait until it has ended.
/// - Complexity: That of the calls of the whole run, from whose inputs it is made again.
/// - Since: 0.1
@_cdecl("hpm_run_reports")
public func hpm_run_reports(
    _ population: hpm_population?, _ callback: hpm_report_callback?, _ context: UnsafeMutableRawPointer?
) -> hpm_status {
    withStore(population, "hpm_run_reports") { (store, _) throws(HPMError) in
        guard let callback else { throw HPMError(.argument, "callback is NULL; allowed: a function") }
        var result: Int32 = 0
        try store.forEachReport { report in
            result = report.hyperparameters.withUnsafeBufferPointer {
                callback(
                    context, UInt(report.student), UInt(report.number), report.loss, $0.baseAddress, UInt($0.count))
            }
            return result == 0
        }
        if result != 0 {
            ThreadState.current.callbackStatus = result
            throw HPMError(.callback, "the callback returned \(result); 0 goes on")
        }
    }
}

/// Works on the file of a population's run, alone, with no lock held on the population.
func withStore(
    _ population: hpm_population?, _ function: StaticString,
    _ body: (RunStore, Population) throws(HPMError) -> Void
) -> hpm_status {
    attempt { () throws(HPMError) in
        let object = try Handles.find(population, DrivenPopulation.self)
        try object.takeTurn(function) { () throws(HPMError) in
            let (store, population) = try object.state.withLock { (driven) throws(HPMError) in
                (try driven.requireStore(), driven.population)
            }
            try body(store, population)
        }
    }
}
