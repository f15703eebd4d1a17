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
enum Handles {
    private struct Slot {
        var token: UInt = 0
        var object: (any AnyObject & Sendable)?
    }

    private struct Table {
        var slots: [Slot] = []
        var free: [Int] = []
        var generation: UInt = 0

        func index(of token: UInt, tag: UInt) -> Int? {
            let slot = Int(token >> 4 & Handles.slotMask)
            guard token >> 1 & 7 == tag, slot < slots.count, slots[slot].token == token else {
                return nil
            }
            return slot
        }
    }

    private static let table = Mutex(Table())
    private static let slotBits = UInt(UInt.bitWidth / 2 - 8)
    private static let slotMask: UInt = 1 << slotBits - 1

    /// - Throws: `memory` where there are more living objects than tokens can tell apart.
    static func insert<Value: HandleValue>(_ value: Value) throws(HPMError) -> OpaquePointer? {
        let object = HandleObject(value)
        return try table.withLock { (table) throws(HPMError) in
            if table.free.isEmpty && table.slots.count > Int(slotMask) {
                throw HPMError(.memory, "there are \(table.slots.count) living handles; destroy some")
            }
            if table.free.isEmpty {
                table.free.append(table.slots.count)
                table.slots.append(Slot())
            }
            let slot = table.free.removeLast()
            table.generation &+= 1
            let token =
                table.generation << (slotBits + 4) | UInt(slot) << 4 | Value.tag << 1 | 1
            table.slots[slot] = Slot(token: token, object: object)
            return OpaquePointer(bitPattern: token)
        }
    }

    static func find<Value: HandleValue>(
        _ handle: OpaquePointer?, _: Value.Type
    ) throws(HPMError) -> HandleObject<Value> {
        let token = UInt(bitPattern: handle)
        let object = table.withLock { table in
            table.index(of: token, tag: Value.tag).flatMap { table.slots[$0].object }
        }
        guard let object = object as? HandleObject<Value> else {
            throw refusal(handle, Value.self)
        }
        return object
    }

    static func remove<Value: HandleValue>(
        _ handle: OpaquePointer?, _: Value.Type
    ) throws(HPMError) {
        let token = UInt(bitPattern: handle)
        // The object is released outside the lock: to free a large population takes time.
        let object = table.withLock { table -> (any AnyObject & Sendable)? in
            guard let slot = table.index(of: token, tag: Value.tag) else { return nil }
            defer {
                table.slots[slot] = Slot()
                table.free.append(slot)
            }
            return table.slots[slot].object
        }
        if object == nil { throw refusal(handle, Value.self) }
    }

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
