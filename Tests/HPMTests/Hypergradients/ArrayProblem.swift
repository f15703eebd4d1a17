@testable import HPM

/// A bilevel problem in plain functions of arrays, from which a ``BilevelProblem`` is made on any
/// vectors.
struct ArrayProblem {
    typealias Values = [Double]

    let parameterCount: Int
    let hyperparameterCount: Int
    var outerLoss: ((_ w: Values, _ h: Values) throws(HPMError) -> Double)?
    var outerGradient: ((_ w: Values, _ h: Values) throws(HPMError) -> (Values, Values))?
    var innerLoss: ((_ w: Values, _ h: Values) throws(HPMError) -> Double)?
    var innerGradient: ((_ w: Values, _ h: Values) throws(HPMError) -> Values)?
    var innerHyperGradient: ((_ w: Values, _ h: Values) throws(HPMError) -> Values)?
    var hessianProduct: ((_ w: Values, _ h: Values, _ v: Values) throws(HPMError) -> Values)?
    var crossProduct: ((_ w: Values, _ h: Values, _ v: Values) throws(HPMError) -> Values)?
    var step: ((_ index: Int, _ w: Values, _ h: Values) throws(HPMError) -> Values)?
    var stepForward:
        ((_ index: Int, _ w: Values, _ h: Values, _ dw: Values, _ dh: Values) throws(HPMError) -> Values)?
    var stepBackward:
        ((_ index: Int, _ w: Values, _ h: Values, _ v: Values) throws(HPMError) -> (Values, Values))?
    var response: ((_ h: Values) throws(HPMError) -> Double)?

    init(parameterCount: Int, hyperparameterCount: Int) {
        self.parameterCount = parameterCount
        self.hyperparameterCount = hyperparameterCount
    }

    func bilevel<P: ArrayVectorSpace, H: ArrayVectorSpace>(
        _ parameters: P, _ hyperparameters: H, _ counter: CallCounter = CallCounter()
    ) -> BilevelProblem<P, H> {
        var problem = BilevelProblem(parameters: parameters, hyperparameters: hyperparameters)
        let (p, q) = (parameters, hyperparameters)
        if let outerLoss {
            problem.outerLoss = { (w, h) throws(HPMError) in
                counter.counts.outerLosses += 1
                return try outerLoss(p.array(w), q.array(h))
            }
        }
        if let outerGradient {
            problem.outerGradient = { (w, h, dw, dh) throws(HPMError) in
                counter.counts.outerGradients += 1
                // The fourth holds zeros by contract.
                precondition(q.array(dh).allSatisfy { $0 == 0 })
                let (first, second) = try outerGradient(p.array(w), q.array(h))
                p.assign(first, to: dw)
                q.assign(second, to: dh)
            }
        }
        if let innerLoss {
            problem.innerLoss = { (w, h) throws(HPMError) in try innerLoss(p.array(w), q.array(h)) }
        }
        if let innerGradient {
            problem.innerGradient = { (w, h, result) throws(HPMError) in
                counter.counts.innerGradients += 1
                p.assign(try innerGradient(p.array(w), q.array(h)), to: result)
            }
        }
        if let innerHyperGradient {
            problem.innerHyperGradient = { (w, h, result) throws(HPMError) in
                counter.innerHyperGradients += 1
                q.assign(try innerHyperGradient(p.array(w), q.array(h)), to: result)
            }
        }
        if let hessianProduct {
            problem.hessianProduct = { (w, h, v, result) throws(HPMError) in
                counter.counts.hessianProducts += 1
                p.assign(try hessianProduct(p.array(w), q.array(h), p.array(v)), to: result)
            }
        }
        if let crossProduct {
            problem.crossProduct = { (w, h, v, result) throws(HPMError) in
                counter.counts.crossProducts += 1
                q.assign(try crossProduct(p.array(w), q.array(h), p.array(v)), to: result)
            }
        }
        if let step {
            problem.step = { (index, w, h, result) throws(HPMError) in
                counter.counts.steps += 1
                p.assign(try step(index, p.array(w), q.array(h)), to: result)
            }
        }
        if let stepForward {
            problem.stepForward = { (index, w, h, dw, dh, result) throws(HPMError) in
                counter.counts.stepProducts += 1
                p.assign(
                    try stepForward(index, p.array(w), q.array(h), p.array(dw), q.array(dh)), to: result)
            }
        }
        if let stepBackward {
            problem.stepBackward = { (index, w, h, v, dw, dh) throws(HPMError) in
                counter.counts.stepProducts += 1
                let (first, second) = try stepBackward(index, p.array(w), q.array(h), p.array(v))
                p.assign(first, to: dw)
                q.assign(second, to: dh)
            }
        }
        if let response {
            problem.response = { (h) throws(HPMError) in
                counter.counts.outerLosses += 1
                return try response(q.array(h))
            }
        }
        return problem
    }

    /// What an estimate left, thrown or not.
    struct Outcome {
        let gradient: Values
        let certificate: Certificate
        let calls: CallCounter
        let error: HPMError?

        var isAllNaN: Bool { gradient.allSatisfy { $0.isNaN } }
    }

    /// What a result holds before an estimate, so that one sees what was written.
    static let untouched = 7.0

    func outcome<E: HostElement>(
        _ estimator: some Estimator, at w: Values, _ h: Values, _ element: E.Type = Double.self,
        differenceStep: Double = 6e-6
    ) throws -> Outcome {
        try outcome(
            estimator, at: w, h, HostVectorSpace<E>(count: parameterCount),
            HostVectorSpace<E>(count: hyperparameterCount), differenceStep: differenceStep)
    }

    func outcome<P: ArrayVectorSpace, H: ArrayVectorSpace>(
        _ estimator: some Estimator, at w: Values, _ h: Values, _ parameters: P, _ hyperparameters: H,
        differenceStep: Double = 6e-6, prepare: () -> Void = {}
    ) throws -> Outcome {
        let counter = CallCounter()
        let problem = bilevel(parameters, hyperparameters, counter)
        let (place, hyperplace) = (try parameters.makeZeros(), try hyperparameters.makeZeros())
        parameters.assign(w, to: place)
        hyperparameters.assign(h, to: hyperplace)
        let result = try hyperparameters.makeZeros()
        hyperparameters.assign(Array(repeating: Self.untouched, count: hyperparameterCount), to: result)
        let before = (parameters.array(place), hyperparameters.array(hyperplace))
        prepare()
        var certificate = Certificate()
        var failure: HPMError?
        do throws(HPMError) {
            certificate = try problem.hypergradient(
                estimator, at: place, hyperplace, into: result, differenceStep: differenceStep)
        } catch {
            failure = error
        }
        // No estimator may write into the place where it is asked.
        precondition(parameters.array(place) == before.0 && hyperparameters.array(hyperplace) == before.1)
        return Outcome(
            gradient: hyperparameters.array(result), certificate: certificate, calls: counter,
            error: failure)
    }

    /// The estimate, which must not throw.
    func estimate<E: HostElement>(
        _ estimator: some Estimator, at w: Values, _ h: Values, _ element: E.Type = Double.self,
        differenceStep: Double = 6e-6
    ) throws -> Outcome {
        let outcome = try outcome(estimator, at: w, h, element, differenceStep: differenceStep)
        if let error = outcome.error { throw error }
        return outcome
    }

    func check<E: HostElement>(
        at w: Values, _ h: Values, tolerance: Double = 1e-4, differenceStep: Double = 6e-6,
        seed: UInt64 = 0, _ element: E.Type = Double.self
    ) throws -> [CallbackFinding] {
        let parameters = try HostVectorSpace<E>(count: parameterCount)
        let hyperparameters = try HostVectorSpace<E>(count: hyperparameterCount)
        return try bilevel(parameters, hyperparameters).check(
            at: parameters.makeVector(w.map { E($0) }), hyperparameters.makeVector(h.map { E($0) }),
            tolerance: tolerance, differenceStep: differenceStep, seed: seed)
    }
}
