import HPM

/// A kind of event: one bit, so that kinds can be asked for together.
public typealias hpm_event_kind = Int32
/// A student reported on training: `loss` and its costs.
public let HPM_EVENT_TRAINED: hpm_event_kind = 1
/// A hyper-step moved a student: `part`, and what changed.
public let HPM_EVENT_MOVED: hpm_event_kind = 2
/// A student is to become a clone of `source` with the hyperparameters of `parent`; `rank` and
/// `source_rank` are their places at the exploit, from 0, the best.
public let HPM_EVENT_CLONED: hpm_event_kind = 4
/// A clone was mutated: `part`, and what changed.
public let HPM_EVENT_MUTATED: hpm_event_kind = 8
/// A copy of `source` was evaluated by `student`: `loss` and its costs.
public let HPM_EVENT_EVALUATED: hpm_event_kind = 16
/// A teacher or a policy (`part`) learned from an evaluation or a report of `student`.
public let HPM_EVENT_TAUGHT: hpm_event_kind = 32
/// A student begins a new trial.
public let HPM_EVENT_RESTARTED: hpm_event_kind = 64
/// A student has made all its reports, or the population was asked to stop (an event for each student).
public let HPM_EVENT_STOPPED: hpm_event_kind = 128
/// All kinds.
public let HPM_EVENT_ALL: hpm_event_kind = 255

/// Something that happened in a population. Pointers are valid during the call that hands it over.
public struct hpm_event {
    /// sizeof(hpm_event) of the library, which may have more members than your header.
    public var size: UInt
    /// One of the kinds.
    public var kind: hpm_event_kind
    /// Whom it happened to.
    public var student: UInt
    /// The training reports that the student had made.
    public var report: UInt
    /// Of CLONED and EVALUATED whose weights are copied, else the student itself.
    public var source: UInt
    /// Of CLONED whose hyperparameters are taken, else the student itself.
    public var parent: UInt
    /// Of CLONED, else 0.
    public var rank: UInt
    /// Of CLONED, else 0.
    public var source_rank: UInt
    /// As it was reported, of TRAINED and EVALUATED, else NaN.
    public var loss: Double
    /// Of TRAINED and EVALUATED, in the units of ``hpm_student_report_cost``, else 0.
    public var training_cost: Double
    /// Likewise.
    public var hypergradient_cost: Double
    /// Of MOVED, MUTATED and TAUGHT which part of the algorithm did it, else NULL.
    public var part: UnsafePointer<CChar>?
    /// How many hyperparameters changed, of MOVED and MUTATED, else 0.
    public var count: UInt
    /// Array of `count`: which, ascending. NULL where `count` is 0.
    public var indices: UnsafePointer<UInt>?
    /// Array of `count`: what they were, in natural units. NULL where `count` is 0.
    public var from: UnsafePointer<Double>?
    /// Array of `count`: what they are. NULL where `count` is 0.
    public var to: UnsafePointer<Double>?
}
public typealias hpm_event_pointer = UnsafeRawPointer

/// Sees an event.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_observe``.
///   - event: A `hpm_event`; valid during the call.
/// - Returns: 0; anything else: the call that caused the event returns `HPM_OBSERVER`, though it
///   succeeded, and this observer sees no more of its events. ``hpm_population_run`` ends with
///   `HPM_ERROR_CALLBACK`.
public typealias hpm_observer_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ event: hpm_event_pointer?
) -> Int32

/// Takes inputs of a population, to be replayed.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_log``.
///   - bytes: Array of `length` bytes: one or more whole inputs; valid during the call.
///   - length: Its size in bytes.
/// - Returns: 0; anything else refuses the call that brought them with `HPM_ERROR_CALLBACK`, and
///   nothing has changed.
public typealias hpm_log_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<UInt8>?, _ length: UInt
) -> Int32

/// Calls `callback` for each event of some kinds from now on, in order, after the change and before the
/// call that caused it returns. A population may have any number of observers; what nobody asks for is
/// not computed.
///
/// No lock is held during a callback: it may read the population and ask it to stop. What else changes it
/// is `HPM_ERROR_BUSY` inside a callback, and waits in other threads until the callback has returned.
///
/// - Parameters:
///   - population: The population.
///   - kinds: `HPM_EVENT_ALL`, or a sum of kinds.
///   - callback: The observer.
///   - context: Handed to it as it is; never looked at. May be NULL. It has to outlive the population,
///     or ``hpm_population_unobserve``.
///   - observer: Receives a number for ``hpm_population_unobserve``. May be NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1); a MOVED or MUTATED event O(dimension).
/// - Since: 0.1
@_cdecl("hpm_population_observe")
public func hpm_population_observe(
    _ population: hpm_population?, _ kinds: UInt32, _ callback: hpm_observer_callback?,
    _ context: UnsafeMutableRawPointer?, _ observer: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        guard let callback else {
            throw HPMError(.argument, "callback is NULL; allowed: a function")
        }
        guard kinds >= 1, kinds <= UInt32(HPM_EVENT_ALL) else {
            throw HPMError(
                .argument, "kinds is \(kinds); allowed: a sum of HPM_EVENT_ kinds, 1 to \(HPM_EVENT_ALL)")
        }
        let number = driven.listeners.add(Event.Kinds(rawValue: kinds), callback, context)
        driven.keepEvents()
        observer?.pointee = number
    }
}

/// Ends an observer.
///
/// - Parameters:
///   - population: The population.
///   - observer: What ``hpm_population_observe`` gave.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (no such observer) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread, also inside a callback; one that is under way in another thread may still
///   see its event.
/// - Complexity: O(observers).
/// - Since: 0.1
@_cdecl("hpm_population_unobserve")
public func hpm_population_unobserve(
    _ population: hpm_population?, _ observer: UInt
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        try driven.listeners.remove(observer)
        driven.keepEvents()
    }
}

/// Hands every input of the population to `callback` as bytes, before it is applied: tasks that begin,
/// reports, costs, start values, releases, students that leave or join, the stop. A population is a
/// function of its space, its options and these inputs in order: ``hpm_population_replay`` makes it
/// again to the bit, an asynchronous one, too.
///
/// Each input is versioned, says its own length and has a checksum, so inputs can be written one after
/// the other into a file; one that a crash cut short is recognised. Before the first stands a checksum of
/// space, options and of how far the run is, in the same form and the same call.
///
/// - Parameters:
///   - population: The population; a log that begins with its creation is whole.
///   - callback: The log; NULL ends it.
///   - context: Handed to it as it is; never looked at. May be NULL. It has to outlive the population, or
///     the end of the log.
/// - Returns: `HPM_OK` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread. Inside the callback what changes the population is `HPM_ERROR_BUSY`. An
///   input that is under way in another thread may still reach a log that ended.
/// - Complexity: O(1); an input O(dimension).
/// - Since: 0.1
@_cdecl("hpm_population_log")
public func hpm_population_log(
    _ population: hpm_population?, _ callback: hpm_log_callback?, _ context: UnsafeMutableRawPointer?
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        driven.listeners.setLog(callback, context)
    }
}

/// Applies the inputs of a log, in order, to a population that was made from the same space and options,
/// or that stands where the log begins. They are not logged again; observers see their events.
///
/// - Parameters:
///   - population: The population.
///   - bytes: Array of `length` bytes: inputs as ``hpm_population_log`` gave them, one after the other.
///   - length: Its size in bytes.
///   - applied: Receives the number of bytes that were applied. May be NULL.
/// - Returns: `HPM_OK`; `HPM_PARTIAL` where the bytes end inside an input, as after a crash: all whole
///   ones were applied; `HPM_OBSERVER`; `HPM_ERROR_SNAPSHOT` for damaged bytes, `HPM_ERROR_ARGUMENT`
///   where the log does not begin where the population stands (it is of another space or other options,
///   such as the seed, or this one is ahead or behind), `HPM_ERROR_ORDER` for an input that cannot follow, or
///   where the population is one of ``hpm_run_open``: nothing has changed; `HPM_ERROR_BUSY` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: That of the calls that were logged.
/// - Since: 0.1
@_cdecl("hpm_population_replay")
public func hpm_population_replay(
    _ population: hpm_population?, _ bytes: UnsafePointer<UInt8>?, _ length: UInt,
    _ applied: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    outcome { () throws(HPMError) in
        let bytes = try require(bytes, "bytes")
        let length = try integer(length, "length")
        let object = try Handles.find(population, DrivenPopulation.self)
        return try object.takeTurn("hpm_population_replay") { () throws(HPMError) in
            var observers: [Listeners.Observer] = []
            var events: [Event] = []
            var whole = 0
            try object.state.withLock { (driven) throws(HPMError) in
                try driven.requireIdle("hpm_population_replay")
                if driven.store != nil {
                    throw HPMError(
                        .order, "the population's run is kept in a file, which has its own log; replay onto one that was created or loaded")
                }
                whole = try driven.population.replay(UnsafeBufferPointer(start: bytes, count: length))
                observers = driven.listeners.observers
                events = driven.population.takeEvents()
            }
            applied?.pointee = UInt(whole)
            let seen = object.see(events, observers)
            if whole < length {
                ThreadState.current.setError(
                    "the log ends inside an input: \(whole) of \(length) bytes were applied")
                return HPM_PARTIAL
            }
            return seen
        }
    }
}
