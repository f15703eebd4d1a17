/// A way to compute a hypergradient: one a file, each with its formula and source.
public protocol Estimator: Sendable {
    /// Its name as an option.
    static var name: String { get }

    /// Asked before anything is computed: what is missing is no matter of luck.
    ///
    /// - Throws: `unsupported` where the problem has no callback, or its vectors no operation, that this
    ///   estimator needs and can't make by differences, naming it.
    func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError)

    /// Writes dF/dh into `result`, and what there is to say of it into the derivatives' certificate.
    func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError)
}

extension BilevelProblem {
    /// The hypergradient dF/dh at (w, h).
    ///
    /// - Parameters:
    ///   - w: What training with `h` led to; for reverse and forward mode, where the unrolled steps
    ///     begin; for best-response, the parameters of the response. Not used by finite differences and SPSA.
    ///   - result: Receives the hypergradient; NaN in every component where the certificate's status
    ///     is not usable.
    ///   - differenceStep: Relative step of the differences that stand in for missing products; nil: what
    ///     balances rounding and truncation at the vectors' precision.
    /// - Throws: `unsupported`, naming a callback that is missing; `callback` where one failed;
    ///   `argument` for a setting that is not allowed.
    public func hypergradient(
        _ estimator: some Estimator, at w: W, _ h: H, into result: H,
        differenceStep: Double? = nil
    ) throws(HPMError) -> Certificate {
        let start = MonotonicClock.seconds()
        let differenceStep = differenceStep ?? balancedDifferenceStep
        var derivatives = Derivatives(self, differenceStep: differenceStep)
        do throws(HPMError) {
            try EstimatorSettings.requirePositive(differenceStep, "difference_step")
            try estimator.requireCallbacks(of: self)
            try estimator.estimate(&derivatives, w, h, into: result)
        } catch {
            // Half an answer is no answer.
            try? hyperparameters.invalidate(result)
            throw error
        }
        if derivatives.certificate.status.isUsable, !(try hyperparameters.isFinite(result)) {
            derivatives.certificate.status = .nonfinite
        }
        if !derivatives.certificate.status.isUsable { try hyperparameters.invalidate(result) }
        derivatives.certificate.seconds = MonotonicClock.seconds() - start
        return derivatives.certificate
    }

    /// The cube root of the precision: 6e-6 in double, 5e-3 in single precision (Nocedal and Wright,
    /// 'Numerical Optimization', 2006, section 8.1).
    var balancedDifferenceStep: Double {
        Elementary.pow(max(parameters.precision, hyperparameters.precision), 1.0 / 3)
    }
}

/// The implicit function theorem, on which four estimators rest: at a minimum of f,
///
///     dF/dh = partial dF/dh - d(q . df/dw)/dh,   (d2f/dw2) q = dF/dw
///
/// They differ in q.
///
/// Source: Bengio, 'Gradient-based optimization of hyperparameters', Neural Computation 12, 2000.
extension Derivatives {
    /// What is left of a linear solve, g - (H + damping) q, g being the unit vector along dF/dw: it is
    /// computed anew, since the one that a recursion carries along drifts from the truth.
    ///
    /// - Parameters:
    ///   - residual: Receives it.
    ///   - product: Overwritten.
    ///   - result: Receives partial dF/dh.
    /// - Returns: Its length.
    mutating func residual(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, damping: Double, _ residual: P.Vector,
        _ product: P.Vector, into result: H.Vector
    ) throws(HPMError) -> Double {
        let space = problem.parameters
        try outerGradient(w, h, residual, result)
        _ = try space.normalize(residual)
        try hessianProduct(w, h, q, product)
        try space.add(-1, product, to: residual)
        if damping > 0 { try space.add(-damping, q, to: residual) }
        return try space.norm(residual)
    }

    /// Ends a linear solve (H + damping I) q = g, g the unit vector along dF/dw.
    ///
    /// - Parameters:
    ///   - length: |dF/dw|.
    ///   - residual: The length of what ``residual(_:_:_:damping:_:_:into:)`` found last.
    ///   - largestResidual: Beyond it there is no estimate. By default that of q = 0, no solve at all.
    ///   - result: Holds partial dF/dh.
    mutating func finishSolve(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, length: Double, residual: Double,
        tolerance: Double, largestResidual: Double = 1, into result: H.Vector
    ) throws(HPMError) {
        certificate.relativeResidual = residual
        guard residual.isFinite else {
            certificate.status = .nonfinite
            return
        }
        guard residual <= largestResidual else {
            certificate.status = .diverged
            return
        }
        certificate.status = residual <= tolerance ? .converged : .iterationLimit
        try subtractCrossProduct(w, h, q, times: length, from: result)
    }

    /// Begins a linear solve: dF/dw, scaled to length 1, in `gradient`.
    ///
    /// - Returns: |dF/dw|; nil where there is nothing to solve, the status being set.
    mutating func beginSolve(
        _ w: P.Vector, _ h: H.Vector, _ gradient: P.Vector, into result: H.Vector
    ) throws(HPMError) -> Double? {
        try outerGradient(w, h, gradient, result)
        let length = try problem.parameters.normalize(gradient)
        if length > 0 { return length }
        certificate.status = length == 0 ? .converged : .nonfinite
        certificate.relativeResidual = length == 0 ? 0 : .nan
        return nil
    }

    /// result = result - factor d(q . df/dw)/dh, `result` holding partial dF/dh. The factor is taken
    /// last: factor q may be beyond the vectors' numbers where the product is not.
    mutating func subtractCrossProduct(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, times factor: Double, from result: H.Vector
    ) throws(HPMError) {
        let product = try makeHyperparameters()
        try crossProduct(w, h, q, product)
        try problem.hyperparameters.add(-factor, product, to: result)
    }
}
