/// Operations on vectors that the user owns: host memory, GPU tensors, sharded arrays. An estimator
/// sees nothing else of them, as a solver sees nothing but SUNDIALS' `N_Vector` operations.
///
/// Vectors are references; the operations work in place. Operations throw ``HPMError`` with the code
/// `callback` where the user's own code failed.
public protocol VectorSpace {
    associatedtype Vector: AnyObject

    /// The number of components; nil where it is not known. What needs it says so.
    var dimension: Int? { get }

    /// The spacing of the components' numbers at 1: 2^-52 for double precision, the default.
    var precision: Double { get }

    /// A new vector of zeros.
    func makeZeros() throws(HPMError) -> Vector
    func copy(_ source: Vector, to target: Vector) throws(HPMError)
    func dot(_ left: Vector, _ right: Vector) throws(HPMError) -> Double
    /// target = target + factor vector.
    func add(_ factor: Double, _ vector: Vector, to target: Vector) throws(HPMError)
    /// A factor of 0 makes zeros, also of components that are NaN.
    func scale(_ vector: Vector, by factor: Double) throws(HPMError)
    /// Fills a vector with independent numbers of mean 0 and variance 1, equal for equal seeds.
    func randomize(_ vector: Vector, seed: UInt64, _ distribution: RandomDistribution) throws(HPMError)
    /// Makes a vector the unit vector of an index below the dimension.
    func setUnit(_ vector: Vector, index: Int) throws(HPMError)
}

/// What ``VectorSpace/randomize(_:seed:_:)`` draws. The raw values are the C interface's.
public enum RandomDistribution: Int32, CaseIterable, Sendable {
    case normal = 0
    /// 1 or -1.
    case rademacher = 1
}

extension VectorSpace {
    public var precision: Double { 0x1p-52 }

    func makeCopy(of vector: Vector) throws(HPMError) -> Vector {
        let copy = try makeZeros()
        try self.copy(vector, to: copy)
        return copy
    }

    func norm(_ vector: Vector) throws(HPMError) -> Double {
        try dot(vector, vector).squareRoot()
    }

    /// Scales a vector to length 1 and returns the length that it had, also where its square is beyond
    /// a double; 0 for zeros, NaN where a component is not finite.
    func normalize(_ vector: Vector) throws(HPMError) -> Double {
        let extreme = 0x1p600
        var factor = 1.0
        var length = try norm(vector)
        if length == 0 {
            try scale(vector, by: extreme)
            factor = 1 / extreme
            length = try norm(vector)
        } else if length == .infinity {
            try scale(vector, by: 1 / extreme)
            factor = extreme
            length = try norm(vector)
        }
        guard length.isFinite else { return .nan }
        if length > 0 { try scale(vector, by: 1 / length) }
        return length * factor
    }

    /// target = factor target + vector.
    func scale(_ target: Vector, by factor: Double, adding vector: Vector) throws(HPMError) {
        try scale(target, by: factor)
        try add(1, vector, to: target)
    }

    /// What a failed estimate holds: NaN in every component, which a population takes for 'no
    /// derivative'. Never zeros that look like an answer.
    func invalidate(_ vector: Vector) throws(HPMError) {
        try scale(vector, by: .nan)
    }
}
