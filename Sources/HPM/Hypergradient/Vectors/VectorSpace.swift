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
    /// The sum of products, added up in double precision whatever the components are: sums in single
    /// precision overflow beyond 1e19 and are 0 below 1e-23.
    func dot(_ left: Vector, _ right: Vector) throws(HPMError) -> Double
    /// target = target + factor vector.
    func add(_ factor: Double, _ vector: Vector, to target: Vector) throws(HPMError)
    /// A factor of 0 makes zeros, also of components that are NaN.
    func scale(_ vector: Vector, by factor: Double) throws(HPMError)
    /// Fills a vector with independent numbers of mean 0 and variance 1, equal for equal seeds.
    func randomize(_ vector: Vector, seed: UInt64, _ distribution: RandomDistribution) throws(HPMError)
    /// Makes a vector the unit vector of an index below the dimension.
    func setUnit(_ vector: Vector, index: Int) throws(HPMError)

    /// The components in host memory; nil, the default, where the space can't give and take them.
    func numbers(of vector: Vector) throws(HPMError) -> [Double]?
    /// Sets the components, as many as the dimension. Asked where ``numbers(of:)`` answers.
    func write(_ numbers: [Double], to vector: Vector) throws(HPMError)
    /// - Throws: `unsupported`, naming the operation, where the space lacks it. The default: it lacks none.
    func require(_ operation: VectorOperation) throws(HPMError)
}

/// What not every estimator needs of a vector space.
public enum VectorOperation: String, Sendable {
    case random, unit
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

    public func numbers(of vector: Vector) throws(HPMError) -> [Double]? { nil }

    public func write(_ numbers: [Double], to vector: Vector) throws(HPMError) {
        throw HPMError(.unsupported, "this vector space can't take numbers of host memory")
    }

    public func require(_ operation: VectorOperation) throws(HPMError) {}

    func norm(_ vector: Vector) throws(HPMError) -> Double {
        try dot(vector, vector).squareRoot()
    }

    /// The length also where its square is beyond the numbers that the space adds up; NaN where a
    /// component is not finite.
    func length(of vector: Vector) throws(HPMError) -> Double {
        let length = try norm(vector)
        return Self.middle.contains(length) ? length : try normalize(makeCopy(of: vector))
    }

    /// Lengths whose squares keep their precision in every format, also that of a user's sums.
    private static var middle: ClosedRange<Double> { 0x1p-30...0x1p30 }

    /// Scales a vector to length 1 and returns the length that it had, also where its square is beyond
    /// the numbers that the space adds up; infinity where the length is beyond a double, 0 for zeros,
    /// NaN where a component is not finite.
    func normalize(_ vector: Vector) throws(HPMError) -> Double {
        // Both are exact in single precision; rounds of them take any double to the middle.
        let (up, down) = (0x1p60, 0x1p-60)
        var length = try norm(vector)
        var scaling = 1.0
        for round in 0..<20 where !Self.middle.contains(length) {
            if length.isNaN { return .nan }
            // By now the smallest number above 0 would have a square above 0.
            if length == 0, round == 10 { return 0 }
            let isShort = length < 1
            try scale(vector, by: isShort ? up : down)
            scaling *= isShort ? down : up
            length = try norm(vector)
        }
        guard length.isFinite else { return .nan }
        if length > 0 { try scale(vector, by: 1 / length) }
        return length * scaling
    }

    /// Whether every component is.
    func isFinite(_ vector: Vector) throws(HPMError) -> Bool {
        if try dot(vector, vector).isFinite { return true }
        // The square alone may be beyond a double.
        return try !normalize(makeCopy(of: vector)).isNaN
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
