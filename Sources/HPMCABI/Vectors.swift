import HPM

/// A space of vectors that the user owns: how the library works on vectors of which it knows nothing
/// but a pointer. Host memory is ready-made; GPU tensors and sharded arrays come by callbacks.
public typealias hpm_vectors = OpaquePointer

/// The number type of ready-made host vectors.
public typealias hpm_element = Int32
/// double.
public let HPM_ELEMENT_DOUBLE: hpm_element = 0
/// float; sums are made in double.
public let HPM_ELEMENT_FLOAT: hpm_element = 1

/// What `randomize` draws.
public typealias hpm_distribution = Int32
/// Standard normal.
public let HPM_DISTRIBUTION_NORMAL: hpm_distribution = 0
/// 1 or -1.
public let HPM_DISTRIBUTION_RADEMACHER: hpm_distribution = 1

/// Makes a vector of zeros.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - vector: Receives the vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_create_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ vector: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32

/// Frees a vector that `create` made.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - vector: The vector.
public typealias hpm_vector_destroy_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ vector: UnsafeMutableRawPointer?
) -> Void

/// target = source.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - source: A vector.
///   - target: Another vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_copy_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ source: UnsafeRawPointer?,
    _ target: UnsafeMutableRawPointer?
) -> Int32

/// The inner product, added up in double precision whatever the components are: sums in single
/// precision overflow beyond lengths of 1e19 and are 0 below 1e-23.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - left: A vector.
///   - right: A vector, perhaps the same.
///   - result: Receives the sum of the products of components.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_dot_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ left: UnsafeRawPointer?, _ right: UnsafeRawPointer?,
    _ result: UnsafeMutablePointer<Double>?
) -> Int32

/// target = target + factor source.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - factor: A number.
///   - source: A vector.
///   - target: Another vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_axpy_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ factor: Double, _ source: UnsafeRawPointer?,
    _ target: UnsafeMutableRawPointer?
) -> Int32

/// vector = factor vector. A factor of 0 makes zeros, also of components that are NaN.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - factor: A number.
///   - vector: A vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_scale_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ factor: Double, _ vector: UnsafeMutableRawPointer?
) -> Int32

/// Fills a vector with independent numbers of mean 0 and variance 1, equal for equal seeds.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - seed: The seed.
///   - distribution: `HPM_DISTRIBUTION_NORMAL` or `HPM_DISTRIBUTION_RADEMACHER`.
///   - vector: The vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_random_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ seed: UInt64, _ distribution: hpm_distribution,
    _ vector: UnsafeMutableRawPointer?
) -> Int32

/// Makes a vector the unit vector of an index.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - index: Below the dimension.
///   - vector: The vector.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_unit_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ index: UInt, _ vector: UnsafeMutableRawPointer?
) -> Int32

/// Copies numbers from host memory into a vector of hyperparameters.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - numbers: Array of `n` numbers.
///   - n: The dimension.
///   - vector: The vector.
/// - Returns: 0; anything else ends the run with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_write_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ numbers: UnsafePointer<Double>?, _ n: UInt,
    _ vector: UnsafeMutableRawPointer?
) -> Int32

/// Copies a vector of hyperparameters to host memory.
///
/// - Parameters:
///   - context: What was handed to ``hpm_vectors_create``.
///   - vector: The vector.
///   - numbers: Array of `n` that receives its numbers.
///   - n: The dimension.
/// - Returns: 0; anything else ends the run with `HPM_ERROR_CALLBACK`.
public typealias hpm_vector_read_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ vector: UnsafeRawPointer?,
    _ numbers: UnsafeMutablePointer<Double>?, _ n: UInt
) -> Int32

/// The operations of a space of vectors. They work in place; the library calls them in the thread of
/// its caller, one at a time. The first six are needed, the others where their comment says so.
public struct hpm_vector_operations {
    /// sizeof(hpm_vector_operations): tells the library which members your program knows.
    public var size: UInt
    public var create: hpm_vector_create_callback?
    public var destroy: hpm_vector_destroy_callback?
    public var copy: hpm_vector_copy_callback?
    public var dot: hpm_vector_dot_callback?
    public var axpy: hpm_vector_axpy_callback?
    public var scale: hpm_vector_scale_callback?
    /// For `nystrom` (of parameters), `spsa` (of hyperparameters) and ``hpm_problem_check`` (of both).
    public var random: hpm_vector_random_callback?
    /// Of hyperparameters, for `forward` and `finite-differences`.
    public var unit: hpm_vector_unit_callback?
    /// Of hyperparameters, for ``hpm_student_set_problem``; with `read` also for `spsa`, which then
    /// divides by the steps as rounding leaves them.
    public var write: hpm_vector_write_callback?
    /// As `write`.
    public var read: hpm_vector_read_callback?
    /// The spacing of the components' numbers at 1: 2^-52 for double, 2^-23 for float, 2^-10 for half and 2^-7 for
    /// bfloat16. By it a direction without curvature is told from rounding, and steps of differences and
    /// tolerances of ``hpm_problem_check`` are chosen. 0 to 0.25; 0, and anything below 2^-52: that of double.
    public var precision: Double
}
public typealias hpm_vector_operations_pointer = UnsafeRawPointer

/// Makes a space of vectors of your own.
///
/// - Parameters:
///   - operations: The operations; copied.
///   - context: Handed to every operation; never looked at. It has to outlive the space, the
///     problems that were made with it and the populations that those were set in. May be NULL.
///   - dimension: The number of components; 0: not known.
///   - out: Receives the space.
/// - Returns: `HPM_OK`, or `HPM_ERROR_ARGUMENT` where an operation is missing.
/// - Ownership: The caller's, until ``hpm_vectors_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_vectors_create")
public func hpm_vectors_create(
    _ operations: hpm_vector_operations_pointer?, _ context: UnsafeMutableRawPointer?,
    _ dimension: UInt, _ out: UnsafeMutablePointer<hpm_vectors?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let operations = try require(operations, "operations")
        let dimension = try integer(dimension, "dimension")
        let out = try require(out, "out")
        out.pointee = try Handles.insert(
            ForeignVectorSpace(
                operations: try ForeignOperations(operations, context: context),
                dimension: dimension == 0 ? nil : dimension))
    }
}

/// Makes a space of host vectors: a vector is an array of `count` doubles or floats.
///
/// - Parameters:
///   - element: `HPM_ELEMENT_DOUBLE` or `HPM_ELEMENT_FLOAT`.
///   - count: The number of components, at least 1.
///   - out: Receives the space.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_MEMORY` (one vector does not fit).
/// - Ownership: The caller's, until ``hpm_vectors_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_vectors_create_host")
public func hpm_vectors_create_host(
    _ element: hpm_element, _ count: UInt, _ out: UnsafeMutablePointer<hpm_vectors?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let count = try integer(count, "count")
        let out = try require(out, "out")
        out.pointee = try Handles.insert(
            ForeignVectorSpace(
                operations: try HostOperations<Double>.of(element, count: count), dimension: count))
    }
}

/// Destroys a space of vectors. Problems that were made with it keep their copy.
///
/// - Parameter vectors: The space; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where it is no living space of vectors.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_vectors_destroy")
public func hpm_vectors_destroy(_ vectors: hpm_vectors?) -> hpm_status {
    destroy(vectors, ForeignVectorSpace.self)
}
