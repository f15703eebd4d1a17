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
    ///   - differenceStep: Relative step of the differences that stand in for missing products.
    /// - Throws: `unsupported`, naming a callback that is missing; `callback` where one failed;
    ///   `argument` for a setting that is not allowed.
    public func hypergradient(
        _ estimator: some Estimator, at w: W, _ h: H, into result: H,
        differenceStep: Double = 6e-6
    ) throws(HPMError) -> Certificate {
        let start = MonotonicClock.seconds()
        var derivatives = Derivatives(self, differenceStep: differenceStep)
        try estimator.estimate(&derivatives, w, h, into: result)
        let size = try hyperparameters.dot(result, result)
        if derivatives.certificate.status.isUsable && !size.isFinite {
            derivatives.certificate.status = .nonfinite
        }
        if !derivatives.certificate.status.isUsable { try hyperparameters.invalidate(result) }
        derivatives.certificate.seconds = MonotonicClock.seconds() - start
        return derivatives.certificate
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
    /// result = result - d(q . df/dw)/dh, `result` holding partial dF/dh.
    mutating func subtractCrossProduct(
        _ w: P.Vector, _ h: H.Vector, _ q: P.Vector, from result: H.Vector
    ) throws(HPMError) {
        let product = try makeHyperparameters()
        try crossProduct(w, h, q, product)
        try problem.hyperparameters.add(-1, product, to: result)
    }
}
