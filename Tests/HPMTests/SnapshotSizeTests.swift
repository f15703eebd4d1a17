import Testing
@testable import HPM

/// The size of a snapshot, counted without one being written.
@Suite struct SnapshotSizeTests {
    @Test(arguments: ["hpm", "hpm-paper", "pbt", "random", "mutation-only"])
    func countedIsWritten(algorithm: String) throws {
        var space = SearchSpace()
        try space.addReal("größe", low: 1e-4, high: 1, scale: .log, initial: 0.1)
        try space.addChoice("kind", labels: ["a", "Ω"], initial: nil)
        var options = Options()
        try options.set("algorithm", to: algorithm)
        try options.set("population", to: "5")
        try options.set("interval", to: "2")
        var population = try Population(space: space, options: options)
        for round in 0..<7 {
            #expect(population.snapshotSize == population.snapshot().count, "round \(round)")
            for student in 0..<5 where population.next(student).action != .wait {
                try population.report(student, loss: Double(student), hypergradient: [1, .nan])
            }
        }
    }
}
