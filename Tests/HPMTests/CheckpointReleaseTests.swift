import Testing
@testable import HPM

/// Which checkpoints clones may still ask for.
@Suite struct CheckpointReleaseTests {
    @Test func sourcesAreKeptUntilTheirClonesHaveReported() throws {
        var space = SearchSpace()
        try space.addReal("x", low: 0, high: 1)
        var population = try Population(
            space: space,
            options: .of(.pbt) {
                $0.population = 5
                $0.interval = 2
                $0.truncation = 0.2
            })
        for _ in 0..<2 {
            for student in 0..<5 {
                #expect(throws: HPMError.self) { try population.sourceReport(of: student) }
                _ = population.next(student)
                try population.report(student, loss: Double(student))
            }
        }
        let clone = population.next(4)
        #expect(clone.action == .clone && clone.source == 0)
        #expect(try population.sourceReport(of: 4) == 2)
        #expect(population.isReleasable(0, report: 1))
        #expect(!population.isReleasable(0, report: 2))
        // It would take the source's place, should that be retired.
        #expect(!population.isReleasable(1, report: 2) && population.isReleasable(1, report: 1))
        #expect(!population.isReleasable(1, report: 3))
        var retired = population
        try retired.retire(lost: 0)
        #expect(retired.next(4).action == .clone && retired.next(4).source == 1)
        try population.report(4)
        #expect(population.isReleasable(0, report: 2) && population.isReleasable(1, report: 2))
        #expect(!population.isReleasable(0, report: 3))
    }

    /// Before the last student of a round has reported nobody knows whose checkpoints are asked for.
    @Test func noSourceWasReleasedBeforeItsRoundEnded() throws {
        for algorithm in [Algorithm.hpm, .pbt, .hpmPaper, .mfPBT] {
            var space = SearchSpace()
            try space.addReal("x", low: 0, high: 1)
            var population = try Population(
                space: space,
                options: .of(algorithm) {
                    $0.population = 8
                    $0.interval = 2
                    $0.steps = 12
                })
            var released: Set<[Int]> = []
            var clones = 0
            while (0..<8).contains(where: { population.next($0).action != .stop }) {
                for student in 0..<8 {
                    switch population.next(student).action {
                    case .train, .evaluate:
                        try population.report(student, loss: Double((student * 5 + clones) % 8), hypergradient: [1])
                    case .clone:
                        let source = population.next(student).source
                        #expect(!released.contains([source, try population.sourceReport(of: student)]))
                        try population.report(student)
                        clones += 1
                    case .restart, .wait, .stop:
                        continue
                    }
                    for other in 0..<8 {
                        for report in stride(from: 1, through: population.reports(of: other), by: 1)
                        where population.isReleasable(other, report: report) {
                            released.insert([other, report])
                        }
                    }
                }
            }
            #expect(clones > 0)
            #expect(!released.isEmpty)
        }
    }
}
