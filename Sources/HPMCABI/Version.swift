/// libhpm tunes hyperparameters while models train.
///
/// A *population* of *students* (models in training, each with its own hyperparameters) trains
/// inside your program. Each student reports its validation loss and, if it can, its
/// *hypergradient*: the derivative of the validation loss with respect to its hyperparameters. The
/// library moves hyperparameters along hypergradients, replaces the weakest students by clones of
/// the strongest, and mutates the clones. It never owns your weights, data, devices or threads.
///
/// The whole interface in a training loop is two calls:
///
///     for (size_t k = 0;; k = (k + 1) % students) {
///         hpm_student_next(population, k, &action, &source, h, n);
///         if (action == HPM_ACTION_STOP) break;
///         if (action == HPM_ACTION_WAIT) continue;
///         if (action == HPM_ACTION_TRAIN) loss = train(k, h, hypergradient);
///         if (action == HPM_ACTION_CLONE) copy_weights(source, k);
///         hpm_student_report(population, k, loss, hypergradient, n);
///     }
///
/// Algorithms with a teacher also ask for HPM_ACTION_EVALUATE, `random` and `bayesian` with trials
/// for HPM_ACTION_RESTART.
///
/// **Outcomes.** Every function that can fail returns an `hpm_status`: 0 is success, a negative
/// number a failure, a positive number a success that needs a word. After a failure
/// ``hpm_last_error`` is a sentence that names the argument, the value and what is allowed, and the
/// state of every object is what it was before the call.
///
/// **Handles** (`hpm_space *` and the like) are tokens, never followed as pointers: NULL, a
/// destroyed handle or one of another type is `HPM_ERROR_HANDLE`, not undefined behaviour. All
/// functions may be called from any thread; calls on one handle are serialised inside.
///
/// **Arrays** are the caller's: their length is passed in elements, inputs are copied before the
/// call returns, nothing is kept.
///
/// **Hyperparameters** cross the interface in natural units as `double`, blocks flattened, in the
/// order in which they were added to the space; integers are whole doubles, choices are indices.
///
/// The method is that of Tao, Li, Ding, Zhang, Zhou and Fu, 'Learning to Mutate with Hypergradient
/// Guided Population', NeurIPS 2020 (HPM).
public let HPM_VERSION: StaticString = "0.1.0"
/// The first component of the version.
public let HPM_VERSION_MAJOR: Int32 = 0
/// The second component of the version.
public let HPM_VERSION_MINOR: Int32 = 1
/// The third component of the version.
public let HPM_VERSION_PATCH: Int32 = 0

/// The version of the binary interface that this header describes; compare ``hpm_abi_version``.
public let HPM_ABI_VERSION: Int32 = 0

/// The version of the library that is running, such as "0.1.0"; `HPM_VERSION` is the header's.
///
/// - Returns: A NUL-terminated string that is never freed.
/// - Thread safety: Any thread.
/// - Since: 0.1
@_cdecl("hpm_version")
public func hpm_version() -> UnsafePointer<CChar>? {
    constantCString(HPM_VERSION)
}

/// The version of the binary interface: programs built for one number run with any library of the
/// same number. It is also the number in the name `libhpm.so.0`.
///
/// - Returns: 0.
/// - Thread safety: Any thread.
/// - Since: 0.1
@_cdecl("hpm_abi_version")
public func hpm_abi_version() -> Int32 {
    HPM_ABI_VERSION
}
