import Testing
@testable import HPM

/// With the synchronous schedule the result is the same to the bit whatever the order of the reports.
@Suite struct ArrivalOrderTests {
    @Test(arguments: Algorithm.all.map(\.name), 0..<4)
    func anyOrder(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var random = TestRandom(seed, 5)
        let space = try (seed == 0 ? Spaces.mixed() : Spaces.random(&random)).fitting(algorithm)
        let options = Options.of(algorithm) {
            $0.seed = seed
            $0.population = 7
            $0.interval = 2
            $0.trial = 3
            $0.truncation = 0.4
        }
        let landscape = Landscape.rough(seed: seed).fitting(algorithm)
        var reference = try Population(space: space, options: options)
        let expected = try reference.drive(rounds: 30, landscape)
        for orderSeed in 1...3 {
            var population = try Population(space: space, options: options)
            let records = try population.drive(rounds: 30, landscape, orderSeed: orderSeed)
            #expect(records == expected, "seed \(seed), order \(orderSeed)")
            #expect(population.lineage == reference.lineage)
            #expect(try population.bestHyperparameters() == reference.bestHyperparameters())
        }
    }

    /// Also what the reports cost, in numbers whose sum depends on the order, with the teacher's cap
    /// near its edge.
    @Test(arguments: 0..<6)
    func costs(seed: Int) throws {
        let options = Options.of(.hpmPaper) {
            $0.population = 9
            $0.interval = 1
            $0.teacherShare = 0.3
        }
        func run(_ orderSeed: Int?) throws -> (Population, [RoundRecord]) {
            var population = try Population(space: Spaces.mixed(), options: options)
            var order = orderSeed.map { TestRandom($0) }
            var records: [RoundRecord] = []
            for number in 0..<30 {
                let record = try population.driveRound(number, Landscape(seed: seed), order: &order) {
                    student, action in
                    var random = TestRandom(seed, number, student)
                    return (0.1 * Double(1 + random.index(9)), 0.1 * random.uniform())
                }
                records.append(try #require(record))
            }
            return (population, records)
        }
        let (reference, expected) = try run(nil)
        for orderSeed in 1...4 {
            let (population, records) = try run(orderSeed)
            #expect(records == expected, "seed \(seed), order \(orderSeed)")
            for counter in Budget.names where !counter.hasSuffix("_seconds") {
                #expect(
                    try population.budget.count(counter) == reference.budget.count(counter), "\(counter)")
            }
        }
    }
}
