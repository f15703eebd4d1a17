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
        guard let outerGradient = problem.outerGradient else { return try problem.requireOuterGradient() }
        certificate.calls.outerGradients += 1
        // What a callback forgets to write is no zero.
        try problem.parameters.invalidate(dw)
        try problem.hyperparameters.scale(dh, by: 0)
        try outerGradient(w, h, dw, dh)
    }

    mutating func innerGradient(
        _ w: P.Vector, _ h: H.Vector, _ result: P.Vector
    ) throws(HPMError) {
        try problem.parameters.invalidate(result)
        guard let innerGradient = problem.innerGradient else { return try problem.requireHessianProduct() }
        certificate.calls.innerGradients += 1
        try innerGradient(w, h, result)
    }

    mutating func step(
        _ index: Int, _ w: P.Vector, _ h: H.Vector, _ result: P.Vector
    ) throws(HPMError) {
        guard let step = problem.step else { return try problem.requireStep() }
        certificate.calls.steps += 1
        try problem.parameters.invalidate(result)
        try step(index, w, h, result)
    }

    mutating func stepBackward(
        _ index: Int, _ w: P.Vector, _ h: H.Vector, _ v: P.Vector, _ dw: P.Vector, _ dh: H.Vector
    ) throws(HPMError) {
        guard let stepBackward = problem.stepBackward else { return try problem.requireStepBackward() }
        certificate.calls.stepProducts += 1
        // Both are outputs: a step that forgets one has not said that it is 0.
        try problem.parameters.invalidate(dw)
        try problem.hyperparameters.invalidate(dh)
        try stepBackward(index, w, h, v, dw, dh)
    }

    mutating func response(_ h: H.Vector) throws(HPMError) -> Double {
        guard let response = problem.response else {
            try problem.requireResponse()
            return .nan
        }
        certificate.calls.outerLosses += 1
        return try response(h)
    }
}
