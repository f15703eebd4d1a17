import Testing
@testable import HPM

@Suite struct LineageTests {
    /// Each student carries the list of those who made its weights, copied with every clone.
    @Test(arguments: ["hpm", "hpm-paper", "pbt", "clone-step", "hypergradient"], 0..<4)
    func ancestorsAgainstBookkeeping(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: Spaces.mixed(),
            options: .of(algorithm) {
                $0.population = 6
                $0.interval = 1 + seed
                $0.truncation = 0.5
                $0.seed = seed
            })
        var histories = Array(repeating: [Int](), count: 6)
        var clones: [Lineage.Clone] = []
        for number in 0..<60 {
            let record = try population.drive(rounds: 1, from: number, Landscape(seed: seed, lossNoise: 3))[0]
            switch record.action {
            case .train: for student in 0..<6 { histories[student].append(student) }
            case .clone:
                let before = histories
                for student in record.students {
                    let source = try #require(record.sources[student])
                    histories[student] = before[source]
                    clones.append(
                        .init(
                            report: population.trainingRounds, student: student, source: source,
                            sourceReport: population.trainingRounds))
                }
            default: break
            }
            for student in 0..<6 {
                for report in 1...max(1, population.trainingRounds) where population.trainingRounds > 0 {
                    let ancestor = population.lineage.ancestor(
                        of: student, reports: population.trainingRounds, at: report)
                    // Where students wait for one another, a report has the same number for all.
                    if ancestor != .init(student: histories[student][report - 1], report: report) {
                        Issue.record("seed \(seed), round \(number), student \(student), report \(report): \(ancestor)")
                        return
                    }
                }
            }
        }
        #expect(population.lineage.clones == clones)
        #expect((name == "hypergradient") == clones.isEmpty)
    }

    /// A snapshot may claim more reports than there are numbers.
    @Test func lengthsDoNotOverflow() {
        var lineage = Lineage()
        for student in [2, 1, 0] {
            lineage.append(
                .init(report: 0, student: student, source: student + 1, sourceReport: Int.max / 2 - 1))
        }
        #expect(lineage.length(of: 0, reports: 1) == .max)
    }
}
