@testable import HPM

/// A vector space whose vectors can be read and written as arrays.
protocol ArrayVectorSpace: VectorSpace {
    func array(_ vector: Vector) -> [Double]
    func assign(_ values: [Double], to vector: Vector)
}

extension HostVectorSpace: ArrayVectorSpace {
    func array(_ vector: Vector) -> [Double] { vector.components.map { Double($0) } }

    func assign(_ values: [Double], to vector: Vector) {
        precondition(values.count == vector.components.count)
        for index in values.indices { vector.components[index] = Element(values[index]) }
    }
}
