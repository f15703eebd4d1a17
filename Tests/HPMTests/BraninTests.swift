import Testing
@testable import HPM

/// Branin's function and its gradient.
enum Branin {
    static let optimum = 0.39788735772973816
    private static let b = 5.1 / (4 * Double.pi * Double.pi)
    private static let c = 5 / Double.pi
    private static let t = 1 / (8 * Double.pi)

    static func value(_ x: [Double]) -> Double {
        let bowl = x[1] - b * x[0] * x[0] + c * x[0] - 6
        return bowl * bowl + 10 * (1 - t) * Elementary.cos(x[0]) + 10
    }

    static func gradient(_ x: [Double]) -> [Double] {
        let bowl = x[1] - b * x[0] * x[0] + c * x[0] - 6
        // sin x = cos(x - pi / 2)
        let sine = Elementary.cos(x[0] - .pi / 2)
        return [2 * bowl * (c - 2 * b * x[0]) - 10 * (1 - t) * sine, 2 * bowl]
    }

    static func space() throws -> SearchSpace {
        var space = SearchSpace()
        try space.addReal("x1", low: -5, high: 10)
        try space.addReal("x2", low: 0, high: 15)
        return space
    }

    /// The value at the best known point after `steps` reports of each student.
    static func tuned(
        _ algorithm: Algorithm, seed: Int, population size: Int = 20, steps: Int = 50
    ) throws -> Double {
        var population = try Population(
            space: space(),
            options: .of(algorithm) {
                $0.population = size
                $0.seed = seed
                $0.steps = steps
            })
        while !population.isFinished {
            for student in 0..<size {
                let task = population.next(student)
                switch task.action {
                case .train, .evaluate:
                    try population.report(
                        student, loss: value(task.hyperparameters), hypergradient: gradient(task.hyperparameters))
                case .clone: try population.report(student)
                default: continue
                }
            }
        }
        let best = try population.bestHyperparameters()
        // Of `memetic` an estimate, which may be a mean.
        let error = (best.loss - value(best.hyperparameters)).magnitude
        #expect(error <= (algorithm == .memetic ? 1e-12 : 0))
        return best.loss
    }
}

@Suite struct BraninTests {
    @Test func gradientAgainstDifferences() {
        var random = TestRandom(1)
        for _ in 0..<50 {
            let x = [random.uniform(-5...10), random.uniform(0...15)]
            for index in 0..<2 {
                var (up, down) = (x, x)
                up[index] += 1e-6
                down[index] -= 1e-6
                let difference = (Branin.value(up) - Branin.value(down)) / 2e-6
                #expect((difference - Branin.gradient(x)[index]).magnitude < 1e-5)
            }
        }
        #expect((Branin.value([.pi, 2.275]) - Branin.optimum).magnitude < 1e-12)
    }

    /// 20 students with 50 reports each: within 0.005 of the optimum in the median of 15 seeds.
    @Test func hpmFindsTheOptimum() throws {
        let regrets = try (0..<15).map { try Branin.tuned(.hpm, seed: $0) - Branin.optimum }
        #expect(regrets.median < 0.005, "\(regrets)")
        #expect(regrets.allSatisfy { $0 > -1e-12 })
    }

    /// Every algorithm that uses hypergradients comes near; those without get as far as drawing does.
    @Test(arguments: [
        ("hpm-paper", 0.05), ("hpm-no-teacher", 0.05), ("clone-step", 0.05), ("hypergradient", 0.05),
        ("mutation-only", 3), ("pbt", 3), ("random", 10),
    ])
    func othersComeNear(name: String, bound: Double) throws {
        let algorithm = try #require(Algorithm.named(name))
        let regrets = try (0..<5).map { try Branin.tuned(algorithm, seed: $0) - Branin.optimum }
        #expect(regrets.median < bound, "\(regrets)")
    }
}
