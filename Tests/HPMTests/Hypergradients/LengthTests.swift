import Testing
@testable import HPM

extension Hypergradients {
    /// Gradients of every size, in double, in single precision and with sums in single precision: the
    /// right answer, or a status that says that there is none. Never a silent zero.
    @Suite struct LengthTests {
        private static let sizes = [1e-44, 1e-40, 1e-30, 1e-25, 1e-12, 1, 1e12, 1e19, 1e25, 1e36]

        private func estimators() throws -> [any Estimator] {
            [
                try ConjugateGradient(tolerance: 1e-6), try Nystrom(rank: 4, damping: 1, tolerance: 1e-5),
                try NeumannSeries(learningRate: 0.3, terms: 100, tolerance: 1e-6),
                try OneStep(learningRate: 0.5),
            ]
        }

        private func exact(_ quadratic: QuadraticProblem, _ estimator: any Estimator) -> [Double] {
            switch estimator {
            case is OneStep: scaled(quadratic.outer, by: 0.5)
            case is Nystrom: quadratic.mapped { 1 / ($0 + 1) }
            default: quadratic.mapped { 1 / $0 }
            }
        }

        private func expectRight<Space: ArrayVectorSpace>(
            _ space: Space, _ size: Double, _ words: String
        ) throws {
            var quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            quadratic.partial = [0, 0, 0, 0]
            // Components that single precision holds as they are, so that the size alone is tested.
            quadratic.outer = [1, -0.5, 0.75, 1.25]
            var problem = quadratic.problem
            let power = size.binade
            problem.outerGradient = { _, _ in (scaled([1, -0.5, 0.75, 1.25], by: power), [0, 0, 0, 0]) }
            for estimator in try estimators() {
                let outcome = try problem.outcome(
                    estimator, at: quadratic.place, quadratic.hyperplace, space, space)
                let error = relativeError(
                    scaled(outcome.gradient, by: 1 / power), exact(quadratic, estimator))
                #expect(outcome.error == nil && outcome.certificate.status.isUsable)
                // A result of so few bits is no better.
                let allowed = max(1e-5, size < 1e-37 && space.precision > 1e-8 ? 3 * 1.4e-45 / size : 0)
                #expect(
                    error < allowed, "\(words), size \(size), \(type(of: estimator).name): \(outcome)")
            }
        }

        @Test(arguments: sizes) func singlePrecision(size: Double) throws {
            try expectRight(try HostVectorSpace<Float>(count: 4), size, "float")
        }

        @Test(arguments: sizes) func sumsInSinglePrecision(size: Double) throws {
            try expectRight(try SingleSumVectorSpace(count: 4), size, "sums in float")
        }

        @Test(arguments: sizes + [1e-300, 1e-170, 1e170, 1e300]) func doublePrecision(size: Double) throws {
            try expectRight(try HostVectorSpace<Double>(count: 4), size, "double")
        }

        private func expectZero<Space: ArrayVectorSpace>(_ space: Space) throws {
            var quadratic = QuadraticProblem([1, 2, 3, 4], seed: 2)
            quadratic.outer = [0, 0, 0, 0]
            for partial in [[0.0, 0, 0, 0], [1, -2, 0.5, 4]] {
                quadratic.partial = partial
                for estimator in try estimators() + [ReverseMode(steps: 3), ForwardMode(steps: 3), BestResponse()] {
                    let outcome = try quadratic.problem.outcome(
                        estimator, at: quadratic.place, quadratic.hyperplace, space, space)
                    let name: Comment = "\(type(of: estimator).name)"
                    #expect(outcome.error == nil && outcome.certificate.status == .converged, name)
                    #expect(outcome.gradient == partial, name)
                    let residual = outcome.certificate.relativeResidual
                    #expect(residual.isNaN || residual == 0, name)
                }
            }
        }

        /// A hypergradient that is truly zero is a success, which tells it from a failure's NaN.
        @Test func trueZero() throws {
            try expectZero(try HostVectorSpace<Float>(count: 4))
            try expectZero(try SingleSumVectorSpace(count: 4))
            try expectZero(try HostVectorSpace<Double>(count: 4))
        }

        @Test func lengths() throws {
            func check<E: HostElement>(_ element: E.Type, _ sizes: [Double]) throws {
                let space = try HostVectorSpace<E>(count: 2)
                for size in sizes {
                    let vector = try space.makeVector([E(3 * size), E(4 * size)])
                    #expect((try space.length(of: vector) / (5 * size) - 1).magnitude < 1e-6, "\(size)")
                    #expect((try space.normalize(vector) / (5 * size) - 1).magnitude < 1e-6, "\(size)")
                    #expect((space.dot(vector, vector) - 1).magnitude < 1e-6, "\(size)")
                    #expect(try space.isFinite(vector))
                }
                for bad in [E.nan, .infinity, -.infinity] {
                    let vector = try space.makeVector([1, bad])
                    #expect(try !space.isFinite(vector))
                    #expect(try space.length(of: vector).isNaN && space.normalize(vector).isNaN)
                }
                #expect(try space.normalize(space.makeZeros()) == 0)
                let largest = try space.makeVector([E.greatestFiniteMagnitude, .greatestFiniteMagnitude])
                #expect(try space.isFinite(largest))
            }
            try check(Float.self, [0x1p-130, 0x1p-100, 1e-20, 1, 1e15, 1e37])
            try check(Double.self, [0x1p-1040, 1e-300, 1e-170, 1, 1e170, 1e300, 3e307])
        }

        /// Products by differences along a direction whose length can't be told from 0, or not at all,
        /// by sums in single precision.
        @Test(arguments: [1e-30, 1e-25, 1, 1e22, 1e30]) func differencesOfEveryLength(size: Double) throws {
            let space = try SingleSumVectorSpace(count: 2)
            var problem = ArrayProblem(parameterCount: 2, hyperparameterCount: 2)
            problem.innerGradient = { w, _ in scaled(w, by: 3) }
            problem.innerHyperGradient = { w, _ in scaled(w, by: -2) }
            var derivatives = Derivatives(problem.bilevel(space, space), differenceStep: 5e-3)
            let (w, h, v, result) = (
                try space.makeZeros(), try space.makeZeros(), try space.makeZeros(), try space.makeZeros()
            )
            space.assign([size, 2 * size], to: v)
            try derivatives.hessianProduct(w, h, v, result)
            #expect(relativeError(scaled(space.array(result), by: 1 / size), [3, 6]) < 1e-5)
            try derivatives.crossProduct(w, h, v, result)
            #expect(relativeError(scaled(space.array(result), by: 1 / size), [-2, -4]) < 1e-5)
        }
    }
}
