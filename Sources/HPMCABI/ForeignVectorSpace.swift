import HPM

/// A space of vectors that are pointers: of the user's callbacks, or of host arrays.
struct ForeignVectorSpace: VectorSpace, HandleValue, @unchecked Sendable {
    static var tag: UInt { 5 }
    static var typeName: String { "hpm_vectors" }
    static var argument: String { "vectors" }

    /// A vector: the user's, or one that `create` made and that is freed with this object.
    final class Vector {
        let pointer: UnsafeMutableRawPointer
        private let operations: (any VectorOperations)?

        /// - Parameter owner: What frees it; nil: the user's.
        init(_ pointer: UnsafeMutableRawPointer, owner operations: (any VectorOperations)?) {
            self.pointer = pointer
            self.operations = operations
        }

        deinit { operations?.destroy(pointer) }
    }

    let operations: any VectorOperations
    let dimension: Int?
    var precision: Double { operations.precision }

    func makeZeros() throws(HPMError) -> Vector {
        Vector(try operations.create(), owner: operations)
    }

    func copy(_ source: Vector, to target: Vector) throws(HPMError) {
        try operations.copy(source.pointer, to: target.pointer)
    }

    func dot(_ left: Vector, _ right: Vector) throws(HPMError) -> Double {
        try operations.dot(left.pointer, right.pointer)
    }

    func add(_ factor: Double, _ vector: Vector, to target: Vector) throws(HPMError) {
        try operations.add(factor, vector.pointer, to: target.pointer)
    }

    func scale(_ vector: Vector, by factor: Double) throws(HPMError) {
        try operations.scale(vector.pointer, by: factor)
    }

    func randomize(
        _ vector: Vector, seed: UInt64, _ distribution: RandomDistribution
    ) throws(HPMError) {
        try operations.randomize(vector.pointer, seed: seed, distribution)
    }

    func setUnit(_ vector: Vector, index: Int) throws(HPMError) {
        try operations.setUnit(vector.pointer, index: index)
    }

    /// A vector that holds the numbers.
    func makeVector(_ numbers: [Double]) throws(HPMError) -> Vector {
        let vector = try makeZeros()
        try operations.write(numbers, to: vector.pointer)
        return vector
    }

    func numbers(of vector: Vector, count: Int) throws(HPMError) -> [Double] {
        try operations.read(vector.pointer, count: count)
    }

    func numbers(of vector: Vector) throws(HPMError) -> [Double]? {
        guard let dimension, operations.lacks(.write) == nil, operations.lacks(.read) == nil else {
            return nil
        }
        try HostVectorSpace<Double>(count: dimension).requireMemory()
        return try operations.read(vector.pointer, count: dimension)
    }

    func write(_ numbers: [Double], to vector: Vector) throws(HPMError) {
        try operations.write(numbers, to: vector.pointer)
    }

    func require(_ operation: VectorOperation) throws(HPMError) {
        try require(operation == .random ? OptionalOperation.random : .unit)
    }

    func require(_ operation: OptionalOperation) throws(HPMError) {
        if let error = operations.lacks(operation) { throw error }
    }
}

/// Operations that a space of the user's own may lack.
enum OptionalOperation: String {
    case random, unit, write, read
}

/// What a space of pointers can do.
protocol VectorOperations {
    /// As ``VectorSpace/precision``.
    var precision: Double { get }
    /// The error that says that an operation is missing; nil where it isn't.
    func lacks(_ operation: OptionalOperation) -> HPMError?
    func create() throws(HPMError) -> UnsafeMutableRawPointer
    func destroy(_ vector: UnsafeMutableRawPointer)
    func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) throws(HPMError)
    func dot(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) throws(HPMError) -> Double
    func add(
        _ factor: Double, _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
    ) throws(HPMError)
    func scale(_ vector: UnsafeMutableRawPointer, by factor: Double) throws(HPMError)
    func randomize(
        _ vector: UnsafeMutableRawPointer, seed: UInt64, _ distribution: RandomDistribution
    ) throws(HPMError)
    func setUnit(_ vector: UnsafeMutableRawPointer, index: Int) throws(HPMError)
    func write(_ numbers: [Double], to vector: UnsafeMutableRawPointer) throws(HPMError)
    func read(_ vector: UnsafeRawPointer, count: Int) throws(HPMError) -> [Double]
}

/// What a callback returned, as an error where it is not 0.
func requireZero(_ result: Int32, from name: String) throws(HPMError) {
    guard result != 0 else { return }
    ThreadState.current.noteCallbackStatus(result)
    throw HPMError(.callback, "callback \(name) returned \(result); 0 lets the estimate go on")
}

/// Arrays of `count` elements in host memory.
struct HostOperations<Element: HostElement>: VectorOperations {
    let count: Int

    static func of(_ element: hpm_element, count: Int) throws(HPMError) -> any VectorOperations
    where Element == Double {
        switch element {
        case HPM_ELEMENT_DOUBLE:
            try HostVectorSpace<Double>(count: count).requireMemory()
            return HostOperations<Double>(count: count)
        case HPM_ELEMENT_FLOAT:
            try HostVectorSpace<Float>(count: count).requireMemory()
            return HostOperations<Float>(count: count)
        default:
            throw HPMError(
                .argument,
                "element is \(element); allowed: HPM_ELEMENT_DOUBLE (0), HPM_ELEMENT_FLOAT (1)")
        }
    }

    var precision: Double { Double(Element.ulpOfOne) }

    func lacks(_ operation: OptionalOperation) -> HPMError? { nil }

    private func buffer(_ vector: UnsafeRawPointer) -> UnsafeBufferPointer<Element> {
        UnsafeBufferPointer(start: vector.assumingMemoryBound(to: Element.self), count: count)
    }

    private func buffer(_ vector: UnsafeMutableRawPointer) -> UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: vector.assumingMemoryBound(to: Element.self), count: count)
    }

    func create() throws(HPMError) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(try HostVectorSpace<Element>(count: count).allocate())
    }

    func destroy(_ vector: UnsafeMutableRawPointer) {
        HostMemory.free(vector)
    }

    func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
        Element.copy(buffer(source), to: buffer(target))
    }

    func dot(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Double {
        Element.dot(buffer(left), buffer(right))
    }

    func add(_ factor: Double, _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
        Element.add(factor, buffer(source), to: buffer(target))
    }

    func scale(_ vector: UnsafeMutableRawPointer, by factor: Double) {
        Element.scale(buffer(vector), by: factor)
    }

    func randomize(
        _ vector: UnsafeMutableRawPointer, seed: UInt64, _ distribution: RandomDistribution
    ) {
        Element.randomize(buffer(vector), seed: seed, distribution)
    }

    func setUnit(_ vector: UnsafeMutableRawPointer, index: Int) {
        Element.setUnit(buffer(vector), index: index)
    }

    func write(_ numbers: [Double], to vector: UnsafeMutableRawPointer) {
        let target = buffer(vector)
        for index in numbers.indices { target[index] = Element(numbers[index]) }
    }

    func read(_ vector: UnsafeRawPointer, count: Int) -> [Double] {
        buffer(vector).prefix(count).map { Double($0) }
    }
}

/// The user's callbacks.
struct ForeignOperations: VectorOperations {
    private let operations: hpm_vector_operations
    private let context: UnsafeMutableRawPointer?

    init(_ pointer: UnsafeRawPointer, context: UnsafeMutableRawPointer?) throws(HPMError) {
        var operations = hpm_vector_operations(
            size: 0, create: nil, destroy: nil, copy: nil, dot: nil, axpy: nil, scale: nil,
            random: nil, unit: nil, write: nil, read: nil, precision: 0)
        try copyStruct(pointer, to: &operations, "operations")
        for (name, isMissing) in [
            ("create", operations.create == nil), ("destroy", operations.destroy == nil),
            ("copy", operations.copy == nil), ("dot", operations.dot == nil),
            ("axpy", operations.axpy == nil), ("scale", operations.scale == nil),
        ] where isMissing {
            throw HPMError(.argument, "operations->\(name) is NULL; allowed: a function")
        }
        guard operations.precision >= 0, operations.precision <= 0.25 else {
            throw HPMError(
                .argument,
                "operations->precision is \(operations.precision); allowed: 0 (that of double) to 0.25")
        }
        self.operations = operations
        self.context = context
    }

    /// Sums come back as doubles: none is more precise.
    var precision: Double { max(operations.precision, 0x1p-52) }

    private static func missing(_ name: String) -> HPMError {
        HPMError(.unsupported, "operations->\(name) is NULL; what is asked for needs it")
    }

    func lacks(_ operation: OptionalOperation) -> HPMError? {
        let isMissing =
            switch operation {
            case .random: operations.random == nil
            case .unit: operations.unit == nil
            case .write: operations.write == nil
            case .read: operations.read == nil
            }
        return isMissing ? Self.missing(operation.rawValue) : nil
    }

    private func required<Callback>(_ callback: Callback?, _ name: String) throws(HPMError) -> Callback {
        guard let callback else { throw Self.missing(name) }
        return callback
    }

    func create() throws(HPMError) -> UnsafeMutableRawPointer {
        var vector: UnsafeMutableRawPointer?
        try requireZero(try required(operations.create, "create")(context, &vector), from: "create")
        guard let vector else {
            throw HPMError(.memory, "callback create returned 0 and no vector")
        }
        return vector
    }

    func destroy(_ vector: UnsafeMutableRawPointer) {
        operations.destroy?(context, vector)
    }

    func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) throws(HPMError) {
        try requireZero(try required(operations.copy, "copy")(context, source, target), from: "copy")
    }

    func dot(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) throws(HPMError) -> Double {
        var result = Double.nan
        try requireZero(
            try required(operations.dot, "dot")(context, left, right, &result), from: "dot")
        return result
    }

    func add(
        _ factor: Double, _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
    ) throws(HPMError) {
        try requireZero(
            try required(operations.axpy, "axpy")(context, factor, source, target), from: "axpy")
    }

    func scale(_ vector: UnsafeMutableRawPointer, by factor: Double) throws(HPMError) {
        try requireZero(
            try required(operations.scale, "scale")(context, factor, vector), from: "scale")
    }

    func randomize(
        _ vector: UnsafeMutableRawPointer, seed: UInt64, _ distribution: RandomDistribution
    ) throws(HPMError) {
        try requireZero(
            try required(operations.random, "random")(
                context, seed, distribution.rawValue, vector), from: "random")
    }

    func setUnit(_ vector: UnsafeMutableRawPointer, index: Int) throws(HPMError) {
        try requireZero(
            try required(operations.unit, "unit")(context, UInt(index), vector), from: "unit")
    }

    func write(_ numbers: [Double], to vector: UnsafeMutableRawPointer) throws(HPMError) {
        let write = try required(operations.write, "write")
        try requireZero(
            numbers.withUnsafeBufferPointer {
                write(context, $0.baseAddress, UInt($0.count), vector)
            }, from: "write")
    }

    func read(_ vector: UnsafeRawPointer, count: Int) throws(HPMError) -> [Double] {
        let read = try required(operations.read, "read")
        var numbers = Array(repeating: Double.nan, count: count)
        try requireZero(
            numbers.withUnsafeMutableBufferPointer {
                read(context, vector, $0.baseAddress, UInt(count))
            }, from: "read")
        return numbers
    }
}

/// Copies a struct of the caller whose first member says how much of it there is.
func copyStruct<Struct>(
    _ pointer: UnsafeRawPointer, to target: inout Struct, _ name: String
) throws(HPMError) {
    let size = pointer.loadUnaligned(as: UInt.self)
    let word = UInt(MemoryLayout<UInt>.size)
    guard size > word, size <= 4096, size.isMultiple(of: word) else {
        throw HPMError(
            .argument,
            "\(name)->size is \(size); allowed: sizeof, which is \(MemoryLayout<Struct>.size) here")
    }
    withUnsafeMutableBytes(of: &target) { bytes in
        let known = min(bytes.count, Int(size))
        bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: known))
    }
}
