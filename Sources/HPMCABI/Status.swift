import HPM

/// The outcome of a call. Numbers are pinned: new ones are appended, none is reused.
public typealias hpm_status = Int32
/// Success.
public let HPM_OK: hpm_status = 0
/// ``hpm_population_run`` ended because ``hpm_population_stop`` was called.
public let HPM_STOPPED: hpm_status = 1
/// ``hpm_teacher_learn``: the gradient held no finite component other than 0; nothing was learned.
public let HPM_UNCHANGED: hpm_status = 2
/// ``hpm_problem_hypergradient``: there is no estimate; the certificate and ``hpm_last_error`` say why.
public let HPM_FAILED_ESTIMATE: hpm_status = 3
/// ``hpm_problem_check``: a callback is wrong, or two contradict each other.
public let HPM_WRONG_DERIVATIVE: hpm_status = 4
/// The call succeeded; ``hpm_last_error`` says what the caller may not expect.
public let HPM_WARNING: hpm_status = 5
/// ``hpm_student_report_ticket``: the ticket was answered before or is superseded; nothing has changed.
public let HPM_STALE: hpm_status = 6
/// ``hpm_population_replay``: the bytes end inside an input; all whole ones were applied.
public let HPM_PARTIAL: hpm_status = 7
/// The call succeeded, but an observer returned non-zero: ``hpm_last_callback_status`` is what it returned.
public let HPM_OBSERVER: hpm_status = 8
/// An argument has a value that is not allowed.
public let HPM_ERROR_ARGUMENT: hpm_status = -1
/// A handle is NULL, destroyed, of another type, or was never made by this library.
public let HPM_ERROR_HANDLE: hpm_status = -2
/// The object does not fit into memory; nothing was allocated.
public let HPM_ERROR_MEMORY: hpm_status = -3
/// The call is out of order, such as a report before its `next`.
public let HPM_ERROR_ORDER: hpm_status = -4
/// The population is inside ``hpm_population_run``, which drives it alone, or the call comes from its own log or
/// observer.
public let HPM_ERROR_BUSY: hpm_status = -5
/// A callback returned non-zero: ``hpm_last_callback_status`` is what it returned.
public let HPM_ERROR_CALLBACK: hpm_status = -6
/// There is nothing to return yet: no student has a finite loss.
public let HPM_ERROR_NO_RESULT: hpm_status = -7
/// Bytes that are no snapshot, a damaged or truncated one, or one of an unknown version.
public let HPM_ERROR_SNAPSHOT: hpm_status = -8
/// The caller's buffer is too small; the size that is needed was written.
public let HPM_ERROR_CAPACITY: hpm_status = -9
/// The algorithm, or this version of the library, can't do this.
public let HPM_ERROR_UNSUPPORTED: hpm_status = -10
/// A run's file can't be read or written: the disk is full, another process has it, it is damaged or no run's.
public let HPM_ERROR_STORAGE: hpm_status = -11

/// The name of a status, such as "HPM_ERROR_ARGUMENT".
///
/// - Parameter status: Any number.
/// - Returns: A NUL-terminated string that is never freed; "HPM_UNKNOWN" for a number that is none.
/// - Thread safety: Any thread.
/// - Since: 0.1
@_cdecl("hpm_status_name")
public func hpm_status_name(_ status: hpm_status) -> UnsafePointer<CChar>? {
    let name: StaticString =
        switch status {
        case HPM_OK: "HPM_OK"
        case HPM_STOPPED: "HPM_STOPPED"
        case HPM_UNCHANGED: "HPM_UNCHANGED"
        case HPM_FAILED_ESTIMATE: "HPM_FAILED_ESTIMATE"
        case HPM_WRONG_DERIVATIVE: "HPM_WRONG_DERIVATIVE"
        case HPM_WARNING: "HPM_WARNING"
        case HPM_STALE: "HPM_STALE"
        case HPM_PARTIAL: "HPM_PARTIAL"
        case HPM_OBSERVER: "HPM_OBSERVER"
        case HPM_ERROR_ARGUMENT: "HPM_ERROR_ARGUMENT"
        case HPM_ERROR_HANDLE: "HPM_ERROR_HANDLE"
        case HPM_ERROR_MEMORY: "HPM_ERROR_MEMORY"
        case HPM_ERROR_ORDER: "HPM_ERROR_ORDER"
        case HPM_ERROR_BUSY: "HPM_ERROR_BUSY"
        case HPM_ERROR_CALLBACK: "HPM_ERROR_CALLBACK"
        case HPM_ERROR_NO_RESULT: "HPM_ERROR_NO_RESULT"
        case HPM_ERROR_SNAPSHOT: "HPM_ERROR_SNAPSHOT"
        case HPM_ERROR_CAPACITY: "HPM_ERROR_CAPACITY"
        case HPM_ERROR_UNSUPPORTED: "HPM_ERROR_UNSUPPORTED"
        case HPM_ERROR_STORAGE: "HPM_ERROR_STORAGE"
        default: "HPM_UNKNOWN"
        }
    return constantCString(name)
}

/// The sentence of the last call that failed on this thread: it names the argument, the value that
/// was passed and what is allowed. A success leaves it as it is, unless its status says that the
/// sentence is about it, as `HPM_WARNING` does.
///
/// - Returns: A NUL-terminated UTF-8 string, empty if no call failed on this thread. It belongs to
///   the library and stays valid until the next failure on this thread or the thread's end.
/// - Thread safety: Each thread has its own.
/// - Since: 0.1
@_cdecl("hpm_last_error")
public func hpm_last_error() -> UnsafePointer<CChar>? {
    ThreadState.current.message.pointer
}

/// What the callback returned that ended the last call of this thread with `HPM_ERROR_CALLBACK`
/// (``hpm_population_run``, ``hpm_population_blend``, ``hpm_problem_hypergradient``, ``hpm_problem_check``, and
/// what a log refuses), or that made it `HPM_OBSERVER`: of several observers the first.
///
/// - Returns: The callback's non-zero result as it was; 0 if no callback failed on this thread.
/// - Thread safety: Each thread has its own.
/// - Since: 0.1
@_cdecl("hpm_last_callback_status")
public func hpm_last_callback_status() -> Int32 {
    ThreadState.current.callbackStatus
}
