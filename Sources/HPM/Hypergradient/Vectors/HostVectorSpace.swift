/// Vectors of `Float` or `Double` in host memory.
public struct HostVectorSpace<Element: HostElement>: VectorSpace, Sendable {
    /// A vector: memory of its own, or memory of the caller that outlives it.
    public final class Vector {
        public let components: UnsafeMutableBufferPointer<Element>
        private let isOwned: Bool

        init(owning memory: UnsafeMutablePointer<Element>, count: Int) {
            components = UnsafeMutableBufferPointer(start: memory, count: count)
            isOwned = true
        }

        /// Works on the caller's memory.
        public init(borrowing components: UnsafeMutableBufferPointer<Element>) {
            self.components = components
            isOwned = false
        }

        deinit {
            if isOwned, let base = components.baseAddress { HostMemory.free(base) }
        }
    }

    public let count: Int
    public var dimension: Int? { count }
    public var precision: Double { Double(Element.ulpOfOne) }

    /// - Throws: `argument` for a count below 1.
    public init(count: Int) throws(HPMError) {
        guard count >= 1 else {
            throw HPMError(.argument, "count is \(count); allowed: 1 or more")
        }
        self.count = count
    }

    /// - Throws: `memory` where one more vector does not fit.
    public func makeZeros() throws(HPMError) -> Vector {
        Vector(owning: try allocate(), count: count)
    }

    /// Memory of one vector, zeros; ``HostMemory/free(_:)`` takes it back.
    public func allocate() throws(HPMError) -> UnsafeMutablePointer<Element> {
        try requireMemory()
        guard let memory: UnsafeMutablePointer<Element> = HostMemory.allocateZeros(count) else {
            throw HPMError(.memory, "a vector of \(count) components does not fit")
        }
        return memory
    }

    /// - Throws: `memory` where one more vector does not fit.
    public func requireMemory() throws(HPMError) {
        try Memory.require(
            elements: [(count, 1, MemoryLayout<Element>.size)], "a vector of \(count) components")
    }

    /// A vector that holds a copy of `components`.
    ///
    /// - Throws: `argument` for another number of components.
    public func makeVector(_ components: [Element]) throws(HPMError) -> Vector {
        guard components.count == count else {
            throw HPMError(
                .argument, "there are \(components.count) components; allowed: \(count)")
        }
        let vector = try makeZeros()
        for index in 0..<count { vector.components[index] = components[index] }
        return vector
    }

    public func copy(_ source: Vector, to target: Vector) {
        Element.copy(UnsafeBufferPointer(source.components), to: target.components)
    }

    public func dot(_ left: Vector, _ right: Vector) -> Double {
        Element.dot(UnsafeBufferPointer(left.components), UnsafeBufferPointer(right.components))
    }

    public func add(_ factor: Double, _ vector: Vector, to target: Vector) {
        Element.add(factor, UnsafeBufferPointer(vector.components), to: target.components)
    }

    public func scale(_ vector: Vector, by factor: Double) {
        Element.scale(vector.components, by: factor)
    }

    public func randomize(_ vector: Vector, seed: UInt64, _ distribution: RandomDistribution) {
        Element.randomize(vector.components, seed: seed, distribution)
    }

    public func setUnit(_ vector: Vector, index: Int) {
        Element.setUnit(vector.components, index: index)
    }

    /// - Throws: `memory` where the numbers don't fit beside the vector.
    public func numbers(of vector: Vector) throws(HPMError) -> [Double]? {
        try Memory.require(
            elements: [(count, 1, MemoryLayout<Double>.size)], "a list of \(count) components")
        return vector.components.map { Double($0) }
    }

    public func write(_ numbers: [Double], to vector: Vector) throws(HPMError) {
        guard numbers.count == count else {
            throw HPMError(.argument, "there are \(numbers.count) numbers; allowed: \(count)")
        }
        for index in numbers.indices { vector.components[index] = Element(numbers[index]) }
    }
}
