import HPM
import Synchronization

/// Checks of what crosses the interface, each with a sentence that names the argument.

func require<Pointer>(_ pointer: Pointer?, _ name: String) throws(HPMError) -> Pointer {
    guard let pointer else { throw HPMError(.argument, "\(name) is NULL; allowed: a pointer") }
    return pointer
}

func string(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(HPMError) -> String {
    guard let text = String(validatingCString: try require(pointer, name)) else {
        throw HPMError(.argument, "\(name) is not UTF-8; allowed: NUL-terminated UTF-8")
    }
    return text
}

func integer(_ value: UInt, _ name: String) throws(HPMError) -> Int {
    guard let value = Int(exactly: value) else {
        throw HPMError(.argument, "\(name) is \(value); allowed: up to \(Int.max)")
    }
    return value
}

func scaleNamed(_ value: hpm_scale) throws(HPMError) -> Scale {
    guard let scale = Scale(rawValue: value) else {
        throw HPMError(
            .argument,
            "scale is \(value); allowed: HPM_SCALE_LINEAR (0), HPM_SCALE_LOG (1), HPM_SCALE_LOGIT (2)")
    }
    return scale
}

/// `dimension` finite numbers that a teacher can take.
func finite(
    _ pointer: UnsafePointer<Double>?, _ n: UInt, dimension: Int, _ name: String
) throws(HPMError) -> [Double] {
    let pointer = try require(pointer, name)
    guard n == UInt(dimension) else {
        throw HPMError(.argument, "n is \(n); allowed: \(dimension), the teacher's dimension")
    }
    let limit = Teacher.largestInput
    let values = Array(UnsafeBufferPointer(start: pointer, count: dimension))
    for (index, value) in values.enumerated() where !(value.magnitude <= limit) {
        throw HPMError(.argument, "\(name)[\(index)] is \(value); allowed: -\(limit) to \(limit)")
    }
    return values
}

/// Copies a text with its NUL into a caller's buffer.
func copy(
    _ text: String, to out: UnsafeMutablePointer<CChar>?, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>
) throws(HPMError) {
    try copy(text.utf8.map { CChar(bitPattern: $0) } + [0], to: out, "out", capacity, needed)
}

/// Of a buffer that is NULL.
func requireNoCapacity(_ name: String, _ capacity: UInt) throws(HPMError) {
    guard capacity == 0 else {
        throw HPMError(.argument, "\(name) is NULL and capacity is \(capacity); allowed: 0 with NULL")
    }
}

/// Copies elements into a caller's buffer, or says how large it has to be.
func copy<Element>(
    _ elements: [Element], to out: UnsafeMutablePointer<Element>?, _ name: String, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>
) throws(HPMError) {
    if out == nil { try requireNoCapacity(name, capacity) }
    needed.pointee = UInt(elements.count)
    guard let out else { return }
    guard capacity >= UInt(elements.count) else {
        throw HPMError(.capacity, "capacity is \(capacity); needed: \(elements.count)")
    }
    elements.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { out.update(from: base, count: source.count) }
    }
}

/// Names that were handed out, which are never freed.
private let constantNames = Mutex<[String: ConstantName]>([:])

private struct ConstantName: @unchecked Sendable {
    let pointer: UnsafePointer<CChar>
}

/// The name at an index; nil past the last.
func constantName(_ names: [String], _ index: UInt) -> UnsafePointer<CChar>? {
    guard index < UInt(names.count) else { return nil }
    let name = names[Int(index)]
    return constantNames.withLock { known in
        if let found = known[name] { return found.pointer }
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: name.utf8.count + 1)
        for (place, byte) in name.utf8.enumerated() { copy[place] = CChar(bitPattern: byte) }
        copy[name.utf8.count] = 0
        known[name] = ConstantName(pointer: UnsafePointer(copy))
        return UnsafePointer(copy)
    }
}

func constantCString(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

extension Population {
    func index(_ student: UInt) throws(HPMError) -> Int {
        guard student < UInt(size) else {
            throw HPMError(
                .argument,
                "student is \(student); allowed: 0 to \(size - 1), the population's size less 1")
        }
        return Int(student)
    }

    func requireStudents(_ students: UInt) throws(HPMError) {
        guard students == UInt(size) else {
            throw HPMError(.argument, "students is \(students); allowed: \(size), the population's size")
        }
    }

    /// `n` is the length of a row of outputs; size x n must not overflow.
    func requireCapacity(_ n: UInt) throws(HPMError) {
        guard n >= UInt(dimension) else {
            throw HPMError(.argument, "n is \(n); allowed: at least \(dimension), the space's dimension")
        }
        let largest = UInt(Int.max / 8 / size)
        guard n <= largest else {
            throw HPMError(.argument, "n is \(n); allowed: at most \(largest)")
        }
    }

    func row(_ pointer: UnsafeMutablePointer<Double>) -> UnsafeMutableBufferPointer<Double> {
        UnsafeMutableBufferPointer(start: pointer, count: dimension)
    }

    /// A hypergradient is NULL exactly when `n` is 0; else `n` is the dimension.
    func hypergradient(
        _ pointer: UnsafePointer<Double>?, _ n: UInt, rows: Int, _ name: String
    ) throws(HPMError) -> UnsafeBufferPointer<Double>? {
        guard let pointer else {
            guard n == 0 else {
                throw HPMError(.argument, "\(name) is NULL and n is \(n); allowed: 0 with NULL")
            }
            return nil
        }
        guard n == UInt(dimension) else {
            throw HPMError(
                .argument, "n is \(n); allowed: \(dimension), the space's dimension, or 0 with NULL")
        }
        return UnsafeBufferPointer(start: pointer, count: rows * dimension)
    }
}
