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
        #expect(population.isReleasable(1, report: 2))
        #expect(!population.isReleasable(1, report: 3))
        try population.report(4)
        #expect(population.isReleasable(0, report: 2))
        #expect(!population.isReleasable(0, report: 3))
    }
}
