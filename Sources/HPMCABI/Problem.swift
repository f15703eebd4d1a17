import HPM

/// A bilevel problem: an outer loss F(w, h) of the parameters w and the hyperparameters h, and what
/// made w: the minimum of an inner loss f(w, h), or steps w' = step(w, h) of an optimizer. It is
/// described by callbacks on vectors of your own.
public typealias hpm_problem = OpaquePointer

/// A loss at (w, h): F for `outer_loss`, f for `inner_loss`.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - w: The parameters.
///   - h: The hyperparameters.
///   - loss: Receives the loss.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_loss_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ w: UnsafeRawPointer?, _ h: UnsafeRawPointer?,
    _ loss: UnsafeMutablePointer<Double>?
) -> Int32

/// The gradients of the outer loss F.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - w: The parameters.
///   - h: The hyperparameters.
///   - dw: Receives dF/dw.
///   - dh: Receives the partial derivative dF/dh. It holds zeros: leave it where F does not depend on
///     h directly.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_outer_gradient_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ w: UnsafeRawPointer?, _ h: UnsafeRawPointer?,
    _ dw: UnsafeMutableRawPointer?, _ dh: UnsafeMutableRawPointer?
) -> Int32

/// A gradient of the inner loss f: df/dw for `inner_gradient`, df/dh for `inner_hyper_gradient`.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - w: The parameters.
///   - h: The hyperparameters.
///   - result: Receives the gradient.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_inner_gradient_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ w: UnsafeRawPointer?, _ h: UnsafeRawPointer?,
    _ result: UnsafeMutableRawPointer?
) -> Int32

/// A product with second derivatives of the inner loss f: (d2f/dw2) v for `hessian_product`, a vector
/// of parameters; d(v . df/dw)/dh for `cross_product`, a vector of hyperparameters.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - w: The parameters.
///   - h: The hyperparameters.
///   - v: A vector of parameters.
///   - result: Receives the product.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_product_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ w: UnsafeRawPointer?, _ h: UnsafeRawPointer?,
    _ v: UnsafeRawPointer?, _ result: UnsafeMutableRawPointer?
) -> Int32

/// One step of the optimizer.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - index: Which of the unrolled steps, from 0; asked again it has to give the same.
///   - w: The parameters before the step.
///   - h: The hyperparameters.
///   - result: Receives the parameters after the step.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_step_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ index: UInt, _ w: UnsafeRawPointer?,
    _ h: UnsafeRawPointer?, _ result: UnsafeMutableRawPointer?
) -> Int32

/// The step's product with tangents (JVP).
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - index: Which of the unrolled steps, from 0.
///   - w: The parameters before the step.
///   - h: The hyperparameters.
///   - dw: A direction of the parameters.
///   - dh: A direction of the hyperparameters.
///   - result: Receives (dw'/dw) dw + (dw'/dh) dh.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_step_forward_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ index: UInt, _ w: UnsafeRawPointer?,
    _ h: UnsafeRawPointer?, _ dw: UnsafeRawPointer?, _ dh: UnsafeRawPointer?,
    _ result: UnsafeMutableRawPointer?
) -> Int32

/// The step's products with a cotangent (VJP).
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - index: Which of the unrolled steps, from 0.
///   - w: The parameters before the step.
///   - h: The hyperparameters.
///   - v: A vector of parameters.
///   - dw: Receives (dw'/dw)^T v.
///   - dh: Receives (dw'/dh)^T v. Both outputs have to be written, zeros where there is no dependence: they
///     hold NaN before the call.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_step_backward_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ index: UInt, _ w: UnsafeRawPointer?,
    _ h: UnsafeRawPointer?, _ v: UnsafeRawPointer?, _ dw: UnsafeMutableRawPointer?,
    _ dh: UnsafeMutableRawPointer?
) -> Int32

/// The outer loss that training with h leads to, for losses without derivatives.
///
/// - Parameters:
///   - context: What was handed to ``hpm_problem_create``.
///   - h: The hyperparameters.
///   - loss: Receives the loss.
/// - Returns: 0; anything else ends the estimate with `HPM_ERROR_CALLBACK`.
public typealias hpm_response_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ h: UnsafeRawPointer?, _ loss: UnsafeMutablePointer<Double>?
) -> Int32

/// The callbacks of a problem. Set those that you have; an estimator that needs another one makes it
/// by differences where it can, and else is `HPM_ERROR_UNSUPPORTED`, with a sentence that names it.
///
/// | estimator | needs |
/// | --- | --- |
/// | `conjugate-gradient`, `neumann`, `nystrom` | `outer_gradient`; `hessian_product` or `inner_gradient`; `cross_product` or `inner_hyper_gradient` |
/// | `one-step` | `outer_gradient`; `cross_product` or `inner_hyper_gradient` |
/// | `reverse` | `outer_gradient`, `step`, `step_backward` |
/// | `forward` | `outer_gradient`, `step`; better with `step_forward` |
/// | `finite-differences`, `spsa` | `response` |
/// | `best-response` | `outer_gradient` |
public struct hpm_problem_callbacks {
    /// sizeof(hpm_problem_callbacks): tells the library which members your program knows.
    public var size: UInt
    /// For ``hpm_problem_check`` alone.
    public var outer_loss: hpm_loss_callback?
    public var outer_gradient: hpm_outer_gradient_callback?
    /// For ``hpm_problem_check`` alone.
    public var inner_loss: hpm_loss_callback?
    public var inner_gradient: hpm_inner_gradient_callback?
    public var inner_hyper_gradient: hpm_inner_gradient_callback?
    public var hessian_product: hpm_product_callback?
    public var cross_product: hpm_product_callback?
    public var step: hpm_step_callback?
    public var step_forward: hpm_step_forward_callback?
    public var step_backward: hpm_step_backward_callback?
    public var response: hpm_response_callback?
}
public typealias hpm_problem_callbacks_pointer = UnsafeRawPointer

/// How an estimate ended.
public typealias hpm_certificate_status = Int32
/// The linear system was solved to the tolerance, or the estimator solves none and ran to its end.
public let HPM_CERTIFICATE_CONVERGED: hpm_certificate_status = 0
/// The tolerance was not reached, for want of iterations or of precision: an estimate with the residual
/// that is given, which is 1 or less.
public let HPM_CERTIFICATE_ITERATION_LIMIT: hpm_certificate_status = 1
/// A direction of negative curvature was met: there is no minimum to differentiate. No estimate.
public let HPM_CERTIFICATE_INDEFINITE: hpm_certificate_status = 2
/// A direction without curvature was met: the minimum is not unique. No estimate.
public let HPM_CERTIFICATE_SINGULAR: hpm_certificate_status = 3
/// A callback gave a number that is NaN or infinite. No estimate.
public let HPM_CERTIFICATE_NONFINITE: hpm_certificate_status = 4
/// A linear solve ended with a relative residual above 1, which is worse than no solve (q = 0 has 1).
/// `neumann`: `estimator_learning_rate` is above 2 / the largest curvature. `nystrom`: curvature lies outside
/// of the sketch, so that `estimator_iterations` is too small or `estimator_damping` is. `conjugate-gradient`,
/// whose error falls while its residual may grow, is given up above 100: the Hessian is nearly singular, or
/// `estimator_iterations` too small. No estimate.
public let HPM_CERTIFICATE_DIVERGED: hpm_certificate_status = 5
/// The call that was to write the certificate ended with an error: its status and ``hpm_last_error`` say
/// which. No estimate; every other member is 0, or NaN where it is a number without a value.
public let HPM_CERTIFICATE_ERROR: hpm_certificate_status = 6

/// What an estimator says of its own result.
public struct hpm_certificate {
    /// Set it to sizeof(hpm_certificate) before the call: no member beyond it is written.
    public var size: UInt
    public var status: hpm_certificate_status
    /// Always 0.
    public var reserved: Int32
    /// Of the linear solve, or steps that were unrolled, or samples; 0 of `best-response`.
    public var iterations: UInt64
    /// The norm of dF/dw - (H + damping) q over that of dF/dw; NaN where no linear system is solved.
    public var relative_residual: Double
    /// The smallest v.Hv / v.v met; NaN where there was none.
    public var smallest_curvature: Double
    /// Seconds that the estimate took, callbacks included.
    public var seconds: Double
    /// Calls of `outer_loss` and `response`.
    public var losses: UInt64
    public var outer_gradients: UInt64
    /// Calls of `inner_gradient`.
    public var inner_gradients: UInt64
    public var inner_hyper_gradients: UInt64
    /// Calls of `hessian_product`. A product that is made by differences counts as its gradients.
    public var hessian_products: UInt64
    /// Calls of `cross_product`.
    public var cross_products: UInt64
    public var steps: UInt64
    /// Calls of `step_forward` and `step_backward`.
    public var step_products: UInt64
    /// Vectors of parameters that were made.
    public var parameter_vectors: UInt64
    /// Vectors of hyperparameters that were made.
    public var hyperparameter_vectors: UInt64
}
public typealias hpm_certificate_pointer = UnsafeMutableRawPointer

/// What a check says of a callback.
public typealias hpm_finding_verdict = Int32
/// It passed the test.
public let HPM_FINDING_RIGHT: hpm_finding_verdict = 0
/// It is wrong.
public let HPM_FINDING_WRONG: hpm_finding_verdict = 1
/// It contradicts another callback, and nothing tells which of the two is wrong.
public let HPM_FINDING_DISAGREES: hpm_finding_verdict = 2
/// The test could not be made, or told nothing: the callback may be right or wrong.
public let HPM_FINDING_NOT_CHECKED: hpm_finding_verdict = 3

/// What a check's verdict rests on. Those from `HPM_REASON_MISSING_REFERENCE` on are why a callback was
/// not checked.
public typealias hpm_finding_reason = Int32
/// It was compared with another callback, or with itself by its symmetry.
public let HPM_REASON_COMPARISON: hpm_finding_reason = 0
/// It was asked again with the same input: right where it gives the same and no more can be tested of it,
/// wrong where it does not.
public let HPM_REASON_REPETITION: hpm_finding_reason = 1
/// It gives numbers that are not finite, or leaves some unwritten.
public let HPM_REASON_NOT_FINITE: hpm_finding_reason = 2
/// The problem does not have the other callback.
public let HPM_REASON_MISSING_REFERENCE: hpm_finding_reason = 3
/// The other callback is wrong itself.
public let HPM_REASON_WRONG_REFERENCE: hpm_finding_reason = 4
/// The other callback agrees with it, and disagrees with a third.
public let HPM_REASON_DISPUTED_REFERENCE: hpm_finding_reason = 5
/// Differences of the other callback are not finite at this place.
public let HPM_REASON_REFERENCE_NOT_FINITE: hpm_finding_reason = 6
/// What was to be compared is beyond the range of the numbers at this place.
public let HPM_REASON_TOO_LARGE: hpm_finding_reason = 7
/// At this place a wrong number could hide in the rounding of the differences.
public let HPM_REASON_ROUNDING: hpm_finding_reason = 8
/// Differences of the other callback depend on the length of their step at this place, as where kinks of
/// rectified units are crossed.
public let HPM_REASON_KINKS: hpm_finding_reason = 9
/// Symmetry or the adjoint identity holds, as it would for any multiple of what the callback gives, and
/// nothing else was there to test it by.
public let HPM_REASON_IDENTITY: hpm_finding_reason = 10

/// What one test of ``hpm_problem_check`` found of one callback. The texts are the library's: they stay
/// valid until the thread's next ``hpm_problem_check`` returns, or the thread's end.
public struct hpm_finding {
    /// Set it to sizeof(hpm_finding) before the call: no member beyond it is written.
    public var size: UInt
    public var verdict: hpm_finding_verdict
    public var reason: hpm_finding_reason
    /// The callback's name, as in `hpm_problem_callbacks`.
    public var callback: UnsafePointer<CChar>?
    /// The name of the callback that it was compared with, or would have been; NULL where it was judged
    /// by itself.
    public var other: UnsafePointer<CChar>?
    /// The relative difference of what was compared; infinite where the callback gives numbers that are
    /// not finite; NaN where nothing was compared.
    public var error: Double
    /// The error from which on a callback is wrong: `check_tolerance`, or, where it was asked again, what
    /// sums in another order explain.
    public var tolerance: Double
    /// The line of the check's report, without a newline.
    public var sentence: UnsafePointer<CChar>?
}
public typealias hpm_finding_pointer = UnsafeMutableRawPointer

/// Makes a problem.
///
/// - Parameters:
///   - parameters: The space of w; copied.
///   - hyperparameters: The space of h; copied.
///   - callbacks: The callbacks; copied.
///   - context: Handed to every callback; never looked at. It has to outlive the problem
///     and the populations whose students it was set for. May be NULL.
///   - out: Receives the problem.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Ownership: The caller's, until ``hpm_problem_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_problem_create")
public func hpm_problem_create(
    _ parameters: hpm_vectors?, _ hyperparameters: hpm_vectors?,
    _ callbacks: hpm_problem_callbacks_pointer?, _ context: UnsafeMutableRawPointer?,
    _ out: UnsafeMutablePointer<hpm_problem?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let out = try require(out, "out")
        let parameters = try vectorSpace(parameters, "parameters")
        let hyperparameters = try vectorSpace(hyperparameters, "hyperparameters")
        let callbacks = try require(callbacks, "callbacks")
        out.pointee = try Handles.insert(
            try ForeignProblem(
                parameters: parameters, hyperparameters: hyperparameters, callbacks: callbacks,
                context: context))
    }
}

/// Destroys a problem. Students that it was set for keep their copy.
///
/// - Parameter problem: The problem; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where it is no living problem.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_problem_destroy")
public func hpm_problem_destroy(_ problem: hpm_problem?) -> hpm_status {
    destroy(problem, ForeignProblem.self)
}

/// The hypergradient dF/dh of a problem, with a certificate.
///
/// The option `estimator` says how. An estimate that failed is `HPM_FAILED_ESTIMATE`: the certificate's
/// status says why, and every component of `result` is NaN, which a population takes for 'no
/// derivative'. It is never a silent zero. ``hpm_last_error`` then says what happened and what to do.
///
/// - Parameters:
///   - problem: The problem.
///   - options: The keys that begin with `estimator`, `difference_step` and `seed`. NULL: defaults.
///   - w: A vector of parameters: what training with `h` led to; for `reverse` and `forward`, where the
///     unrolled steps begin; for `best-response`, those of the response. Not read by
///     `finite-differences` and `spsa`, where any vector will do.
///   - h: A vector of hyperparameters.
///   - result: A vector of hyperparameters, neither `w` nor `h`, that receives the hypergradient.
///   - certificate: Receives what there is to say of it; after an error the status
///     `HPM_CERTIFICATE_ERROR`. May be NULL.
/// - Returns: `HPM_OK`, `HPM_FAILED_ESTIMATE`, `HPM_ERROR_UNSUPPORTED` (a callback is missing: the
///   sentence names it), `HPM_ERROR_CALLBACK`, `HPM_ERROR_ARGUMENT` (also where `estimator_step` is lost in
///   the rounding of a hyperparameter: the sentence names it), `HPM_ERROR_MEMORY` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread. No lock is held during callbacks, which come from this thread.
/// - Complexity: By estimator: docs/hypergradients.md.
/// - Since: 0.1
@_cdecl("hpm_problem_hypergradient")
public func hpm_problem_hypergradient(
    _ problem: hpm_problem?, _ options: hpm_options?, _ w: UnsafeRawPointer?,
    _ h: UnsafeRawPointer?, _ result: UnsafeMutableRawPointer?,
    _ certificate: hpm_certificate_pointer?
) -> hpm_status {
    var failure: String?
    CertificateTarget.invalidate(certificate)
    let status = attempt { () throws(HPMError) in
        let problem = try Handles.find(problem, ForeignProblem.self).state.withLock { $0 }
        let options = try optionsOrDefaults(options).resolved()
        let w = try require(w, "w")
        let h = try require(h, "h")
        let result = try require(result, "result")
        guard UnsafeRawPointer(result) != h, UnsafeRawPointer(result) != w else {
            throw HPMError(.argument, "result is w or h; allowed: another vector")
        }
        var target: CertificateTarget?
        if let certificate { target = try CertificateTarget(certificate) }
        let found = try problem.hypergradient(options, w: w, h: h, result: result)
        target?.write(found)
        failure = found.failure
    }
    guard status == HPM_OK, let failure else { return status }
    ThreadState.current.setError(failure)
    return HPM_FAILED_ESTIMATE
}

/// Tests a problem's callbacks: each gives the same when asked again with the same input; symmetry of
/// the Hessian product; the adjoint identity of the step's two products; each derivative against
/// differences of what it is the derivative of. It says in words which one is wrong and by how much;
/// ``hpm_last_finding`` says it in numbers. Vectors need the operation `random`.
///
/// `outer_loss`, `inner_loss`, `step` and `response` say what the problem is: what contradicts them is
/// wrong, and of themselves repetition alone is tested. Where two callbacks contradict each other and
/// none of them is confirmed by another, the line says that they disagree. A product for which there is
/// nothing but symmetry or the adjoint identity, which any multiple of it keeps, is said to be not checked.
/// Differences are taken by a step of `difference_step`, where they contradict also by shorter ones, down
/// to 1/256 of it or to rounding: where those differ among one another, as at the kinks of rectified units, what they
/// can't decide is said to be not checked.
///
/// - Parameters:
///   - problem: The problem.
///   - options: Reads `check_tolerance`, `difference_step` and `seed`. NULL: defaults.
///   - w: A vector of parameters, any that is not special.
///   - h: A vector of hyperparameters, likewise.
///   - out: Array of `capacity` bytes that receives a line for each test, NUL-terminated. NULL: the
///     size alone.
///   - capacity: Its size in bytes; 0 where `out` is NULL.
///   - needed: Receives the size in bytes that the lines take, the NUL counted.
/// - Returns: `HPM_OK`, `HPM_WRONG_DERIVATIVE` (a callback is wrong, or two disagree; also written by
///   ``hpm_last_error``: the first such line), `HPM_ERROR_CAPACITY`, `HPM_ERROR_CALLBACK`, `HPM_ERROR_UNSUPPORTED`, `HPM_ERROR_ARGUMENT`,
///   `HPM_ERROR_MEMORY` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread. No lock is held during callbacks.
/// - Complexity: About 40 calls of each callback, up to five times as many of those that seem wrong.
/// - Since: 0.1
@_cdecl("hpm_problem_check")
public func hpm_problem_check(
    _ problem: hpm_problem?, _ options: hpm_options?, _ w: UnsafeRawPointer?,
    _ h: UnsafeRawPointer?, _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    var findings: [CallbackFinding] = []
    let status = attempt { () throws(HPMError) in
        let problem = try Handles.find(problem, ForeignProblem.self).state.withLock { $0 }
        let options = try optionsOrDefaults(options).resolved()
        let w = try require(w, "w")
        let h = try require(h, "h")
        let needed = try require(needed, "needed")
        findings = try problem.check(options, w: w, h: h)
        try copy(findings.map(\.words).joined(separator: "\n"), to: out, capacity, needed)
    }
    ThreadState.current.findings = FindingList(findings)
    guard status == HPM_OK, let fault = findings.first(where: { $0.isFault }) else { return status }
    ThreadState.current.setError(fault.words)
    return HPM_WRONG_DERIVATIVE
}

/// How many findings the last ``hpm_problem_check`` of this thread made, which is how many lines its
/// report has.
///
/// - Returns: The number. 0 where there was no check, or where the last one ended with an error other than
///   `HPM_ERROR_CAPACITY`: then it was made, and only its report found no room.
/// - Thread safety: Each thread has its own.
/// - Since: 0.1
@_cdecl("hpm_last_finding_count")
public func hpm_last_finding_count() -> UInt {
    UInt(ThreadState.current.findings.findings.count)
}

/// One of the findings of the last ``hpm_problem_check`` of this thread: what a line of its report says,
/// for programs. A program that needs no report calls the check with `out` NULL.
///
/// - Parameters:
///   - index: Which, from 0, in the order of the report's lines.
///   - finding: Receives it. Set its size before.
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` where there are no findings, or `HPM_ERROR_ARGUMENT`.
/// - Ownership: The texts are the library's, until the thread's next check returns.
/// - Thread safety: Each thread has its own.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_last_finding")
public func hpm_last_finding(_ index: UInt, _ finding: hpm_finding_pointer?) -> hpm_status {
    attempt { () throws(HPMError) in
        let target = try StructTarget<hpm_finding>(
            try require(finding, "finding"), firstSize: 56, "finding")
        let findings = ThreadState.current.findings.findings
        guard !findings.isEmpty else {
            throw HPMError(.noResult, "there is no finding: this thread's last hpm_problem_check made none")
        }
        guard index < UInt(findings.count) else {
            throw HPMError(.argument, "index is \(index); allowed: 0 to \(findings.count - 1)")
        }
        target.write(findings[Int(index)])
    }
}

/// The callback that a problem lacked where the last call that failed on this thread did so for that:
/// what the sentence of an `HPM_ERROR_UNSUPPORTED` names, for programs.
///
/// - Returns: Its name, as in `hpm_problem_callbacks`; empty where the last failure had another cause, or
///   there was none. It belongs to the library and stays valid until the next failure on this thread or
///   the thread's end.
/// - Thread safety: Each thread has its own.
/// - Since: 0.1
@_cdecl("hpm_last_missing_callback")
public func hpm_last_missing_callback() -> UnsafePointer<CChar>? {
    ThreadState.current.missingCallback.pointer
}

/// Registers a problem for a student: ``hpm_population_run`` computes the student's hypergradient from
/// it after each `train` and `evaluate` callback that returns none, by the population's option
/// `estimator`, and reports its cost: seconds of the callback and of the estimate, unless the callback
/// reports a cost itself. Random directions are drawn with a seed of their own for each student,
/// training report and evaluation.
///
/// The hyperparameters are written into a vector of the problem's space, which needs the operations
/// `write` and `read` unless it is one of host vectors. What the population's estimator needs is asked
/// for here, before anything runs.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - problem: Copied. NULL: the student has none from now on.
///   - w: The student's parameters, read when `train` or `evaluate` has returned; for `reverse` and
///     `forward`, where the unrolled steps begin. It has to outlive the runs. NULL where `problem` is
///     NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (also where the problem's dimension is another),
///   `HPM_ERROR_UNSUPPORTED` (a callback, or an operation of vectors, that the population's estimator needs
///   is missing: the sentence names it) or `HPM_ERROR_HANDLE`. After an error the student keeps the
///   problem that it had.
/// - Thread safety: Any thread, also inside a callback.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_set_problem")
public func hpm_student_set_problem(
    _ population: hpm_population?, _ student: UInt, _ problem: hpm_problem?, _ w: UnsafeRawPointer?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let object = try Handles.find(population, DrivenPopulation.self)
        var registered: StudentProblem?
        if problem != nil {
            registered = StudentProblem(
                problem: try Handles.find(problem, ForeignProblem.self).state.withLock { $0 },
                w: try require(w, "w"))
        } else if w != nil {
            throw HPMError(.argument, "problem is NULL and w is not; allowed: NULL with NULL")
        }
        try object.state.withLock { (driven) throws(HPMError) in
            let student = try driven.population.index(student)
            try registered?.problem.requireUsable(
                by: driven.population.options, dimension: driven.population.dimension)
            driven.problems[student] = registered
            driven.certificates[student] = nil
        }
    }
}

/// The certificate of a student's latest hypergradient that ``hpm_population_run`` computed.
///
/// - Parameters:
///   - population: The population.
///   - student: Which student, from 0.
///   - certificate: Receives it; after an error the status `HPM_CERTIFICATE_ERROR`.
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` before there is one, `HPM_ERROR_ARGUMENT` or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread, also inside a callback.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_student_certificate")
public func hpm_student_certificate(
    _ population: hpm_population?, _ student: UInt, _ certificate: hpm_certificate_pointer?
) -> hpm_status {
    CertificateTarget.invalidate(certificate)
    return edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        let student = try driven.population.index(student)
        let certificate = try require(certificate, "certificate")
        let target = try CertificateTarget(certificate)
        guard let found = driven.certificates[student] else {
            throw HPMError(
                .noResult, "student \(student) has no certificate: no hypergradient was computed for it")
        }
        target.write(found)
    }
}
