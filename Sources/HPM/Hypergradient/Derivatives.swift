/// A problem's derivatives at one place, counted, with differences in place of those that are missing.
public struct Derivatives<P: VectorSpace, H: VectorSpace> {
    let problem: BilevelProblem<P, H>
    /// Relative to the size of what is shifted.
    let differenceStep: Double
    var certificate = Certificate()
    let scratch = Scratch()

    init(_ problem: BilevelProblem<P, H>, differenceStep: Double) {
        self.problem = problem
        self.differenceStep = differenceStep
    }

    private static func missing(_ name: String, _ need: String) -> HPMError {
        HPMError(.unsupported, "the problem has no callback \(name); \(need)")
    }

    mutating func makeParameters() throws(HPMError) -> P.Vector {
        certificate.parameterVectors += 1
        return try problem.parameters.makeZeros()
    }

    mutating func makeCopy(of vector: P.Vector) throws(HPMError) -> P.Vector {
        let copy = try makeParameters()
        try problem.parameters.copy(vector, to: copy)
        return copy
    }

    mutating func makeHyperparameters() throws(HPMError) -> H.Vector {
        certificate.hyperparameterVectors += 1
        return try problem.hyperparameters.makeZeros()
    }

    mutating func outerGradient(
        _ w: P.Vector, _ h: H.Vector, _ dw: P.Vector, _ dh: H.Vector
    ) throws(HPMError) {
        guard let outerGradient = problem.outerGradient else {
            throw Self.missing("outer_gradient", "every estimator but finite differences and SPSA needs it")
        }
        certificate.calls.outerGradients += 1
        // What a callback forgets to write is no zero.
        try problem.parameters.invalidate(dw)
        try problem.hyperparameters.scale(dh, by: 0)
        try outerGradient(w, h, dw, dh)
    }

    mutating func innerGradient(
        _ w: P.Vector, _ h: H.Vector, _ result: P.Vector
    ) throws(HPMError) {
        guard let innerGradient = problem.innerGradient else {
            throw Self.missing("inner_gradient", "products by differences need it")
        }
        certificate.calls.innerGradients += 1
        try problem.parameters.invalidate(result)
        try innerGradient(w, h, result)
    }

    mutating func step(
        _ index: Int, _ w: P.Vector, _ h: H.Vector, _ result: P.Vector
    ) throws(HPMError) {
        guard let step = problem.step else {
            throw Self.missing("step", "reverse and forward mode need it")
        }
        certificate.calls.steps += 1
        try problem.parameters.invalidate(result)
        try step(index, w, h, result)
    }

    mutating func stepBackward(
        _ index: Int, _ w: P.Vector, _ h: H.Vector, _ v: P.Vector, _ dw: P.Vector, _ dh: H.Vector
    ) throws(HPMError) {
        guard let stepBackward = problem.stepBackward else {
            throw Self.missing("step_backward", "reverse mode needs it; differences can't make it")
        }
        certificate.calls.stepProducts += 1
        try problem.parameters.invalidate(dw)
        try problem.hyperparameters.scale(dh, by: 0)
        try stepBackward(index, w, h, v, dw, dh)
    }

    mutating func response(_ h: H.Vector) throws(HPMError) -> Double {
        guard let response = problem.response else {
            throw Self.missing("response", "finite differences and SPSA need it")
        }
        certificate.calls.outerLosses += 1
        return try response(h)
    }
}
