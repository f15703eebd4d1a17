import HPM
import HPMStore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Those who listen to a population: a log of its inputs, and observers of its events.
struct Listeners: @unchecked Sendable {
    struct Log {
        let number: UInt
        let callback: hpm_log_callback
        let context: UnsafeMutableRawPointer?
        /// Whether what stands before its inputs was written.
        var isBegun = false
    }

    struct Observer {
        let number: UInt
        let kinds: Event.Kinds
        let callback: hpm_observer_callback
        let context: UnsafeMutableRawPointer?
    }

    private(set) var log: Log?
    private(set) var observers: [Observer] = []
    private var lastNumber: UInt = 0

    var isEmpty: Bool { log == nil && observers.isEmpty }
    func contains(_ number: UInt) -> Bool { observers.contains { $0.number == number } }
    /// What any of the observers asks for.
    var kinds: Event.Kinds { observers.reduce(into: []) { $0.formUnion($1.kinds) } }

    /// - Parameter callback: nil: none.
    mutating func setLog(_ callback: hpm_log_callback?, _ context: UnsafeMutableRawPointer?) {
        lastNumber += 1
        let number = lastNumber
        log = callback.map { Log(number: number, callback: $0, context: context) }
    }

    mutating func noteBegun(_ number: UInt) {
        if log?.number == number { log?.isBegun = true }
    }

    mutating func add(
        _ kinds: Event.Kinds, _ callback: @escaping hpm_observer_callback,
        _ context: UnsafeMutableRawPointer?
    ) -> UInt {
        lastNumber += 1
        observers.append(
            Observer(number: lastNumber, kinds: kinds, callback: callback, context: context))
        return lastNumber
    }

    /// - Throws: `argument` for a number that is no observer's.
    mutating func remove(_ number: UInt) throws(HPMError) {
        guard let position = observers.firstIndex(where: { $0.number == number }) else {
            throw HPMError(
                .argument, "observer is \(number); allowed: what hpm_population_observe gave and was not taken back")
        }
        observers.remove(at: position)
    }
}

extension Listeners.Log {
    /// - Throws: `callback` where it returns non-zero: the inputs are refused.
    func write(_ bytes: [UInt8]) throws(HPMError) {
        if bytes.isEmpty { return }
        let result = bytes.withUnsafeBufferPointer {
            callback(context, $0.baseAddress, UInt($0.count))
        }
        if result != 0 {
            ThreadState.current.callbackStatus = result
            throw HPMError(
                .callback, "the log returned \(result), so the call is refused and nothing has changed; 0 accepts it")
        }
    }
}

extension Listeners.Observer {
    /// - Returns: What the callback returned.
    func see(_ event: Event) -> Int32 {
        let indices = event.changes.map { UInt($0.index) }
        let from = event.changes.map(\.from)
        let to = event.changes.map(\.to)
        return indices.withUnsafeBufferPointer { indices in
            from.withUnsafeBufferPointer { from in
                to.withUnsafeBufferPointer { to in
                    var seen = hpm_event(
                        size: UInt(MemoryLayout<hpm_event>.size),
                        kind: hpm_event_kind(truncatingIfNeeded: event.kind.rawValue),
                        student: UInt(event.student), report: UInt(event.report),
                        source: UInt(event.source), parent: UInt(event.parent), rank: UInt(event.rank),
                        source_rank: UInt(event.sourceRank), loss: event.loss,
                        training_cost: event.trainingCost,
                        hypergradient_cost: event.hypergradientCost,
                        part: event.part.map { constantCString($0) }, count: UInt(indices.count),
                        indices: indices.baseAddress, from: from.baseAddress, to: to.baseAddress)
                    return withUnsafePointer(to: &seen) { callback(context, UnsafeRawPointer($0)) }
                }
            }
        }
    }
}

/// Whose turn it is to change a population that is listened to: inputs are logged and events are seen in the order
/// in which they happen, so the calls of other threads wait until callbacks have returned. The population itself is
/// not locked meanwhile.
final class Turn: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_ERRORCHECK))
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Never waits, so it may be called with the population locked.
    func takeIfFree() -> Bool { pthread_mutex_trylock(mutex) == 0 }

    /// By the thread that took it.
    func giveBack() { pthread_mutex_unlock(mutex) }

    /// - Throws: `busy` where the caller's own callback is under way.
    func take<Result>(
        _ function: StaticString, _ body: () throws(HPMError) -> Result
    ) throws(HPMError) -> Result {
        guard pthread_mutex_lock(mutex) == 0 else {
            throw HPMError(
                .busy, "\(function) changes the population whose log or observer is calling; allowed: calls that read it")
        }
        defer { giveBack() }
        return try body()
    }
}

extension HandleObject<DrivenPopulation> {
    /// Applies the inputs of one call: they are checked, logged, applied, and their events are seen, with no lock held
    /// in callbacks. Where there is no log, no file, and nobody else has the turn, all but the last is done under one
    /// lock.
    ///
    /// - Parameter function: Refused while ``hpm_population_run`` drives the population; nil: it is not.
    @inline(__always)
    func change(
        _ function: StaticString?, _ inputs: (Population) throws(HPMError) -> Inputs,
        _ answer: (Population) -> Void
    ) throws(HPMError) -> hpm_status {
        let attempt = try state.withLock { (driven) throws(HPMError) -> Attempt in
            try driven.requireIdle(function)
            guard driven.listeners.log == nil, driven.store == nil, !driven.isTurnTaken else { return .turnIsNeeded }
            let isObserved = !driven.listeners.isEmpty
            guard !isObserved || driven.turn.takeIfFree() else { return .turnIsNeeded }
            var isTurnKept = false
            defer { if isObserved, !isTurnKept { driven.turn.giveBack() } }
            let inputs = try inputs(driven.population)
            try inputs.check(driven.population)
            driven.perform(inputs)
            answer(driven.population)
            guard isObserved else { return .done }
            let events = driven.population.takeEvents()
            if events.isEmpty { return .done }
            (isTurnKept, driven.isTurnTaken) = (true, true)
            return .happened(events, driven.listeners.observers)
        }
        switch attempt {
        case .done: return HPM_OK
        case .happened(let events, let observers): return seeInTurn(events, observers)
        case .turnIsNeeded:
            return try takeTurn(function ?? "this call") { () throws(HPMError) in
                try changeInTurn(function, inputs, answer)
            }
        }
    }

    /// What became of a change under one lock.
    enum Attempt {
        case done
        /// The turn is taken, for those who are to see what happened.
        case happened([Event], [Listeners.Observer])
        /// Nothing was changed.
        case turnIsNeeded
    }

    private func seeInTurn(_ events: [Event], _ observers: [Listeners.Observer]) -> hpm_status {
        let status = see(events, observers)
        let turn = state.withLock { driven in
            driven.isTurnTaken = false
            return driven.turn
        }
        turn.giveBack()
        stopIfAsked()
        return status
    }

    func stop() throws(HPMError) -> hpm_status {
        do throws(HPMError) {
            return try applyStop()
        } catch where error.code == .busy {
            state.withLock { if $0.pendingStop == .none { $0.pendingStop = .asked } }
            return HPM_OK
        }
    }

    private func stopIfAsked() {
        let isAsked = state.withLock { driven in
            guard driven.pendingStop == .asked else { return false }
            driven.pendingStop = .underWay
            return true
        }
        guard isAsked else { return }
        // A log that refuses it says so in its own callback.
        _ = try? applyStop()
        state.withLock { $0.pendingStop = .none }
    }

    private func applyStop() throws(HPMError) -> hpm_status {
        try change(nil, { _ in .one(.stop) }, { _ in })
    }

    /// - Throws: `busy` where the caller's own callback is under way; what `body` throws.
    func takeTurn<Result>(
        _ function: StaticString, _ body: () throws(HPMError) -> Result
    ) throws(HPMError) -> Result {
        let turn = state.withLock { $0.turn }
        let result = try turn.take(function) { () throws(HPMError) in
            state.withLock { $0.isTurnTaken = true }
            defer { state.withLock { $0.isTurnTaken = false } }
            return Swift.Result { () throws(HPMError) in try body() }
        }
        stopIfAsked()
        return try result.get()
    }

    private func changeInTurn(
        _ function: StaticString?, _ inputs: (Population) throws(HPMError) -> Inputs,
        _ answer: (Population) -> Void
    ) throws(HPMError) -> hpm_status {
        var planned = Inputs.none
        var list: [Input] = []
        var records: [[UInt8]] = []
        var beginning: [UInt8] = []
        let (log, store) = try state.withLock { (driven) throws(HPMError) -> (Listeners.Log?, RunStore?) in
            try driven.requireIdle(function)
            planned = try inputs(driven.population)
            try planned.check(driven.population)
            guard driven.listeners.log != nil || driven.store != nil else { return (nil, nil) }
            list = planned.list(driven.population)
            if driven.listeners.log != nil { records = list.map(InputLog.encoded) }
            if driven.listeners.log?.isBegun == false { beginning = InputLog.beginning(of: driven.population) }
            return (driven.listeners.log, driven.store)
        }
        var observers: [Listeners.Observer] = []
        func apply(_ driven: inout DrivenPopulation, _ perform: (inout DrivenPopulation) -> Void) {
            if let log, !list.isEmpty { driven.listeners.noteBegun(log.number) }
            perform(&driven)
            answer(driven.population)
            observers = driven.listeners.observers
        }
        if let store, !list.isEmpty {
            var change = RunStore.Change()
            try store.write(
                RunStore.records(list),
                apply: { () throws(HPMError) in
                    try log?.write(beginning + records.joined())
                    state.withLock { driven in
                        change = driven.changes(by: list) { driven in apply(&driven) { $0.perform(planned) } }
                    }
                    return change
                },
                undo: { before in
                    state.withLock { driven in
                        driven.population = before
                        driven.keepEvents()
                    }
                })
            store.keepSnapshot { state.withLock { $0.population } }
            return see(change.events, observers)
        }
        if !list.isEmpty { try log?.write(beginning + records.joined()) }
        let events = state.withLock { driven in
            apply(&driven) { $0.perform(planned) }
            return driven.population.takeEvents()
        }
        return see(events, observers)
    }

    /// - Returns: `HPM_OBSERVER` where an observer returned non-zero; it sees no more events of this call.
    func see(_ events: [Event], _ observers: [Listeners.Observer]) -> hpm_status {
        var objection: Int32 = 0
        for observer in observers {
            for event in events where observer.kinds.contains(event.kind) {
                // It may have been ended inside a callback, and its context be gone.
                guard state.withLock({ $0.listeners.contains(observer.number) }) else { break }
                let result = observer.see(event)
                if result == 0 { continue }
                if objection == 0 { objection = result }
                break
            }
        }
        if objection == 0 { return HPM_OK }
        // Set last: an observer's own calls may have failed.
        ThreadState.current.callbackStatus = objection
        ThreadState.current.setError("an observer returned \(objection); the call itself succeeded")
        return HPM_OBSERVER
    }
}
