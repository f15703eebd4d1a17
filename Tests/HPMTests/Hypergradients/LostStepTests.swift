import Testing
@testable import HPM

extension Hypergradients {
    /// Steps of differences that rounding changes or swallows.
    @Suite struct LostStepTests {
        /// F = sum_i (i + 1) (h_i - c_i), so that every difference is exact.
        private func problem(_ count: Int, around place: [Double]) -> ArrayProblem {
            var problem = ArrayProblem(parameterCount: 1, hyperparameterCount: count)
            problem.response = { h in
                h.indices.reduce(0) { $0 + Double($1 + 1) * (h[$1] - place[$1]) }
            }
            return problem
        }

        private func expectLost(
            _ outcome: ArrayProblem.Outcome, _ component: Int, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(outcome.error?.code == .argument, sourceLocation: sourceLocation)
            #expect(
                outcome.error?.message.contains("hyperparameter \(component)") == true,
                "\(String(describing: outcome.error))", sourceLocation: sourceLocation)
            #expect(outcome.isAllNaN && outcome.calls.counts.outerLosses <= 2 * component, sourceLocation: sourceLocation)
        }

        @Test func lostStepIsNamed() throws {
            for component in 0..<3 {
                for size in [1e16, -1e16, 1e300] {
                    var place = [1.0, 2, -3]
                    place[component] = size
                    let problem = problem(3, around: place)
                    expectLost(
                        try problem.outcome(try FiniteDifferences(step: 1e-4), at: [0], place), component)
                    expectLost(
                        try problem.outcome(
                            try SimultaneousPerturbation(step: 1e-4, samples: 3), at: [0], place),
                        component)
                    // In single precision, which holds less.
                    place[component] = size.sign == .minus ? -1e5 : 1e5
                    expectLost(
                        try problem.outcome(
                            try FiniteDifferences(step: 1e-4), at: [0], place, Float.self), component)
                    expectLost(
                        try problem.outcome(
                            try SimultaneousPerturbation(step: 1e-4), at: [0], place, Float.self), component)
                }
            }
        }

        /// At 1e16 doubles lie 2 apart: a step of 3 is one of 2 or 4, and 1e-3 of floats near 1e4 is one
        /// of 2^-10 or none.
        @Test func stepIsMeasured() throws {
            let place = [1e16, 1, -1e16, 3e15]
            let problem = problem(4, around: place)
            let slopes = [1.0, 2, 3, 4]
            for step in [1.5, 3, 5, 1000.3] {
                let outcome = try problem.estimate(try FiniteDifferences(step: step), at: [0], place)
                #expect(relativeError(outcome.gradient, slopes) < 1e-12, "step \(step)")
                // One hyperparameter alone has no other's part in its difference.
                let single = self.problem(1, around: [1e16])
                let alone = try single.estimate(
                    try SimultaneousPerturbation(step: step, samples: 5), at: [0], [1e16])
                #expect(relativeError(alone.gradient, [1]) < 1e-12, "step \(step)")
            }
            let floats = [9000.0, 1, 20000, -5000].map { Double(Float($0)) }
            for step in [2e-3, 1e-2] {
                let outcome = try self.problem(4, around: floats).estimate(
                    try FiniteDifferences(step: step), at: [0], floats, Float.self)
                #expect(relativeError(outcome.gradient, slopes) < 1e-6, "step \(step)")
            }
        }

        /// Each component's own step: Spall's estimate to the last bits, whatever rounding makes of steps.
        @Test func perturbationByComponents() throws {
            let place = [1e16, 1, -1e16, 3e15]
            let problem = problem(4, around: place)
            let seed: UInt64 = 9
            let step = 3.0
            let outcome = try problem.estimate(
                try SimultaneousPerturbation(step: step, samples: 4, seed: seed), at: [0], place)
            let space = try HostVectorSpace<Double>(count: 4)
            var exact = [0.0, 0, 0, 0]
            for sample in 0..<4 {
                let direction = try space.makeZeros()
                space.randomize(
                    direction, seed: RandomSeed.derived(from: seed, student: sample, event: 0), .rademacher)
                let d = space.array(direction)
                let (above, below) = (sum(place, step, d), sum(place, -step, d))
                let difference = try problem.response!(above) - problem.response!(below)
                for index in 0..<4 { exact[index] += difference / (above[index] - below[index]) / 4 }
            }
            #expect(relativeError(outcome.gradient, exact) < 1e-14)
            // Without the numbers, small changes of the step are taken into account, large ones refused.
            func blind(_ place: [Double], _ step: Double) throws -> ArrayProblem.Outcome {
                try self.problem(2, around: place).outcome(
                    try SimultaneousPerturbation(step: step, samples: 1, seed: seed), at: [0], place,
                    TrackedVectorSpace(count: 1), TrackedVectorSpace(count: 2))
            }
            for place in [[1e16, 1], [1, 1e16]] {
                let refused = try blind(place, 3)
                #expect(refused.error?.code == .argument && refused.isAllNaN)
                #expect(refused.error?.message.contains("lost in the rounding") == true)
                let near = try blind(place, 5001)
                #expect(near.error == nil)
                // One sample: both components are the difference over their steps.
                let (a, b) = (near.gradient[0].magnitude, near.gradient[1].magnitude)
                #expect((a - b).magnitude < 1e-3 * a && a > 0)
            }
        }

        @Test(arguments: [Double.nan, .infinity]) func nonfiniteHyperparameters(value: Double) throws {
            for estimator in [
                try FiniteDifferences(step: 1e-3), try SimultaneousPerturbation(step: 1e-3),
            ] as [any Estimator] {
                let problem = problem(2, around: [0, 0])
                // The place itself is compared before and after, which NaN would fail.
                guard !value.isNaN else { continue }
                let outcome = try problem.outcome(estimator, at: [0], [1, value])
                #expect(outcome.error == nil && outcome.certificate.status == .nonfinite)
                #expect(outcome.isAllNaN && outcome.calls.counts.outerLosses == 0)
            }
        }
    }
}
