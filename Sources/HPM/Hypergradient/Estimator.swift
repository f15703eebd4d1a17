/// A way to compute a hypergradient: one a file, each with its formula and source.
public protocol Estimator: Sendable {
    /// Its name as an option.
    static var name: String { get }

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
    ///     begin. Not used by finite differences and SPSA.
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
        var derivatives = Derivatives(
            self, differenceStep: differenceStep ?? balancedDifferenceStep)
        do throws(HPMError) {
            try estimator.estimate(&derivatives, w, h, into: result)
        } catch {
            // Half an answer is no answer.
            try? hyperparameters.invalidate(result)
            throw error
        }
        if derivatives.certificate.status.isUsable, !(try isFinite(result)) {
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

    private func isFinite(_ vector: H) throws(HPMError) -> Bool {
        if try hyperparameters.dot(vector, vector).isFinite { return true }
        // The square alone may be beyond a double.
        return try hyperparameters.normalize(hyperparameters.makeCopy(of: vector)).isFinite
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
    /// Ends a linear solve (H + damping) q = g, g the unit vector along dF/dw: the residual is computed
    /// anew, since the one that a recursion carries along drifts from the truth.
    ///
    /// - Parameters:
    ///   - scratch: Two vectors, overwritten.
    ///   - length: |dF/dw|, by which q is scaled at the end.
    mutating func finishSolve(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, scratch: (P.Vector, P.Vector), length: Double,
        damping: Double, tolerance: Double, into result: H.Vector
    ) throws(HPMError) {
        let space = problem.parameters
        let (gradient, product) = scratch
        try outerGradient(w, h, gradient, result)
        _ = try space.normalize(gradient)
        try hessianProduct(w, h, q, product)
        if damping > 0 { try space.add(damping, q, to: product) }
        try space.add(-1, product, to: gradient)
        certificate.relativeResidual = try space.norm(gradient)
        guard certificate.relativeResidual.isFinite else {
            certificate.status = .nonfinite
            return
        }
        certificate.status =
            certificate.relativeResidual <= tolerance ? .converged : .iterationLimit
        try space.scale(q, by: length)
        try subtractCrossProduct(w, h, q, from: result)
    }

    /// Begins a linear solve: dF/dw, scaled to length 1, in `gradient`.
    ///
    /// - Returns: |dF/dw|; nil where there is nothing to solve, the status being set.
    mutating func beginSolve(
        _ w: P.Vector, _ h: H.Vector, _ gradient: P.Vector, into result: H.Vector,
        needsHessian: Bool = true
    ) throws(HPMError) -> Double? {
        if needsHessian { try requireHessianProduct() }
        try requireCrossProduct()
        try outerGradient(w, h, gradient, result)
        let length = try problem.parameters.normalize(gradient)
        if length > 0 { return length }
        certificate.status = length == 0 ? .converged : .nonfinite
        certificate.relativeResidual = length == 0 ? 0 : .nan
        return nil
    }

    /// result = result - d(q . df/dw)/dh, `result` holding partial dF/dh.
    mutating func subtractCrossProduct(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, from result: H.Vector
    ) throws(HPMError) {
        let product = try makeHyperparameters()
        try crossProduct(w, h, q, product)
        try problem.hyperparameters.add(-1, product, to: result)
    }
}
