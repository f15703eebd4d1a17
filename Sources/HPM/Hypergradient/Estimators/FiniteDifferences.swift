/// Central differences of the response, the outer loss that training with h leads to:
///
///     dF/dh_i = (F(h + e u_i) - F(h - e u_i)) / 2e + O(e^2)
///
/// Needs no derivative: 2 evaluations of the response for each hyperparameter. Divides by the steps as
/// rounding leaves them; one of 0 is an error that names the hyperparameter.
public struct FiniteDifferences: Estimator {
    public static let name = "finite-differences"
    public let step: Double

    /// - Parameter step: e, in the units of h.
    public init(step: Double) throws(HPMError) {
        try EstimatorSettings.requirePositive(step, "step")
        self.step = step
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireResponse()
        try problem.requireUnits("finite differences")
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.hyperparameters
        let dimension = try EstimatorSettings.requireDimension(space.dimension, "finite differences")
        let unit = try derivatives.makeHyperparameters()
        let shifted = try derivatives.makeHyperparameters()
        try space.scale(result, by: 0)
        for index in 0..<dimension {
            try space.setUnit(unit, index: index)
            // The step that is really taken, which rounding makes another one: exact, since every other
            // product is 0.
            let place = try space.dot(h, unit)
            try space.copyShifted(h, by: -step, unit, to: shifted)
            let lower = try space.dot(shifted, unit)
            try space.copyShifted(h, by: step, unit, to: shifted)
            let taken = try space.dot(shifted, unit) - lower
            guard taken.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            guard taken > 0 else { throw Self.lostStep(step, hyperparameter: index, place) }
            let above = try derivatives.response(shifted)
            try space.copyShifted(h, by: -step, unit, to: shifted)
            let below = try derivatives.response(shifted)
            try space.add((above - below) / taken, unit, to: result)
        }
        derivatives.certificate.iterations = dimension
    }

    static func lostStep(_ step: Double, hyperparameter index: Int, _ place: Double) -> HPMError {
        HPMError(
            .argument,
            "step is \(step), which is lost in the rounding of hyperparameter \(index), \(place); allowed: steps that change every hyperparameter")
    }
}

extension VectorSpace {
    /// target = vector + step direction.
    func copyShifted(
        _ vector: Vector, by step: Double, _ direction: Vector, to target: Vector
    ) throws(HPMError) {
        try copy(vector, to: target)
        try add(step, direction, to: target)
    }
}
