import Testing
@testable import HPM

/// Bounds, losses and derivatives at the edges of what a double can say: the state stays finite, the
/// values inside their bounds, and a snapshot can be loaded again.
@Suite struct ExtremeTests {
    private func space() throws -> SearchSpace {
        var space = SearchSpace()
        try space.addReal("wide", low: -8e307, high: 8e307)
        // Subnormal bounds.
        let tiny = Double.leastNormalMagnitude / 128
        try space.addReal("tiny", low: -tiny, high: tiny)
        try space.addReal("narrow", low: 1, high: 1.0000000000000002)
        try space.addReal("all scales", low: 1e-300, high: 1e300, scale: .log)
        try space.addReal("to the end", low: 1e300, high: 1.7e308, scale: .log)
        try space.addReal("odds", low: 1e-300, high: 0.9999999999999999, scale: .logit)
        try space.addInteger("large", low: -0x1p53, high: 0x1p53)
        try space.addInteger("beyond 2^52", low: 0x1p52 + 1, high: 0x1p52 + 3)
        try space.addInteger("integer scales", low: 1, high: 0x1p53, scale: .log)
        return space
    }

    private static let numbers: [Double] = [
        0, -0.0, .leastNonzeroMagnitude, -1e-200, 1, -1, 1e100, -1e150, 1e300, -.greatestFiniteMagnitude,
        .greatestFiniteMagnitude, .nan, .infinity, -.infinity,
    ]

    @Test(arguments: Algorithm.all.map(\.name), 0..<6)
    func reportsOfAnySize(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var random = TestRandom(seed)
        var population = try Population(
            space: space().fitting(algorithm),
            options: .of(algorithm) {
                $0.population = 5
                $0.interval = 1 + random.index(2)
                $0.truncation = 0.4
                $0.trial = 3
                $0.seed = seed
                if seed > 2 { $0.hyperLearningRate = [0, 1e-300, .greatestFiniteMagnitude][seed - 3] }
                if seed > 3 { $0.teacherLearningRate = 1e6 }
                if seed == 5 { $0.mutationScale = 1 }
                if seed > 2 { $0.teacher = [.linear, .attention, .perceptron][seed - 3] }
                if seed > 2 { $0.teacherSquashing = .identity }
                if seed > 3 { $0.teacherActivation = [.relu, .identity][seed - 4] }
                if random.chance(0.5) { $0.hyperOptimizer = .sgd }
                $0.direction = random.chance(0.5) ? .maximize : .minimize
            })
        for number in 0..<40 {
            for student in 0..<5 {
                let task = population.next(student)
                guard task.action != .wait else { continue }
                let violations = Invariants.boundViolations(task.hyperparameters, in: population.space, "\(task.action)")
                if random.chance(0.2) {
                    try population.reportCost(student, training: [0, 1e-300, 1e100][random.index(3)], hypergradient: 1e100)
                }
                let numbers = Self.numbers
                let gradient = (0..<9).map { _ in numbers[random.index(numbers.count)] }
                try population.report(
                    student, loss: numbers[random.index(numbers.count)],
                    hypergradient: random.chance(algorithm == .memetic ? 0 : 0.2) ? nil : gradient)
                let all =
                    violations + Invariants.boundViolations(population)
                    + Invariants.numberViolations(population)
                if !all.isEmpty {
                    Issue.record("\(name), seed \(seed), round \(number): \(all.prefix(3))")
                    return
                }
            }
        }
        let bytes = population.snapshot()
        #expect(try Population(snapshot: bytes).snapshot() == bytes, "seed \(seed)")
        for counter in Budget.names { #expect(try population.budget.count(counter).isFinite, "\(counter)") }
    }
}
