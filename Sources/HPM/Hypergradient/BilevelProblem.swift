/// A bilevel problem, described by closures on the user's own vectors: an outer loss F(w, h) of the
/// parameters w and the hyperparameters h, and what made w: the minimum of an inner loss f(w, h), or
/// steps w' = step(w, h) of an optimizer.
///
/// Set the closures that you have. An estimator that needs another one makes it by differences where
/// it can, and else throws `unsupported`, naming it.
public struct BilevelProblem<Parameters: VectorSpace, Hyperparameters: VectorSpace> {
    public typealias W = Parameters.Vector
    public typealias H = Hyperparameters.Vector

    public let parameters: Parameters
    public let hyperparameters: Hyperparameters

    /// F(w, h).
    public var outerLoss: ((_ w: W, _ h: H) throws(HPMError) -> Double)?
    /// dF/dw into the third, partial dF/dh into the fourth, which holds zeros: leave it where F does
    /// not depend on h directly.
    public var outerGradient: ((_ w: W, _ h: H, _ dw: W, _ dh: H) throws(HPMError) -> Void)?
    /// f(w, h): for ``check(at:_:tolerance:differenceStep:seed:)`` alone.
    public var innerLoss: ((_ w: W, _ h: H) throws(HPMError) -> Double)?
    /// df/dw.
    public var innerGradient: ((_ w: W, _ h: H, _ result: W) throws(HPMError) -> Void)?
    /// df/dh, of which the cross product is made by differences.
    public var innerHyperGradient: ((_ w: W, _ h: H, _ result: H) throws(HPMError) -> Void)?
    /// (d2f/dw2) v.
    public var hessianProduct: ((_ w: W, _ h: H, _ v: W, _ result: W) throws(HPMError) -> Void)?
    /// d(v . df/dw)/dh.
    public var crossProduct: ((_ w: W, _ h: H, _ v: W, _ result: H) throws(HPMError) -> Void)?
    /// w' of the optimizer step of an index, from 0.
    public var step: ((_ index: Int, _ w: W, _ h: H, _ result: W) throws(HPMError) -> Void)?
    /// (dw'/dw) dw + (dw'/dh) dh.
    public var stepForward:
        ((_ index: Int, _ w: W, _ h: H, _ dw: W, _ dh: H, _ result: W) throws(HPMError) -> Void)?
    /// (dw'/dw)^T v and (dw'/dh)^T v. Both are to be written; they hold NaN.
    public var stepBackward:
        ((_ index: Int, _ w: W, _ h: H, _ v: W, _ dw: W, _ dh: H) throws(HPMError) -> Void)?
    /// F at the parameters that training with h leads to: for losses without derivatives.
    public var response: ((_ h: H) throws(HPMError) -> Double)?

    public init(parameters: Parameters, hyperparameters: Hyperparameters) {
        self.parameters = parameters
        self.hyperparameters = hyperparameters
    }
}
