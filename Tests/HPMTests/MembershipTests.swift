import Testing
@testable import HPM

/// Students that leave and join, runs that are prolonged: the synchronous schedule. The asynchronous one is in
/// ``AsynchronousTests``.
@Suite struct MembershipTests {
    private func population(
        _ algorithm: Algorithm = .pbt, _ change: (inout Options) -> Void = { _ in }
    ) throws -> Population {
        try Population(
            space: Spaces.box(2).fitting(algorithm),
            options: .of(algorithm) {
                ($0.population, $0.interval, $0.truncation) = (4, 2, 0.25)
                change(&$0)
            })
    }

    /// The losses of a round of training, by student.
    private func train(_ population: inout Population, _ losses: [Double]) throws {
        for student in 0..<population.size where population.next(student).action == .train {
            try population.report(student, loss: losses[student])
        }
    }

    /// The seven others go on without the one that is gone, and no clone is made onto it or of it.
    @Test(arguments: Algorithm.all.map(\.name))
    func nobodyWaitsForARetiredStudent(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let landscape = Landscape(seed: 3)
        for rounds in 0..<9 {
            var population = try population(algorithm) { ($0.population, $0.steps, $0.trial) = (8, 12, 3) }
            try population.drive(rounds: rounds, landscape)
            if rounds % 2 == 0 { _ = population.next(5) }
            try population.retire(lost: 5)
            #expect(population.next(5).action == .stop && population.isRetired(5))
            let clones = population.lineage.clones.count
            var number = rounds
            while !population.isFinished {
                try #require(number < 100, "\(name), retired after \(rounds) rounds: no end")
                for student in 0..<8 {
                    let task = population.next(student)
                    guard task.action != .wait, task.action != .stop else { continue }
                    let response = landscape.respond(
                        population.space, task.hyperparameters, round: number, student: student)
                    try population.report(student, loss: response.loss, hypergradient: response.hypergradient)
                }
                number += 1
                let violations = Invariants.violations(population)
                #expect(population.isFinished || violations.isEmpty, "\(name): \(violations.prefix(3))")
            }
            for clone in population.lineage.clones[clones...] {
                #expect(clone.student != 5 && clone.source != 5, "\(name), retired after \(rounds) rounds")
            }
            for student in 0..<8 where student != 5 { #expect(population.reports(of: student) == 12) }
        }
    }

    /// A source that goes before its clone is made: the next best takes its place; where there is none the round
    /// ends without the clone.
    @Test func sourcesThatAreGone() throws {
        var two = try population()
        for _ in 0..<2 { try train(&two, [1, 2, 3, 4]) }
        #expect(two.next(3).action == .clone && two.next(3).source == 0)
        try two.retire(lost: 0)
        #expect(two.next(3).action == .clone && two.next(3).source == 1)
        try two.report(3)
        #expect(two.next(3).action == .train)

        var one = try population()
        for _ in 0..<2 { try train(&one, [1, .nan, .nan, .nan]) }
        for student in 1..<4 { #expect(one.next(student).action == .clone) }
        try one.report(1)
        try one.retire(lost: 0)
        for student in 1..<4 { #expect(one.next(student).action == .train) }
        #expect(one.lineage.clones.map(\.student) == [1])
    }

    /// Those that join count the reports of the others as theirs, and what went into their weights apart.
    @Test func joinedStudentsHaveNoPast() throws {
        var population = try population()
        for _ in 0..<3 {
            try train(&population, [1, 2, 3, 4])
            if population.next(3).action == .clone { try population.report(3) }
        }
        try population.grow(by: 1, from: .drawn)
        try population.grow(by: 1, from: .clone)
        #expect(population.age(of: 4) == 0)
        try train(&population, [1, 2, 3, 4, 9, 9])
        // 4 is worst and becomes a clone, as does the one that joins.
        for student in 3..<6 where population.next(student).action == .clone {
            #expect(population.next(student).source == 0)
            try population.report(student)
        }
        try train(&population, [1, 2, 3, 4, 5, 6])
        #expect((0..<6).map { population.age(of: $0) } == [5, 5, 5, 5, 5, 5])
        let clones = population.lineage.clones.map { [$0.student, $0.source, $0.sourceReport] }
        #expect(clones == [[3, 0, 2], [4, 0, 4], [5, 0, 4]])

        var drawn = try self.population { $0.truncation = 0 }
        for _ in 0..<3 { try train(&drawn, [1, 2, 3, 4]) }
        try drawn.grow(by: 1, from: .drawn)
        for _ in 0..<2 { try train(&drawn, [1, 2, 3, 4, 5]) }
        #expect(drawn.reports(of: 4) == 5 && drawn.age(of: 4) == 2)
        let first = drawn.lineage.ancestor(of: 4, reports: 5, at: 1)
        #expect(first == .init(student: 4, report: 4))
        #expect(try Population(snapshot: drawn.snapshot()).age(of: 4) == 2)
    }

    /// A run that has ended and goes on is the run that had the steps from the start, to the bit.
    @Test(arguments: Algorithm.all.map(\.name))
    func prolongedRuns(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let landscape = Landscape.rough(seed: 8).fitting(algorithm)
        for steps in [1, 4, 6, 7] {
            func population(_ steps: Int) throws -> Population {
                try self.population(algorithm) { ($0.steps, $0.trial) = (steps, 2) }
            }
            var whole = try population(14)
            let records = try whole.drive(rounds: 100, landscape)
            var prolonged = try population(steps)
            let first = try prolonged.drive(rounds: 100, landscape)
            #expect(prolonged.isFinished && prolonged.next(0).action == .stop)
            prolonged = try Population(snapshot: prolonged.snapshot())
            try prolonged.prolong(to: 14)
            let rest = try prolonged.drive(rounds: 100, from: first.count, landscape)
            #expect(first + rest == records, "\(name), \(steps) steps")
            #expect(prolonged.snapshot() == whole.snapshot(), "\(name), \(steps) steps")
            #expect(throws: HPMError.self) { try prolonged.prolong(to: 13) }
        }
    }
}
