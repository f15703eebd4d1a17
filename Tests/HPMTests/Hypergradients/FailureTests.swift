import Testing
@testable import HPM

extension Hypergradients {
    /// A failed estimate is a status of its own and NaN: never zeros.
    @Suite struct FailureTests {
        private static let seeds = 1...10

        private func expectFailure(
            _ outcome: ArrayProblem.Outcome, _ status: Certificate.Status, _ words: Comment,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(outcome.error == nil, words, sourceLocation: sourceLocation)
            #expect(outcome.certificate.status == status, words, sourceLocation: sourceLocation)
            #expect(!outcome.certificate.status.isUsable, words, sourceLocation: sourceLocation)
            #expect(outcome.isAllNaN, words, sourceLocation: sourceLocation)
        }

        @Test(arguments: seeds) func indefiniteHessian(seed: Int) throws {
            let quadratic = QuadraticProblem([-1, 0.5, 1, 2, 3, 4], seed: seed)
            let gradient = try quadratic.estimate(try ConjugateGradient())
            expectFailure(gradient, .indefinite, "seed \(seed)")
            #expect(gradient.certificate.smallestCurvature < 0)
            for terms in [40, 200, 20_000] {
                let neumann = try quadratic.estimate(try NeumannSeries(learningRate: 0.1, terms: terms))
                expectFailure(neumann, .indefinite, "seed \(seed), \(terms) terms")
            }
            // Damping makes it definite.
            let damped = try quadratic.estimate(try ConjugateGradient(tolerance: 1e-12, damping: 1.5))
            #expect(damped.certificate.status == .converged)
            #expect(relativeError(damped.gradient, quadratic.hypergradient(damping: 1.5)) < 1e-8)
        }

        /// v.Hv = 0 along the first direction, though Hv is not 0: that is no singular Hessian.
        @Test func indefiniteThoughTheCurvatureIsZero() throws {
            var quadratic = QuadraticProblem([1, -1], seed: 1, isDiagonal: true)
            quadratic.outer = [1, 1]
            expectFailure(try quadratic.estimate(try ConjugateGradient()), .indefinite, "")
        }

        /// Negative curvature that was met makes the result unusable, also where the residual has not
        /// grown yet.
        @Test func neumannMeetsNegativeCurvature() throws {
            var quadratic = QuadraticProblem([1, -0.01], seed: 1, learningRate: 1, isDiagonal: true)
            quadratic.outer = [1, 0.1]
            let outcome = try quadratic.estimate(try NeumannSeries(learningRate: 1, terms: 3))
            #expect(outcome.certificate.smallestCurvature < 0)
            expectFailure(outcome, .indefinite, "")
        }

        /// A sketch that met negative curvature says so too.
        @Test(arguments: seeds) func nystromMeetsNegativeCurvature(seed: Int) throws {
            let quadratic = QuadraticProblem([-1, -0.5, -1, -2], seed: seed)
            let outcome = try quadratic.estimate(try Nystrom(rank: 4, damping: 0.1, seed: UInt64(seed)))
            #expect(outcome.certificate.smallestCurvature < 0)
            expectFailure(outcome, .indefinite, "seed \(seed)")
        }

        /// A right side outside of the range of H: no solution.
        @Test(arguments: seeds) func singularHessian(seed: Int) throws {
            for eigenvalues in [
                [0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 1, 1, 5],
                [0] + (0..<23).map { 1 + Double($0 % 4) },
            ] as [[Double]] {
                let quadratic = QuadraticProblem(eigenvalues, seed: seed)
                let words: Comment = "seed \(seed), n \(eigenvalues.count)"
                expectFailure(try quadratic.estimate(try ConjugateGradient()), .singular, words)
                let damped = try quadratic.estimate(try ConjugateGradient(tolerance: 1e-12, damping: 0.1))
                #expect(damped.certificate.status == .converged, words)
                #expect(relativeError(damped.gradient, quadratic.hypergradient(damping: 0.1)) < 1e-8, words)
                // The series does not see an end, and says what is left.
                let neumann = try quadratic.estimate(
                    try NeumannSeries(learningRate: 0.2, terms: 300, tolerance: 1e-10))
                #expect(neumann.certificate.status != .converged, words)
                let outside = norm(quadratic.mapped { $0 == 0 ? 1 : 0 }) / norm(quadratic.outer)
                #expect((neumann.certificate.relativeResidual - outside).magnitude < 1e-9, words)
            }
        }

        /// A right side inside of the range: the solution of least norm.
        @Test(arguments: seeds) func singularHessianInRange(seed: Int) throws {
            var quadratic = QuadraticProblem([0, 1, 2, 3, 4], seed: seed)
            quadratic.outer = quadratic.mapped { $0 == 0 ? 0 : 1 }
            let outcome = try quadratic.estimate(try ConjugateGradient(tolerance: 1e-10))
            #expect(outcome.certificate.status == .converged, "seed \(seed)")
            let exact = sum(quadratic.partial, 1, quadratic.mapped { $0 == 0 ? 0 : 1 / $0 })
            #expect(relativeError(outcome.gradient, exact) < 1e-9, "seed \(seed)")
        }

        /// In single precision and with products by differences, rounding hides where exactly the
        /// curvature is 0: what comes out must not look like an answer.
        @Test(arguments: seeds) func singularHessianRounded(seed: Int) throws {
            let quadratic = QuadraticProblem([0, 1, 2, 3, 4, 5], seed: seed)
            let single = try quadratic.problem.estimate(
                try ConjugateGradient(), at: quadratic.place, quadratic.hyperplace, Float.self)
            #expect(
                !single.certificate.status.isUsable,
                "seed \(seed): \(single.certificate)")
            var problem = quadratic.problem
            problem.hessianProduct = nil
            let differences = try problem.estimate(
                try ConjugateGradient(), at: quadratic.place, quadratic.hyperplace)
            #expect(
                !differences.certificate.status.isUsable,
                "seed \(seed): \(differences.certificate)")
        }

        /// A learning rate above 2 / the largest curvature, also after so many terms that the numbers
        /// overflow.
        @Test(arguments: [30, 300, 3000, 30_000]) func neumannDiverges(terms: Int) throws {
            let quadratic = QuadraticProblem([1, 2, 3], seed: 4)
            let outcome = try quadratic.estimate(try NeumannSeries(learningRate: 1, terms: terms))
            expectFailure(outcome, .diverged, "\(terms) terms")
            #expect(outcome.certificate.relativeResidual > 1)
        }

        private enum Kind: CaseIterable {
            case outerGradient, hessianProduct, innerGradient, crossProduct, innerHyperGradient, step,
                stepForward, stepBackward, response
        }

        /// The estimators that call a callback of a kind.
        private func estimators(calling kind: Kind) throws -> [any Estimator] {
            let implicit: [any Estimator] = [
                try ConjugateGradient(), try NeumannSeries(learningRate: 0.1),
                try Nystrom(rank: 4, damping: 0.1),
            ]
            let oneStep = try OneStep(learningRate: 0.1)
            return switch kind {
            case .outerGradient:
                implicit + [oneStep, try ReverseMode(steps: 3), try ForwardMode(steps: 3), BestResponse()]
            case .hessianProduct, .innerGradient: implicit
            case .crossProduct, .innerHyperGradient: implicit + [oneStep]
            case .step: [try ReverseMode(steps: 3), try ForwardMode(steps: 3)]
            case .stepForward: [try ForwardMode(steps: 3)]
            case .stepBackward: [try ReverseMode(steps: 3), try ReverseMode(steps: 3, checkpoints: 1)]
            case .response:
                [try FiniteDifferences(step: 0.1), try SimultaneousPerturbation(step: 0.1, samples: 4)]
            }
        }

        /// A quadratic where `spoil` is applied to the results of one callback.
        private func spoiled(
            _ kind: Kind, _ spoil: @escaping ([Double]) throws(HPMError) -> [Double]
        ) -> ArrayProblem {
            let quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            let right = quadratic.problem
            var problem = right
            problem.response = { h in dot(h, h) }
            switch kind {
            case .outerGradient:
                problem.outerGradient = { (w, h) throws(HPMError) in
                    let (dw, dh) = try right.outerGradient!(w, h)
                    return (try spoil(dw), dh)
                }
            case .hessianProduct:
                problem.hessianProduct = { (w, h, v) throws(HPMError) in
                    try spoil(try right.hessianProduct!(w, h, v))
                }
            case .innerGradient:
                problem.hessianProduct = nil
                problem.innerGradient = { (w, h) throws(HPMError) in
                    try spoil(try right.innerGradient!(w, h))
                }
            case .crossProduct:
                problem.crossProduct = { (w, h, v) throws(HPMError) in
                    try spoil(try right.crossProduct!(w, h, v))
                }
            case .innerHyperGradient:
                problem.crossProduct = nil
                problem.innerHyperGradient = { (w, h) throws(HPMError) in
                    try spoil(try right.innerHyperGradient!(w, h))
                }
            case .step:
                problem.step = { (i, w, h) throws(HPMError) in try spoil(try right.step!(i, w, h)) }
                // The outer gradient depends on w, so that a NaN gets there.
                problem.outerGradient = { w, _ in (w, quadratic.partial) }
            case .stepForward:
                problem.stepForward = { (i, w, h, dw, dh) throws(HPMError) in
                    try spoil(try right.stepForward!(i, w, h, dw, dh))
                }
            case .stepBackward:
                problem.stepBackward = { (i, w, h, v) throws(HPMError) in
                    let (dw, dh) = try right.stepBackward!(i, w, h, v)
                    return (dw, try spoil(dh))
                }
            case .response:
                problem.response = { (h) throws(HPMError) in try spoil([dot(h, h)])[0] }
            }
            return problem
        }

        private var place: ([Double], [Double]) { ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]) }

        @Test(arguments: [Double.nan, .infinity, -.infinity]) func nonfiniteNumbers(value: Double) throws {
            for kind in Kind.allCases {
                for component in [0, 3] {
                    let problem = spoiled(kind) { values in
                        var values = values
                        values[min(component, values.count - 1)] = value
                        return values
                    }
                    for estimator in try estimators(calling: kind) {
                        expectFailure(
                            try problem.outcome(estimator, at: place.0, place.1), .nonfinite,
                            "\(kind), \(type(of: estimator).name), component \(component)")
                    }
                }
            }
        }

        /// A NaN of the outer gradient that no hyperparameter reaches is a NaN all the same.
        @Test func nonfiniteOuterGradientThatCancels() throws {
            var problem = ArrayProblem(parameterCount: 2, hyperparameterCount: 1)
            problem.outerGradient = { _, _ in ([1, .nan], [0]) }
            problem.crossProduct = { _, _, v in [v[0]] }
            for estimator in [try OneStep(learningRate: 0.1), BestResponse()] as [any Estimator] {
                let outcome = try problem.outcome(estimator, at: [0, 0], [0])
                expectFailure(outcome, .nonfinite, "\(type(of: estimator).name)")
            }
        }

        /// A NaN of a step's adjoint in between, which the steps before it do not pass on.
        @Test func nonfiniteAdjointThatIsNotPassedOn() throws {
            var problem = ArrayProblem(parameterCount: 1, hyperparameterCount: 1)
            problem.outerGradient = { _, _ in ([1], [0]) }
            problem.step = { _, w, _ in w }
            problem.stepBackward = { index, _, _, v in (index == 1 ? [.nan] : v, [1]) }
            for checkpoints in [1, 2, 3] {
                let outcome = try problem.outcome(
                    try ReverseMode(steps: 3, checkpoints: checkpoints), at: [0], [0])
                expectFailure(outcome, .nonfinite, "\(checkpoints) checkpoints")
            }
        }

        @Test func throwingCallbacksComeBack() throws {
            let failure = HPMError(.callback, "the trainer's own words")
            for kind in Kind.allCases {
                // At once, and after some calls.
                for call in [1, 2, 4] {
                    for estimator in try estimators(calling: kind) {
                        var calls = 0
                        let problem = spoiled(kind) { (values) throws(HPMError) in
                            calls += 1
                            if calls == call { throw failure }
                            return values
                        }
                        let outcome = try problem.outcome(estimator, at: place.0, place.1)
                        guard calls >= call else { continue }
                        let words: Comment = "\(kind), \(type(of: estimator).name), call \(call)"
                        #expect(calls == call, words)
                        #expect(outcome.error == failure, words)
                        let isWritten = outcome.gradient.contains {
                            !$0.isNaN && $0 != ArrayProblem.untouched
                        }
                        #expect(!isWritten, "\(words): numbers in the result of a call that failed")
                    }
                }
            }
        }

        /// Failures of the vectors themselves come back, and nothing leaks.
        @Test func failingVectorSpace() throws {
            let quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            let estimators: [any Estimator] = [
                try ConjugateGradient(), try NeumannSeries(learningRate: 0.1),
                try Nystrom(rank: 3, damping: 0.1), try OneStep(learningRate: 0.1),
                try ReverseMode(steps: 5, checkpoints: 2), try ForwardMode(steps: 3), BestResponse(),
            ]
            for estimator in estimators {
                for operation in ["create", "copy", "dot", "axpy", "scale", "random"] {
                    let parameters = TrackedVectorSpace(count: 4)
                    let hyperparameters = TrackedVectorSpace(count: 4)
                    let outcome = try quadratic.problem.outcome(
                        estimator, at: quadratic.place, quadratic.hyperplace, parameters,
                        hyperparameters
                    ) { parameters.ledger.failing = operation }
                    #expect(outcome.error == nil || outcome.error == TrackedVectorSpace.failure)
                    if operation == "create" { #expect(outcome.error != nil) }
                    #expect(parameters.ledger.live == 0 && hyperparameters.ledger.live == 0)
                }
            }
        }

        @Test func zeroOuterGradient() throws {
            var quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            quadratic.outer = [0, 0, 0, 0]
            let estimators: [any Estimator] = [
                try ConjugateGradient(), try ConjugateGradient(damping: 1),
                try NeumannSeries(learningRate: 0.1), try Nystrom(rank: 3, damping: 0.1),
                try OneStep(learningRate: 0.1), try ReverseMode(steps: 5), try ForwardMode(steps: 3),
                BestResponse(),
            ]
            var byDifferences = quadratic.problem
            byDifferences.hessianProduct = nil
            byDifferences.crossProduct = nil
            byDifferences.stepForward = nil
            for problem in [quadratic.problem, byDifferences] {
                for estimator in estimators {
                    let name: Comment = "\(type(of: estimator).name)"
                    let outcome = try problem.estimate(estimator, at: quadratic.place, quadratic.hyperplace)
                    #expect(outcome.certificate.status == .converged, name)
                    #expect(outcome.gradient == quadratic.partial, name)
                    let residual = outcome.certificate.relativeResidual
                    #expect(residual.isNaN || residual == 0, name)
                    let curvature = outcome.certificate.smallestCurvature
                    #expect(curvature.isNaN || (0.999...4.001).contains(curvature), name)
                }
            }
        }

        /// A gradient whose square is below the smallest number is not zero.
        @Test(arguments: [1e-170, 1e-150, 1e150, 1e170]) func extremeSizes(size: Double) throws {
            var quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            quadratic.outer = scaled(quadratic.outer, by: size)
            quadratic.partial = [0, 0, 0, 0]
            let estimators: [any Estimator] = [
                try ConjugateGradient(tolerance: 1e-12), try Nystrom(rank: 4, damping: 1),
                try NeumannSeries(learningRate: 0.3, terms: 200, tolerance: 1e-12),
            ]
            for estimator in estimators {
                let outcome = try quadratic.estimate(estimator)
                let exact = quadratic.mapped { 1 / ($0 + (estimator is Nystrom ? 1 : 0)) }
                let isRight =
                    relativeError(
                        scaled(outcome.gradient, by: 1 / size), scaled(exact, by: 1 / size)) < 1e-8
                // A failure that says so is right, too; a zero is not.
                #expect(
                    isRight || !outcome.certificate.status.isUsable,
                    "\(type(of: estimator).name): \(outcome.gradient) of \(exact)")
            }
        }
    }
}
