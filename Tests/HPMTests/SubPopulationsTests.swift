import Testing
@testable import HPM

@Suite struct SubPopulationsTests {
    private func losses(_ students: Int, _ random: inout TestRandom) -> [Double] {
        let finite = random.uniform(0.3...1)
        return (0..<students).map { _ in
            random.chance(finite) ? (random.chance(0.3) ? Double(random.index(3)) : random.normal()) : .infinity
        }
    }

    @Test(arguments: 0..<400)
    func againstASecondImplementation(seed: Int) {
        var random = TestRandom(seed, 3)
        let students = 1 + random.index(40)
        let count = 1 + random.index(SubPopulations.largestCount(students: students))
        let ratio = 1 + random.index(4)
        let parts = SubPopulations(count: count, students: students, frequencyRatio: ratio)
        let second = SecondSubPopulations(count: count, ratio: ratio)
        for exploit in 1...12 {
            let losses = losses(students, &random)
            let replacements = parts.replacements(losses, exploit: exploit)
            let during = losses.indices.map { student in
                replacements.contains { $0.student == student } ? .infinity : losses[student]
            }
            let clones = replacements.map { pair in
                SecondSubPopulations.Clone(
                    student: pair.student, weights: pair.source,
                    hyperparameters: parts.parent(of: pair.student, clonedFrom: pair.source, bests: parts.bests(during)),
                    isMutated: parts.index(of: pair.student) == parts.index(of: pair.source))
            }
            #expect(clones == second.clones(losses, exploit: exploit), "seed \(seed), exploit \(exploit)")
            let replaced = Set(replacements.map(\.student))
            #expect(replaced.count == replacements.count)
            for clone in clones {
                #expect(!replaced.contains(clone.weights) && !replaced.contains(clone.hyperparameters))
                #expect(losses[clone.weights].isFinite && losses[clone.weights] <= losses[clone.student])
            }
        }
    }

    /// However many sub-populations there are.
    @Test func periods() {
        let count = 1 << 50
        for (ratio, index, period) in [(1, count - 1, 1), (2, 62, 1 << 62), (2, 63, .max), (3, count - 1, .max), (2, 0, 1)] {
            let parts = SubPopulations(count: count, students: 2 * count, frequencyRatio: ratio)
            #expect(parts.period(of: index) == period)
        }
    }

    private func pair(_ student: Int, _ source: Int) -> [Int] { [student, source] }

    /// Two sub-populations of four: written out by hand.
    @Test func anExample() {
        let parts = SubPopulations(count: 2, students: 8, frequencyRatio: 2)
        //            fast: 0 1 2 3      slow: 4 5 6 7
        let losses = [0.1, 0.4, 0.5, 0.2, 0.3, 0.9, 0.8, 0.05]
        // The fast one alone: 2 is worst, a clone of 0; 1 is next to last, worse than 7 of the slow one.
        let first = parts.replacements(losses, exploit: 1)
        #expect(first.map { [$0.student, $0.source] } == [pair(1, 7), pair(2, 0)])
        #expect(parts.parent(of: 1, clonedFrom: 7, bests: parts.bests(losses)) == 7)
        // Both: 5 is worst of the slow one, a clone of 7; 6 takes the weights of 0 and the
        // hyperparameters of 7.
        let second = parts.replacements(losses, exploit: 2)
        #expect(
            second.map { [$0.student, $0.source] } == [
                pair(1, 7), pair(2, 0),
                pair(5, 7), pair(6, 0),
            ])
        #expect(parts.parent(of: 6, clonedFrom: 0, bests: parts.bests(losses)) == 7)
        #expect(parts.parent(of: 5, clonedFrom: 7, bests: parts.bests(losses)) == 7)
    }

    @Test func sizesAndPeriods() {
        #expect([1, 2, 7, 8, 11, 12, 16, 100].map(SubPopulations.defaultCount) == [1, 1, 1, 2, 2, 3, 4, 4])
        #expect([1, 2, 3, 4, 9].map(SubPopulations.largestCount) == [1, 1, 1, 2, 4])
        for students in 1...30 {
            for count in 1...students {
                let parts = SubPopulations(count: count, students: students, frequencyRatio: 2)
                let blocks = SecondSubPopulations(count: count, ratio: 2).blocks(students)
                for (index, block) in blocks.enumerated() {
                    #expect(Array(parts.members(of: index)) == block)
                    for student in block { #expect(parts.index(of: student) == index) }
                }
            }
        }
        func periods(_ ratio: Int) -> [Int] {
            let parts = SubPopulations(count: 4, students: 8, frequencyRatio: ratio)
            return (0..<4).map(parts.period)
        }
        #expect(periods(2) == [1, 2, 4, 8] && periods(10) == [1, 10, 100, 1000])
        #expect(periods(1) == [1, 1, 1, 1] && periods(.max) == [1, .max, .max, .max])
    }

    @Test func tooManySubPopulations() throws {
        for (count, population) in [(2, 3), (5, 8), (Int.max, 8), (2, 1)] {
            let error = #expect(throws: HPMError.self) {
                try Population(
                    space: Spaces.box(1),
                    options: .of(.mfPBT) {
                        $0.population = population
                        $0.subPopulations = count
                    })
            }
            #expect(error?.code == .argument && error?.message.contains("'sub_populations' is \(count)") ?? false)
        }
    }

    /// A slow sub-population goes on for longer between exploits; a migrant from a faster one keeps
    /// its new home's hyperparameters to the bit, and is told of them.
    @Test func inAPopulation() throws {
        var population = try Population(
            space: Spaces.mixed(),
            options: .of(.mfPBT) {
                $0.population = 16
                $0.interval = 1
                $0.seed = 5
            })
        #expect(population.options.subPopulations == 4 && population.possibleActions == [.train, .clone])
        var weightsAlone = 0
        var perSubPopulation = [0, 0, 0, 0]
        for number in 0..<120 {
            let before = (0..<16).map { population.hyperparameters(of: $0) }
            let record = try #require(try population.drive(rounds: 1, from: number, Landscape(seed: 2, lossNoise: 1)).first)
            guard record.action == .clone else { continue }
            for student in record.students {
                let source = try #require(record.sources[student])
                perSubPopulation[student / 4] += 1
                #expect(population.trainingRounds % [1, 2, 4, 8][student / 4] == 0)
                let told = try #require(record.hyperparameters[student])
                if student / 4 == source / 4 { continue }
                #expect(population.hyperparameters(of: student) == told)
                if source / 4 > student / 4 {
                    #expect(told == before[source])
                } else if told != before[source] {
                    weightsAlone += 1
                    #expect(before[student / 4 * 4..<student / 4 * 4 + 4].contains(told))
                }
                #expect(population.lineage.clones.contains { $0.student == student && $0.source == source })
            }
        }
        #expect(weightsAlone > 5)
        #expect(perSubPopulation[0] > perSubPopulation[1] && perSubPopulation[1] > perSubPopulation[2])
        #expect(perSubPopulation[2] > perSubPopulation[3] && perSubPopulation[3] > 5)
    }
}
