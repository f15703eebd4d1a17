import Testing
@testable import HPM

/// Each algorithm against ``ShadowPopulation``, over spaces, options and troubles drawn at random.
@Suite struct AlgorithmTests {
    /// Follows a population for some rounds.
    private func follow(
        _ population: Population, _ landscape: Landscape, rounds: Int, _ about: String
    ) throws {
        var population = population
        var shadow = ShadowPopulation(of: population)
        var order: TestRandom? = TestRandom(landscape.seed)
        for number in 0..<rounds {
            guard let record = try population.driveRound(number, landscape, order: &order) else {
                #expect(population.isFinished && population.trainingRounds == population.options.steps)
                break
            }
            shadow.expect(record)
            func response(_ student: Int) -> Landscape.Response {
                landscape.respond(
                    population.space, record.hyperparameters[student] ?? [], round: number,
                    student: student)
            }
            switch record.action {
            case .train: shadow.train((0..<population.size).map(response))
            case .evaluate:
                shadow.evaluate(
                    Dictionary(uniqueKeysWithValues: record.students.map { ($0, response($0)) }))
            case .restart: shadow.restart()
            default: break
            }
            shadow.compareBest(population)
            let violations = Invariants.violations(population)
            if !shadow.complaints.isEmpty || !violations.isEmpty {
                Issue.record(
                    "\(about), round \(number) (\(record.action)): \((shadow.complaints + violations).prefix(3))")
                return
            }
        }
    }

    private func randomOptions(_ algorithm: Algorithm, _ random: inout TestRandom) throws -> Options {
        var options = Options.of(algorithm)
        options.seed = random.index(1000)
        options.population = 1 + random.index(9)
        options.interval = 1 + random.index(4)
        options.burnIn = random.chance(0.3) ? random.index(8) : 0
        options.truncation = [0.2, 0.2, 0.5, 0.35, 0.01, 0][random.index(6)]
        options.trial = random.index(4)
        if random.chance(0.5) {
            options.subPopulations = 1 + random.index(SubPopulations.largestCount(students: options.population ?? 8))
        }
        options.frequencyRatio = 1 + random.index(3)
        options.steps = random.chance(0.3) ? 1 + random.index(20) : 0
        options.teacherUnits = 1 + random.index(6)
        if random.chance(0.3) { options.mutationScale = [0, 0.35, 1][random.index(3)] }
        if random.chance(0.3) { options.hyperLearningRate = [0, 0.01, 0.5][random.index(3)] }
        if random.chance(0.2) { options.hyperOptimizer = random.chance(0.5) ? .adam : .sgd }
        if random.chance(0.4) { options.teacher = TeacherKind.allCases[random.index(4)] }
        if random.chance(0.4) { options.teacherSquashing = Squashing.allCases[random.index(4)] }
        if random.chance(0.4) { options.teacherActivation = TeacherActivation.allCases[random.index(5)] }
        if random.chance(0.4) { options.teacherEvaluations = [0, 1, 3, 50][random.index(4)] }
        if random.chance(0.3) { options.direction = .maximize }
        return options
    }

    /// The defaults, on a space of all kinds, with trouble.
    @Test(arguments: Algorithm.training.map(\.name), 0..<3)
    func defaults(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        let options = Options.of(algorithm) {
            $0.seed = seed
            $0.trial = 4
            $0.population = 10
        }
        let population = try Population(space: Spaces.mixed(), options: options)
        let landscape = seed == 0 ? Landscape(seed: seed) : Landscape.rough(seed: seed)
        try follow(population, landscape, rounds: 50, "\(name), seed \(seed)")
    }

    @Test(arguments: Algorithm.training.map(\.name), 0..<40)
    func anyOptionsAndSpaces(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var random = TestRandom(seed, 77)
        let space = try Spaces.random(&random)
        let options = try randomOptions(algorithm, &random)
        var landscape = Landscape.rough(seed: seed)
        landscape.sign = options.direction == .maximize ? -1 : 1
        try follow(
            Population(space: space, options: options), landscape, rounds: 30, "\(name), seed \(seed)")
    }
}
