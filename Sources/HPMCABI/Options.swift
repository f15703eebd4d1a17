import HPM

/// The options of a population or a teacher, each with a default.
///
/// | key | default | values | meaning |
/// | --- | --- | --- | --- |
/// | `population` | 8 | -1, or 1 or more | students; `memetic` has 4; -1: the algorithm's default |
/// | `seed` | 0 | 0 or more | of everything random |
/// | `steps` | 0 | 0 or more | training reports of each student, after which `next` answers STOP; 0: until stopped |
/// | `algorithm` | `hpm` | a name | `hpm`, `hpm-paper`, `hpm-no-teacher`, `clone-step`, `mutation-only`, `pbt`, `hypergradient`, `random`, `bayesian`, `pb2`, `mf-pbt`, `reinforced` or `memetic`: docs/algorithms.md |
/// | `interval` | 5 | 1 or more | training reports between exploits |
/// | `burn_in` | 0 | 0 or more | training reports before the first exploit, which comes at the next multiple of `interval` |
/// | `truncation` | 0.2 | 0 to 0.5 | share of the students that an exploit replaces: max(1, floor(truncation x population)); 0: no exploit. `mf-pbt` replaces quarters of a sub-population and reads 0 alone |
/// | `sub_populations` | -1 | -1, or 1 to population / 2 | of `mf-pbt`; -1: 4, fewer where each would have fewer than 4 students. Other algorithms do not read it |
/// | `frequency_ratio` | 2 | 1 or more | of `mf-pbt`: sub-population i (from 0) evolves every interval x ratio^i reports |
/// | `trial` | 0 | 0 or more | training reports of one trial of `random` and `bayesian`; 0: the whole run |
/// | `hyper_optimizer` | `adam` | `adam`, `sgd` | of hyper-training; the default of `hpm-paper` is `sgd`; with `sgd` the students of `hpm` are not pooled |
/// | `hyper_learning_rate` | 0.06 | 0 or more | step of hyper-training in latent units (`hpm-paper`: in natural units); 0.1 with `sgd` |
/// | `teacher` | `none` | `none`, `attention`, `perceptron`, `linear` | what mutates the guided parameters of a clone; `attention` for `hpm-paper`, `mutation-only` and ``hpm_teacher_create``. `linear` takes dimension^2 weights. Algorithms that never clone (`hypergradient`, `random`, `bayesian`, `memetic`) do not read it |
/// | `teacher_units` | 16 | 1 or more | width of `attention` and `perceptron` |
/// | `teacher_squashing` | `tanh` | `tanh`, `logistic`, `clipped`, `none` | of a teacher's changes: tanh(z), 1 / (1 + exp(-z)) - 1/2, min(max(z, -1), 1), z |
/// | `teacher_activation` | `softmax` | `softmax`, `sigmoid`, `tanh`, `relu`, `none` | of the units of `attention` and `perceptron`; `tanh` for `perceptron` |
/// | `teacher_learning_rate` | 0.1 | 0 to 1e6 | length of its steps; also of those of `reinforced` |
/// | `teacher_evaluations` | -1 | -1 or more | evaluations that train it at each exploit, one of each of the worst students, so at most `population`; -1: half of it; 0: none, it learns from the next ordinary report of each student that it mutated, costs nothing and lets nobody wait |
/// | `mutation_scale` | 0.2 | 0 to 1 | mutation of what no teacher moves: factors of 1 - scale and 1 + scale; for `hpm` 0.1, of a Gaussian in latent units; for `reinforced` 0.1, of that Gaussian at first; `pb2` has no scale; 0: none |
/// | `teacher_share` | 1 | 0 to 1 | upper bound of the teacher's share of the budget |
/// | `direction` | `minimize` | `minimize`, `maximize` | what is done with the reported loss |
/// | `estimator` | `conjugate-gradient` | a name | of hypergradients: `conjugate-gradient`, `neumann`, `nystrom`, `one-step`, `reverse`, `forward`, `finite-differences` or `spsa`: docs/hypergradients.md |
/// | `estimator_iterations` | 20 | 1 or more | iterations of `conjugate-gradient`, terms of `neumann`, rank of `nystrom`, steps of `reverse` and `forward`, samples of `spsa` |
/// | `estimator_learning_rate` | 0.1 | above 0 | of `one-step` and `neumann` |
/// | `estimator_tolerance` | 1e-6 | 0 to 1 | relative residual at which a linear solve has converged |
/// | `estimator_damping` | 0 | 0 or more | added to the Hessian; above 0 for `nystrom`, where it is 1e-3 by default |
/// | `estimator_checkpoints` | 0 | 0 or more | states that `reverse` keeps in memory; 0: all |
/// | `estimator_step` | 1e-4 | above 0 | of `finite-differences` and `spsa`, in units of the hyperparameters |
/// | `difference_step` | 6e-6 | above 0 | relative step of differences that stand in for missing products; 5e-3 for float host vectors |
/// | `check_tolerance` | 1e-4 | 0 to 1 | relative difference from which on a callback is wrong; 1e-2 for float host vectors |
/// | `schedule` | `synchronous` | `synchronous` | students wait for one another between rounds |
public typealias hpm_options = OpaquePointer

/// Creates options, all at their defaults.
///
/// - Parameter out: Receives the options.
/// - Returns: `HPM_OK`, or `HPM_ERROR_ARGUMENT` where `out` is NULL.
/// - Ownership: The caller's, until ``hpm_options_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_create")
public func hpm_options_create(_ out: UnsafeMutablePointer<hpm_options?>?) -> hpm_status {
    attempt { () throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = try Handles.insert(Options())
    }
}

/// Destroys options. Populations that were made with them keep their copy.
///
/// - Parameter options: The options; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where they are no living options.
/// - Thread safety: Any thread; a call that is under way on the handle ends unharmed.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_destroy")
public func hpm_options_destroy(_ options: hpm_options?) -> hpm_status {
    destroy(options, Options.self)
}

/// Sets an option to a whole number: one of the integer options, or a real one.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The value.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key or a value that is not allowed: the
///   sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_integer")
public func hpm_options_set_integer(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: Int64
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: value)
    }
}

/// Sets a real option.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The value, finite.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key, one of another type, or a value that
///   is not allowed: the sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_real")
public func hpm_options_set_real(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: Double
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: value)
    }
}

/// Sets an option from text: a word for those that take one, decimal text for the numbers.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The text, UTF-8; copied.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key or a value that is not allowed: the
///   sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_string")
public func hpm_options_set_string(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: try string(value, "value"))
    }
}
