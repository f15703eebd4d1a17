import HPM

/// A problem whose callbacks are C functions.
struct ForeignProblem: HandleValue, @unchecked Sendable {
    static var tag: UInt { 6 }
    static var typeName: String { "hpm_problem" }
    static var argument: String { "problem" }

    typealias Vector = ForeignVectorSpace.Vector
    private let problem: BilevelProblem<ForeignVectorSpace, ForeignVectorSpace>

    init(
        parameters: ForeignVectorSpace, hyperparameters: ForeignVectorSpace,
        callbacks pointer: UnsafeRawPointer, context: UnsafeMutableRawPointer?
    ) throws(HPMError) {
        var callbacks = hpm_problem_callbacks(
            size: 0, outer_loss: nil, outer_gradient: nil, inner_loss: nil, inner_gradient: nil,
            inner_hyper_gradient: nil, hessian_product: nil, cross_product: nil, step: nil,
            step_forward: nil, step_backward: nil, response: nil)
        try copyStruct(pointer, to: &callbacks, "callbacks")
        var problem = BilevelProblem(parameters: parameters, hyperparameters: hyperparameters)
        problem.outerLoss = Self.loss(callbacks.outer_loss, "outer_loss", context)
        problem.innerLoss = Self.loss(callbacks.inner_loss, "inner_loss", context)
        if let callback = callbacks.outer_gradient {
            problem.outerGradient = { (w, h, dw, dh) throws(HPMError) in
                try requireZero(
                    callback(context, w.pointer, h.pointer, dw.pointer, dh.pointer),
                    from: "outer_gradient")
            }
        }
        problem.innerGradient = Self.gradient(callbacks.inner_gradient, "inner_gradient", context)
        problem.innerHyperGradient = Self.gradient(
            callbacks.inner_hyper_gradient, "inner_hyper_gradient", context)
        problem.hessianProduct = Self.product(callbacks.hessian_product, "hessian_product", context)
        problem.crossProduct = Self.product(callbacks.cross_product, "cross_product", context)
        if let callback = callbacks.step {
            problem.step = { (index, w, h, result) throws(HPMError) in
                try requireZero(
                    callback(context, UInt(index), w.pointer, h.pointer, result.pointer),
                    from: "step")
            }
        }
        if let callback = callbacks.step_forward {
            problem.stepForward = { (index, w, h, dw, dh, result) throws(HPMError) in
                try requireZero(
                    callback(
                        context, UInt(index), w.pointer, h.pointer, dw.pointer, dh.pointer,
                        result.pointer), from: "step_forward")
            }
        }
        if let callback = callbacks.step_backward {
            problem.stepBackward = { (index, w, h, v, dw, dh) throws(HPMError) in
                try requireZero(
                    callback(
                        context, UInt(index), w.pointer, h.pointer, v.pointer, dw.pointer,
                        dh.pointer), from: "step_backward")
            }
        }
        if let callback = callbacks.response {
            problem.response = { (h) throws(HPMError) in
                var loss = Double.nan
                try requireZero(callback(context, h.pointer, &loss), from: "response")
                return loss
            }
        }
        self.problem = problem
    }

    private static func loss(
        _ callback: hpm_loss_callback?, _ name: String, _ context: UnsafeMutableRawPointer?
    ) -> ((Vector, Vector) throws(HPMError) -> Double)? {
        guard let callback else { return nil }
        return { (w, h) throws(HPMError) in
            var loss = Double.nan
            try requireZero(callback(context, w.pointer, h.pointer, &loss), from: name)
            return loss
        }
    }

    private static func gradient(
        _ callback: hpm_inner_gradient_callback?, _ name: String, _ context: UnsafeMutableRawPointer?
    ) -> ((Vector, Vector, Vector) throws(HPMError) -> Void)? {
        guard let callback else { return nil }
        return { (w, h, result) throws(HPMError) in
            try requireZero(callback(context, w.pointer, h.pointer, result.pointer), from: name)
        }
    }

    private static func product(
        _ callback: hpm_product_callback?, _ name: String, _ context: UnsafeMutableRawPointer?
    ) -> ((Vector, Vector, Vector, Vector) throws(HPMError) -> Void)? {
        guard let callback else { return nil }
        return { (w, h, v, result) throws(HPMError) in
            try requireZero(
                callback(context, w.pointer, h.pointer, v.pointer, result.pointer), from: name)
        }
    }

    func hypergradient(
        _ options: ResolvedOptions, w: UnsafeRawPointer, h: UnsafeRawPointer,
        result: UnsafeMutableRawPointer
    ) throws(HPMError) -> Certificate {
        try hypergradient(
            options, w, Vector(UnsafeMutableRawPointer(mutating: h), owner: nil),
            into: Vector(result, owner: nil))
    }

    /// The hypergradient at hyperparameters of a population, as numbers.
    func hypergradient(
        _ options: ResolvedOptions, w: UnsafeRawPointer, at hyperparameters: [Double], seed: UInt64
    ) throws(HPMError) -> (hypergradient: [Double], certificate: Certificate) {
        let options = options.seeded(Int(truncatingIfNeeded: seed >> 1))
        let space = problem.hyperparameters
        let result = try space.makeZeros()
        let certificate = try hypergradient(
            options, w, try space.makeVector(hyperparameters), into: result)
        return (try space.numbers(of: result, count: hyperparameters.count), certificate)
    }

    /// What a population's estimator needs, asked before anything runs.
    ///
    /// - Throws: `argument` for another number of hyperparameters than `dimension`, or for options that
    ///   describe no estimator; `unsupported`, naming a callback or an operation that is missing.
    func requireUsable(by options: ResolvedOptions, dimension: Int) throws(HPMError) {
        let space = problem.hyperparameters
        if let own = space.dimension, own != dimension {
            throw HPMError(
                .argument,
                "problem has \(own) hyperparameters; allowed: \(dimension), the population's dimension")
        }
        try options.makeEstimator().requireCallbacks(of: problem)
        try space.require(OptionalOperation.write)
        try space.require(OptionalOperation.read)
    }

    private func hypergradient(
        _ options: ResolvedOptions, _ w: UnsafeRawPointer, _ h: Vector, into result: Vector
    ) throws(HPMError) -> Certificate {
        ThreadState.current.beginCallbacks()
        return try problem.hypergradient(
            try options.makeEstimator(),
            at: Vector(UnsafeMutableRawPointer(mutating: w), owner: nil), h, into: result,
            differenceStep: options.givenDifferenceStep)
    }

    func check(
        _ options: ResolvedOptions, w: UnsafeRawPointer, h: UnsafeRawPointer
    ) throws(HPMError) -> [CallbackFinding] {
        ThreadState.current.beginCallbacks()
        return try problem.check(
            at: Vector(UnsafeMutableRawPointer(mutating: w), owner: nil),
            Vector(UnsafeMutableRawPointer(mutating: h), owner: nil),
            tolerance: options.givenCheckTolerance, differenceStep: options.givenDifferenceStep,
            seed: UInt64(options.seed))
    }
}

/// A student's problem, and where its parameters are.
struct StudentProblem: @unchecked Sendable {
    let problem: ForeignProblem
    let w: UnsafeRawPointer
}

func vectorSpace(_ handle: hpm_vectors?, _ name: String) throws(HPMError) -> ForeignVectorSpace {
    do throws(HPMError) {
        return try Handles.find(handle, ForeignVectorSpace.self).state.withLock { $0 }
    } catch {
        throw HPMError(error.code, "\(name): \(error.message)")
    }
}

/// A certificate of the caller.
struct CertificateTarget {
    private let target: StructTarget<hpm_certificate>

    init(_ pointer: UnsafeMutableRawPointer) throws(HPMError) {
        target = try StructTarget(pointer, firstSize: 128, "certificate")
    }

    /// Says that there is no estimate, so that an error does not leave what looks like one.
    static func invalidate(_ pointer: UnsafeMutableRawPointer?) {
        guard let pointer, let target = try? CertificateTarget(pointer) else { return }
        target.write(Certificate(status: .error))
    }

    func write(_ certificate: Certificate) {
        let calls = certificate.calls
        target.write(
            hpm_certificate(
                size: 0, status: certificate.status.rawValue,
                reserved: 0, iterations: UInt64(certificate.iterations),
                relative_residual: certificate.relativeResidual,
                smallest_curvature: certificate.smallestCurvature, seconds: certificate.seconds,
                losses: UInt64(calls.outerLosses), outer_gradients: UInt64(calls.outerGradients),
                inner_gradients: UInt64(calls.innerGradients),
                inner_hyper_gradients: UInt64(calls.innerHyperGradients),
                hessian_products: UInt64(calls.hessianProducts),
                cross_products: UInt64(calls.crossProducts),
                steps: UInt64(calls.steps), step_products: UInt64(calls.stepProducts),
                parameter_vectors: UInt64(certificate.parameterVectors),
                hyperparameter_vectors: UInt64(certificate.hyperparameterVectors)))
    }
}
