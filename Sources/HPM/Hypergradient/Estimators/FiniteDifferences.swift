/// Central differences of the response, the outer loss that training with h leads to:
///
///     dF/dh_i = (F(h + e u_i) - F(h - e u_i)) / 2e + O(e^2)
///
/// Needs no derivative: 2 evaluations of the response for each hyperparameter.
public struct FiniteDifferences: Estimator {
    public static let name = "finite-differences"
    public let step: Double

    /// - Parameter step: e, in the units of h.
    public init(step: Double) throws(HPMError) {
        try Settings.requirePositive(step, "step")
        self.step = step
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.hyperparameters
        let dimension = try Settings.requireDimension(space.dimension, "finite differences")
        let unit = try derivatives.makeHyperparameters()
        let shifted = try derivatives.makeHyperparameters()
        try space.scale(result, by: 0)
        for index in 0..<dimension {
            try space.setUnit(unit, index: index)
            let difference = try derivatives.difference(around: h, along: unit, step, in: shifted)
            try space.add(difference, unit, to: result)
        }
        derivatives.certificate.iterations = dimension
    }
}

extension Derivatives {
    /// (F(h + step d) - F(h - step d)) / 2 step.
    mutating func difference(
        around h: H.Vector, along direction: H.Vector, _ step: Double, in shifted: H.Vector
    ) throws(HPMError) -> Double {
        let space = problem.hyperparameters
        try space.copy(h, to: shifted)
        try space.add(step, direction, to: shifted)
        let above = try response(shifted)
        try space.copy(h, to: shifted)
        try space.add(-step, direction, to: shifted)
        return (above - (try response(shifted))) / (2 * step)
    }
}
