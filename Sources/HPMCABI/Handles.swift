import HPM
import Synchronization

/// A value that lives behind a handle.
protocol HandleValue: Sendable {
    /// Part of the token, so that a handle of another type is known for what it is.
    static var tag: UInt { get }
    /// The handle's type and argument in the C interface.
    static var typeName: String { get }
    static var argument: String { get }
}

extension SearchSpace: HandleValue {
    static var tag: UInt { 1 }
    static var typeName: String { "hpm_space" }
    static var argument: String { "space" }
}

extension Options: HandleValue {
    static var tag: UInt { 2 }
    static var typeName: String { "hpm_options" }
    static var argument: String { "options" }
}

extension Teacher: HandleValue {
    static var tag: UInt { 3 }
    static var typeName: String { "hpm_teacher" }
    static var argument: String { "teacher" }
}

/// What a handle stands for: a value that one call at a time works on.
final class HandleObject<Value: HandleValue>: Sendable {
    let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }
}

/// The living objects by token. A token is looked up, never followed: the slot's number, a generation
/// that no two objects share, the type's tag and a low bit that no aligned pointer has.
///
/// Slots stay where they are and are never freed, so a look-up takes no lock: it pins the slot, which
/// keeps the slot's object alive, and only then compares tokens. An object is released by the last pin
/// on it after its handle was removed.
///
/// Complexity: O(1) for each function; memory for as many slots as there ever were living handles at once.
enum Handles {
    private struct Slot: ~Copyable {
        /// Calls that look at the slot, and ``Handles/removed``.
        let pins = Atomic<UInt>(0)
        /// 0: no living object.
        let token = Atomic<UInt>(0)
        /// Written while there is no token, read with a pin by those who have found theirs.
        var object: Unmanaged<AnyObject>?
        /// Threads that work on different handles share no cache line.
        private let padding: (UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0)

        static let alignment = 64
    }

    /// Slots that can be given out, and how many there are in all.
    private struct Supply {
        var free: [Int] = []
        var count = 0
        var generation: UInt = 0
    }

    private typealias Chunks = UnsafeMutablePointer<Atomic<UInt>>

    private static let supply = Mutex(Supply())
    private static let slotBits = UInt(UInt.bitWidth / 2 - 8)
    private static let slotMask: UInt = 1 << slotBits - 1
    /// In ``Slot/pins``: the handle was removed, and its object waits for the last pin.
    private static let removed: UInt = 1 << UInt(UInt.bitWidth - 1)

    /// Where the addresses of the chunks are, 0 before the first handle: chunk c holds `firstChunk << c`
    /// slots. A constant, so that reading it needs no test of whether it was initialised.
    private static let directory = Atomic<UInt>(0)
    private static let firstChunk: UInt = 64

    @inline(__always)
    private static func place(of slot: UInt) -> (chunk: Int, offset: Int) {
        let position = slot &+ firstChunk
        let chunk = firstChunk.leadingZeroBitCount &- position.leadingZeroBitCount
        return (chunk, Int(bitPattern: position &- (firstChunk &<< UInt(bitPattern: chunk))))
    }

    /// nil where no handle ever had a slot of that number.
    @inline(__always)
    private static func slot(of token: UInt) -> UnsafeMutablePointer<Slot>? {
        guard let chunks = Chunks(bitPattern: directory.load(ordering: .acquiring)) else { return nil }
        let (chunk, offset) = place(of: token >> 4 & slotMask)
        let address = chunks[chunk].load(ordering: .acquiring)
        return UnsafeMutablePointer<Slot>(bitPattern: address).map { $0 + offset }
    }

    /// - Throws: `memory` where there are more living objects than tokens can tell apart.
    static func insert<Value: HandleValue>(_ value: Value) throws(HPMError) -> OpaquePointer? {
        let (number, generation) = try supply.withLock { (supply) throws(HPMError) in
            if supply.free.isEmpty {
                if supply.count > Int(slotMask) {
                    throw HPMError(
                        .memory, "there are \(supply.count) living handles; destroy some")
                }
                let (chunk, offset) = place(of: UInt(supply.count))
                if offset == 0 { makeChunk(chunk) }
                supply.free.append(supply.count)
                supply.count += 1
            }
            supply.generation &+= 1
            return (supply.free.removeLast(), supply.generation)
        }
        let token = generation << (slotBits + 4) | UInt(number) << 4 | Value.tag << 1 | 1
        guard let slot = slot(of: token) else { return nil }
        slot.pointee.object = Unmanaged.passRetained(HandleObject(value))
        slot.pointee.token.store(token, ordering: .releasing)
        return OpaquePointer(bitPattern: token)
    }

    /// Called by one thread at a time.
    private static func makeChunk(_ chunk: Int) {
        if directory.load(ordering: .relaxed) == 0 {
            let chunks = Chunks.allocate(capacity: UInt.bitWidth)
            for chunk in 0..<UInt.bitWidth { (chunks + chunk).initialize(to: Atomic(0)) }
            directory.store(UInt(bitPattern: chunks), ordering: .releasing)
        }
        let count = Int(firstChunk) << chunk
        let slots = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Slot>.stride, alignment: Slot.alignment
        ).assumingMemoryBound(to: Slot.self)
        for offset in 0..<count { (slots + offset).initialize(to: Slot()) }
        let chunks = Chunks(bitPattern: directory.load(ordering: .relaxed))
        chunks?[chunk].store(UInt(bitPattern: slots), ordering: .releasing)
    }

    /// Calls `body` with the object of a handle, which lives until `body` returns, also where another
    /// thread or `body` itself removes the handle meanwhile.
    ///
    /// - Throws: `handle` for anything but a living handle of `Value`; what `body` throws.
    @inline(__always)
    static func with<Value: HandleValue, Result>(
        _ handle: OpaquePointer?, _: Value.Type,
        _ body: (HandleObject<Value>) throws(HPMError) -> Result
    ) throws(HPMError) -> Result {
        let token = UInt(bitPattern: handle)
        guard token >> 1 & 7 == Value.tag, let slot = slot(of: token) else {
            throw refusal(handle, Value.self)
        }
        slot.pointee.pins.wrappingAdd(1, ordering: .acquiring)
        defer { unpin(slot, token) }
        guard slot.pointee.token.load(ordering: .acquiring) == token,
            let object = slot.pointee.object
        else {
            throw refusal(handle, Value.self)
        }
        // The tag is part of the token, so the object is of this type.
        return try object._withUnsafeGuaranteedRef { object in
            Swift.Result { () throws(HPMError) in
                try body(unsafeDowncast(object, to: HandleObject<Value>.self))
            }
        }.get()
    }

    static func find<Value: HandleValue>(
        _ handle: OpaquePointer?, _: Value.Type
    ) throws(HPMError) -> HandleObject<Value> {
        try with(handle, Value.self) { (object) throws(HPMError) in object }
    }

    /// The object is released now, or by the call that is under way on it.
    static func remove<Value: HandleValue>(
        _ handle: OpaquePointer?, _: Value.Type
    ) throws(HPMError) {
        let token = UInt(bitPattern: handle)
        guard token >> 1 & 7 == Value.tag, let slot = slot(of: token),
            slot.pointee.token.compareExchange(
                expected: token, desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        else {
            throw refusal(handle, Value.self)
        }
        let pins = slot.pointee.pins.wrappingAdd(removed, ordering: .acquiringAndReleasing).newValue
        if pins == removed { release(slot, token) }
    }

    @inline(__always)
    private static func unpin(_ slot: UnsafeMutablePointer<Slot>, _ token: UInt) {
        let pins = slot.pointee.pins.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
        if pins == removed { release(slot, token) }
    }

    /// Several calls may come here for one object, one of them releases it.
    @inline(never)
    private static func release(_ slot: UnsafeMutablePointer<Slot>, _ token: UInt) {
        guard
            slot.pointee.pins.compareExchange(
                expected: removed, desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        else { return }
        slot.pointee.object.take()?.release()
        let number = Int(token >> 4 & slotMask)
        supply.withLock { $0.free.append(number) }
    }

    @inline(never)
    private static func refusal<Value: HandleValue>(
        _ handle: OpaquePointer?, _: Value.Type
    ) -> HPMError {
        HPMError(
            .handle,
            handle == nil
                ? "\(Value.argument) is NULL; allowed: a living \(Value.typeName)"
                : "\(Value.argument) is no living \(Value.typeName): it was destroyed, is of another type or never was one")
    }
}
