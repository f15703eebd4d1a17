@testable import HPM

/// Vectors whose owner adds products up in single precision, against the advice: sums overflow beyond
/// 3e38 and are 0 below 1e-45.
struct SingleSumVectorSpace: ArrayVectorSpace {
    typealias Vector = HostVectorSpace<Float>.Vector

    private let space: HostVectorSpace<Float>

    init(count: Int) throws { space = try HostVectorSpace(count: count) }

    var dimension: Int? { space.dimension }
    var precision: Double { space.precision }
    func makeZeros() throws(HPMError) -> Vector { try space.makeZeros() }
    func copy(_ source: Vector, to target: Vector) { space.copy(source, to: target) }

    func dot(_ left: Vector, _ right: Vector) -> Double {
        var sum: Float = 0
        for index in left.components.indices { sum += left.components[index] * right.components[index] }
        return Double(sum)
    }

    func add(_ factor: Double, _ vector: Vector, to target: Vector) {
        space.add(factor, vector, to: target)
    }
    func scale(_ vector: Vector, by factor: Double) { space.scale(vector, by: factor) }
    func randomize(_ vector: Vector, seed: UInt64, _ distribution: RandomDistribution) {
        space.randomize(vector, seed: seed, distribution)
    }
    func setUnit(_ vector: Vector, index: Int) { space.setUnit(vector, index: index) }
    func array(_ vector: Vector) -> [Double] { space.array(vector) }
    func assign(_ values: [Double], to vector: Vector) { space.assign(values, to: vector) }
}
