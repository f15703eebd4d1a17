import Testing
@testable import HPM

/// Learning rates that are taken down at the end of a run, and reports that are to hold hypergradients.
@Suite struct CoolDownTests {
    private func space(low: Double = 1e-3) throws -> SearchSpace {
        var space = SearchSpace()
        try space.addReal("rate", low: low, high: 1, scale: .log, initial: 0.5)
        try space.addReal("decay", low: low, high: 1, scale: .log, initial: 0.5)
        try space.setRole(.learningRate, of: "rate")
        return space
    }

    private func alone(_ space: SearchSpace, _ change: (inout Options) -> Void) throws -> Population {
        try Population(
            space: space,
            options: .of(.hypergradient) {
                $0.population = 1
                change(&$0)
            })
    }

    /// min(1, (steps - t) / (0.4 steps)), t the reports made before: with 10 steps 1 up to the seventh report, then 3/4,
    /// 2/4, 1/4.
    @Test func factors() throws {
        var population = try alone(space()) { ($0.steps, $0.coolDown) = (10, 0.4) }
        for expected in [1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25] {
            let task = population.next(0)
            #expect(task.hyperparameters == [0.5 * expected, 0.5])
            #expect(population.hyperparameters(of: 0) == [0.5, 0.5])
            try population.report(0, loss: 1)
        }
        #expect(population.next(0).action == .stop)
    }

    @Test func boundsHold() throws {
        var population = try alone(space(low: 0.2)) { ($0.steps, $0.coolDown) = (4, 1) }
        for expected in [0.5, 0.375, 0.25, 0.2] {
            #expect(population.next(0).hyperparameters[0] == expected)
            try population.report(0, loss: 1)
        }
    }

    /// Nothing changes without a role, without a length, or with `cool_down` = 0.
    @Test(arguments: 0..<3) func nothingToCool(variant: Int) throws {
        var space = try space()
        if variant == 0 { try space.setRole(.other, of: "rate") }
        var population = try alone(space) {
            $0.steps = variant == 1 ? 0 : 10
            $0.coolDown = variant == 2 ? 0 : 0.5
        }
        for _ in 0..<10 {
            #expect(population.next(0).hyperparameters == [0.5, 0.5])
            try population.report(0, loss: 1)
        }
    }

    /// d F / d rate = d F / d (f rate) f: SGD in latent coordinates moves by it.
    @Test func chainRule() throws {
        func moved(role: Role, gradient: Double) throws -> Double {
            var space = try space()
            try space.setRole(role, of: "rate")
            var population = try alone(space) {
                ($0.steps, $0.coolDown, $0.hyperOptimizer, $0.hyperLearningRate) = (2, 1, .sgd, 0.01)
            }
            _ = population.next(0)
            try population.report(0, loss: 1)
            _ = population.next(0)
            try population.report(0, loss: 1, hypergradient: [gradient, .nan])
            return population.hyperparameters(of: 0)[0]
        }
        let (cooled, plain) = (try moved(role: .learningRate, gradient: 3), try moved(role: .other, gradient: 1.5))
        #expect(cooled == plain, "expected \(plain), observed \(cooled)")
        #expect(cooled != 0.5)
    }

    @Test func rolesAreCheckedAndKept() throws {
        var space = try space()
        try space.addInteger("depth", low: 1, high: 9)
        #expect(throws: HPMError.self) { try space.setRole(.learningRate, of: "depth") }
        #expect(throws: HPMError.self) { try space.setRole(.learningRate, of: "no such") }
        let population = try Population(space: space, options: .of(.pbt))
        let loaded = try Population(snapshot: population.snapshot())
        #expect(loaded.space == space && loaded.space.parameters[0].role == .learningRate)
    }

    @Test(arguments: [1, 3]) func wantedHypergradients(interval: Int) throws {
        var population = try alone(space()) { $0.hypergradientInterval = interval }
        for report in 0..<7 {
            #expect(population.wantsHypergradient(0) == (report % interval == 0))
            _ = population.next(0)
            #expect(population.wantsHypergradient(0) == (report % interval == 0))
            try population.report(0, loss: 1)
        }
        try population.retire(lost: 0)
        #expect(!population.wantsHypergradient(0))
    }

    /// The step grows with the square root of the interval, as that of sums of as many independent numbers.
    @Test func stepsFollowTheInterval() throws {
        var options = Options()
        options.hypergradientInterval = 9
        #expect(abs(options.resolved().hyperLearningRate - 0.18) < 1e-15)
        options.hyperOptimizer = .sgd
        #expect(options.resolved().hyperLearningRate == 0.1)
    }

    /// Without a hypergradient `hpm` is `pbt`, but for exploits between equals; with one it is itself.
    @Test(arguments: [false, true]) func mutationFollowsGuidance(isGuided: Bool) throws {
        func clones(_ algorithm: Algorithm) throws -> [[Double]] {
            var population = try Population(
                space: space(), options: .of(algorithm) { ($0.population, $0.interval) = (10, 1) })
            for _ in 0..<5 {
                for student in 0..<10 where population.next(student).action == .train {
                    try population.report(
                        student, loss: Double(student), hypergradient: isGuided ? [0, 0] : nil)
                }
                for student in 0..<10 where population.next(student).action == .clone {
                    try population.report(student)
                }
            }
            return (0..<10).map { population.hyperparameters(of: $0) }
        }
        #expect(try (clones(.hpm) == clones(.pbt)) == !isGuided)
    }

    /// Where the loss is filed under the hyperparameters, they are handed out as they are.
    @Test(arguments: ["memetic", "random", "bayesian"]) func trialsAndSearchesAreNotCooled(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: space(),
            options: .of(algorithm) { ($0.population, $0.steps, $0.trial, $0.coolDown) = (2, 6, 2, 1) })
        for _ in 0..<24 {
            for student in 0..<2 {
                let task = population.next(student)
                if task.action == .stop { return }
                #expect(task.hyperparameters == population.hyperparameters(of: student))
                try population.report(student, loss: 1, hypergradient: [1, 1])
            }
        }
    }

    /// Whoever makes an evaluation trains as its source would have.
    @Test func evaluationsAreCooledAsTheirSource() throws {
        var population = try Population(
            space: space(),
            options: .of(.hpmPaper) { ($0.population, $0.interval, $0.steps, $0.coolDown) = (4, 1, 4, 1) })
        for student in 0..<4 {
            _ = population.next(student)
            try population.report(student, loss: Double(student), hypergradient: [1, 1])
        }
        for student in 0..<4 where population.next(student).action == .clone { try population.report(student) }
        var evaluations = 0
        for student in 0..<4 where population.next(student).action == .evaluate {
            let point = try #require(population.tasks[student].evaluation).point.natural
            #expect(population.next(student).hyperparameters[0] == max(0.75 * point[0], 1e-3))
            evaluations += 1
        }
        #expect(evaluations > 0)
    }

    @Test func infiniteComponentsAreCounted() throws {
        var population = try alone(space(low: 0.49)) { ($0.steps, $0.coolDown) = (2, 1) }
        for _ in 0..<2 {
            _ = population.next(0)
            try population.report(0, loss: 1, hypergradient: [.infinity, 1])
        }
        #expect(population.budget.nonfiniteHypergradients == 2)
    }

    @Test func ratesAreNeverNegative() throws {
        var space = SearchSpace()
        try space.addReal("logarithm of the rate", low: -5, high: -1)
        #expect(throws: HPMError.self) { try space.setRole(.learningRate, of: "logarithm of the rate") }
    }

    /// Whether hypergradients are wanted at all is the algorithm's to say.
    @Test(arguments: Algorithm.all.map(\.name)) func wantedByAlgorithm(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: space(), options: .of(algorithm) { ($0.population, $0.hypergradientInterval) = (2, 2) })
        let isBlind = ["pbt", "random", "bayesian", "pb2", "mf-pbt", "reinforced"].contains(name)
        #expect(population.wantsHypergradient(0) == !isBlind)
        for student in 0..<2 {
            _ = population.next(student)
            try population.report(student, loss: 1, hypergradient: [1, 1])
        }
        #expect(population.wantsHypergradient(0) == (name == "memetic"))
        #expect(population.warnings.contains { $0.contains("hypergradient_interval") } == (isBlind || name == "memetic" || name == "clone-step" || ["hpm-paper", "mutation-only"].contains(name)))
    }

    /// A space in which nothing may be descended is never guided.
    @Test func mutatedAlone() throws {
        func clone(_ algorithm: Algorithm) throws -> [Double] {
            var space = try space()
            for name in ["rate", "decay"] { try space.setUpdate(.mutate, of: name) }
            var population = try Population(
                space: space, options: .of(algorithm) { ($0.population, $0.interval, $0.truncation) = (2, 1, 0.5) })
            for student in 0..<2 {
                _ = population.next(student)
                try population.report(student, loss: Double(student), hypergradient: [1, 1])
            }
            _ = population.next(1)
            try population.report(1)
            return population.hyperparameters(of: 1)
        }
        #expect(try clone(.hpm) == clone(.pbt))
    }
}
