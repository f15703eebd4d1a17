/// Forward mode through `steps` optimizer steps, which begin at w, once for each hyperparameter:
///
///     z_0 = 0,  z_t+1 = (dw_t+1/dw_t) z_t + (dw_t+1/dh) e_i,   dF/dh_i = partial + z_K . dF/dw
///
/// Exact for those steps. Its memory does not grow with the steps; its time grows with the number of
/// hyperparameters. 5 vectors of parameters.
///
/// Source: Franceschi et al., 'Forward and reverse gradient-based hyperparameter optimization', ICML
/// 2017, section 3.2.
public struct ForwardMode: Estimator {
    public static let name = "forward"
    public let steps: Int

    public init(steps: Int) throws(HPMError) {
        try EstimatorSettings.requireCount(steps, "steps")
        self.steps = steps
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireOuterGradient()
        try problem.requireStep()
        try problem.requireUnits("forward mode")
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let (parameters, hyperparameters) = (
            derivatives.problem.parameters, derivatives.problem.hyperparameters
        )
        let dimension = try EstimatorSettings.requireDimension(hyperparameters.dimension, "forward mode")
        var state = try derivatives.makeParameters()
        var next = try derivatives.makeParameters()
        var tangent = try derivatives.makeParameters()
        var pushed = try derivatives.makeParameters()
        let gradient = try derivatives.makeParameters()
        let unit = try derivatives.makeHyperparameters()
        let total = try derivatives.makeHyperparameters()
        for index in 0..<dimension {
            try hyperparameters.setUnit(unit, index: index)
            try parameters.copy(w, to: state)
            try parameters.scale(tangent, by: 0)
            for step in 0..<steps {
                try derivatives.stepForward(step, state, h, tangent, unit, pushed)
                try derivatives.step(step, state, h, next)
                swap(&tangent, &pushed)
                swap(&state, &next)
            }
            if index == 0 {
                try derivatives.outerGradient(state, h, gradient, result)
                try hyperparameters.scale(total, by: 0)
            }
            try hyperparameters.add(try parameters.dot(tangent, gradient), unit, to: total)
        }
        try hyperparameters.add(1, total, to: result)
        derivatives.certificate.iterations = steps
    }
}
