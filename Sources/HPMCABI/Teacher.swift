import HPM

/// A teacher on its own, for programs that have their own population: a network that maps the
/// hyperparameters h of a parent to those of a mutated child, h' = (1 + c) h (HPM), and learns from
/// the hypergradient at the child. Of option `teacher`:
///
/// | teacher | c |
/// | --- | --- |
/// | `attention` | squash(W a), a = act(V h) |
/// | `perceptron` | squash(W a), a = act(V h + b) |
/// | `linear` | squash(W h + b) |
///
/// squash is `teacher_squashing` (tanh), act is `teacher_activation` (softmax, of a perceptron tanh).
public typealias hpm_teacher = OpaquePointer

/// Creates a teacher. It works on the numbers as they are: pass latent or scaled coordinates of
/// about unit size.
///
/// - Parameters:
///   - dimension: The number of hyperparameters, at least 1.
///   - options: Reads `seed`, `teacher` (`attention` where it is not set; `none` is an error),
///     `teacher_units`, `teacher_squashing`, `teacher_activation` and `teacher_learning_rate`; copied.
///     NULL: all defaults.
///   - out: Receives the teacher.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_MEMORY` or `HPM_ERROR_HANDLE`.
/// - Ownership: The caller's, until ``hpm_teacher_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension x units) time and memory, for `linear` O(dimension^2).
/// - Since: 0.1
@_cdecl("hpm_teacher_create")
public func hpm_teacher_create(
    _ dimension: UInt, _ options: hpm_options?, _ out: UnsafeMutablePointer<hpm_teacher?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let out = try require(out, "out")
        let dimension = try integer(dimension, "dimension")
        out.pointee = try Handles.insert(
            try Teacher(dimension: dimension, options: try optionsOrDefaults(options)))
    }
}

/// Destroys a teacher.
///
/// - Parameter teacher: The teacher; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where it is no living teacher.
/// - Thread safety: Any thread; a call that is under way on the handle ends unharmed.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_teacher_destroy")
public func hpm_teacher_destroy(_ teacher: hpm_teacher?) -> hpm_status {
    destroy(teacher, Teacher.self)
}

/// Mutates a parent: child = (1 + c) parent, elementwise, with c of the table at `hpm_teacher`.
///
/// - Parameters:
///   - teacher: The teacher.
///   - parent: Array of `n` numbers, at most 1e100 in size.
///   - child: Array of `n` that receives the child; may be `parent` itself.
///   - n: The teacher's dimension.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension x units), for `linear` O(dimension^2).
/// - Source: HPM (Tao et al., NeurIPS 2020), the teacher network.
/// - Since: 0.1
@_cdecl("hpm_teacher_mutate")
public func hpm_teacher_mutate(
    _ teacher: hpm_teacher?, _ parent: UnsafePointer<Double>?,
    _ child: UnsafeMutablePointer<Double>?, _ n: UInt
) -> hpm_status {
    edit(teacher, Teacher.self) { (teacher) throws(HPMError) in
        let parent = try finite(parent, n, dimension: teacher.dimension, "parent")
        let child = try require(child, "child")
        let values = teacher.child(of: parent)
        for (index, value) in values.enumerated() { child[index] = value }
    }
}

/// Teaches the teacher: one gradient step down the loss at the child, through all weights. With
/// r = G h squash'(z), divided by its norm, q = W^T r and s = J^T q, where J is the Jacobian of act (for
/// softmax s = a (q - a.q)), the gradients are dL/dW = r a^T, dL/dV = s h^T and dL/db = s; of `linear`
/// dL/dW = r h^T and dL/db = r. `perceptron` and `linear` divide a layer's step by the number of its
/// inputs.
///
/// - Parameters:
///   - teacher: The teacher.
///   - parent: Array of `n` numbers, at most 1e100 in size: h.
///   - gradient_at_child: Array of `n`: G, the derivative of the loss with respect to the child that
///     ``hpm_teacher_mutate`` gave. Components that are not finite take no part.
///   - n: The teacher's dimension.
/// - Returns: `HPM_OK`, `HPM_UNCHANGED` where there is nothing to learn, `HPM_ERROR_ARGUMENT` or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(dimension x units), for `linear` O(dimension^2).
/// - Source: HPM (Tao et al., NeurIPS 2020), the teacher network.
/// - Since: 0.1
@_cdecl("hpm_teacher_learn")
public func hpm_teacher_learn(
    _ teacher: hpm_teacher?, _ parent: UnsafePointer<Double>?,
    _ gradient_at_child: UnsafePointer<Double>?, _ n: UInt
) -> hpm_status {
    var learned = true
    let status = edit(teacher, Teacher.self) { (teacher) throws(HPMError) in
        let parent = try finite(parent, n, dimension: teacher.dimension, "parent")
        let gradient = UnsafeBufferPointer(
            start: try require(gradient_at_child, "gradient_at_child"), count: teacher.dimension)
        learned = teacher.learn(parent: parent, gradientAtChild: Array(gradient))
    }
    return status == HPM_OK && !learned ? HPM_UNCHANGED : status
}
