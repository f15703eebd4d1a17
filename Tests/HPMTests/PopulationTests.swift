import Testing
@testable import HPM

/// The state machine of `next` and `report`.
@Suite struct PopulationTests {
    private func population(
        _ algorithm: Algorithm = .hpm, _ change: (inout Options) -> Void = { _ in }
    ) throws -> Population {
        try Population(space: Spaces.mixed(), options: .of(algorithm, change))
    }

    private func refuses(
        _ code: HPMError.Code, _ population: Population,
        sourceLocation: SourceLocation = #_sourceLocation, _ call: (inout Population) throws -> Void
    ) {
        var changed = population
        let error = #expect(throws: HPMError.self, sourceLocation: sourceLocation) { try call(&changed) }
        #expect(error?.code == code, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        // Equal bytes: nothing has changed.
        #expect(changed.snapshot() == population.snapshot(), sourceLocation: sourceLocation)
    }

    @Test func creationErrors() throws {
        let empty = #expect(throws: HPMError.self) { try Population(space: SearchSpace()) }
        #expect(empty?.code == .argument && empty?.message.contains("no parameters") ?? false)
        for size in [Int.max, 1 << 50, 1 << 40] {
            let error = #expect(throws: HPMError.self) { try population { $0.population = size } }
            #expect(error?.code == .memory, "\(size)")
        }
        for units in [Int.max, 1 << 50] {
            let error = #expect(throws: HPMError.self) {
                try population(.hpmPaper) { $0.teacherUnits = units }
            }
            #expect(error?.code == .memory, "\(units)")
        }
        var huge = SearchSpace()
        try huge.addBlock("x", count: 1 << 55, low: 0, high: 1)
        let error = #expect(throws: HPMError.self) { try Population(space: huge) }
        #expect(error?.code == .memory)
        // Units are nobody's concern where there is no teacher.
        #expect(throws: Never.self) { try population { $0.teacherUnits = .max } }
    }

    @Test(arguments: Algorithm.training.map(\.name))
    func startsAreEqualUnderEveryAlgorithm(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try population(algorithm) { $0.seed = 5 }
        var reference = try self.population { $0.seed = 5 }
        for student in 0..<8 {
            let start = population.next(student).hyperparameters
            #expect(start == reference.next(student).hyperparameters)
            #expect(start == population.space.start(of: student, seed: 5).natural)
        }
        #expect(Set((0..<8).map { population.next($0).hyperparameters[0] }).count == 8)
    }

    @Test func nextIsIdempotent() throws {
        var population = try population(.hpmPaper) { $0.population = 6 }
        let landscape = Landscape(seed: 1)
        for number in 0..<40 {
            let answers = (0..<6).map { population.next($0) }
            #expect(answers == (0..<6).map { population.next($0) })
            var order: TestRandom?
            _ = try population.driveRound(number, landscape, order: &order)
        }
    }

    @Test func reportsOutOfOrderAreRefused() throws {
        let fresh = try population()
        for student in [0, 7] { refuses(.order, fresh) { try $0.report(student, loss: 1) } }
        for student in [-1, 8, .max, .min] {
            refuses(.argument, fresh) { try $0.report(student, loss: 1) }
            refuses(.argument, fresh) { try $0.reportCost(student, training: 1) }
        }
        refuses(.order, fresh) { try $0.reportCost(0, training: 1) }
        var asked = fresh
        _ = asked.next(0)
        for count in [0, 9, 11] {
            refuses(.argument, asked) {
                try $0.report(0, loss: 1, hypergradient: Array(repeating: 0, count: count))
            }
        }
        refuses(.order, asked) { try $0.report(1, loss: 1) }
        for cost in [-1, Double.nan, .infinity, -.infinity] {
            refuses(.argument, asked) { try $0.reportCost(0, training: cost) }
            refuses(.argument, asked) { try $0.reportCost(0, training: 1, hypergradient: cost) }
        }
        try asked.report(0, loss: 1)
        #expect(asked.next(0).action == .wait)
        refuses(.order, asked) { try $0.report(0, loss: 1) }
        refuses(.order, asked) { try $0.reportCost(0, training: 1) }
    }

    @Test func waitEndsWithTheRound() throws {
        var population = try population { $0.population = 3 }
        for student in [2, 0] {
            _ = population.next(student)
            try population.report(student, loss: 1)
            #expect(population.next(student).action == .wait)
            #expect(population.trainingRounds == 0)
        }
        _ = population.next(1)
        try population.report(1, loss: 1)
        #expect(population.trainingRounds == 1)
        for student in 0..<3 { #expect(population.next(student).action == .train) }
    }

    @Test func waitHandsOutOwnHyperparameters() throws {
        var population = try population { $0.population = 2 }
        let start = population.next(0).hyperparameters
        try population.report(0, loss: 1)
        let wait = population.next(0)
        #expect(wait.hyperparameters == start && wait.source == 0)
        #expect(population.hyperparameters(of: 0) == start)
    }

    /// TRAIN ... CLONE, EVALUATE, TRAIN, each where the algorithm has it.
    @Test(arguments: Algorithm.training.map(\.name))
    func orderOfRounds(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try population(algorithm) {
            $0.population = 10
            $0.interval = 3
        }
        // Losses that differ clearly, so that also `hpm` finds better sources.
        let landscape = Landscape(seed: 2, lossNoise: 10)
        let actions = try population.drive(rounds: 24, landscape).map(\.action)
        let cycle: [Action] =
            switch name {
            case "hpm-paper", "mutation-only": [.train, .train, .train, .clone, .evaluate]
            case "hypergradient", "random", "bayesian": [.train]
            default: [.train, .train, .train, .clone]
            }
        for (number, action) in actions.enumerated() {
            #expect(action == cycle[number % cycle.count], "round \(number)")
        }
        #expect(Set(actions).isSubset(of: population.possibleActions))
    }

    @Test func burnInAndInterval() throws {
        for (interval, burnIn, expected) in [
            (5, 0, [5, 10, 15, 20]), (5, 5, [5, 10, 15, 20]), (4, 9, [12, 16, 20]), (1, 18, [18, 19, 20]),
            (30, 0, []), (5, 100, []),
        ] as [(Int, Int, [Int])] {
            var population = try population(.pbt) {
                $0.interval = interval
                $0.burnIn = burnIn
            }
            var seen: [Int] = []
            for _ in 0..<60 {
                if population.trainingRounds > 20 { break }
                let records = try population.drive(rounds: 1, from: population.trainingRounds, Landscape())
                if records[0].action == .clone { seen.append(population.trainingRounds) }
            }
            #expect(seen.filter { $0 <= 20 } == expected, "interval \(interval), burn-in \(burnIn)")
        }
    }

    /// A clone round replaces the worst by the best; the rest waits, the sources too.
    @Test(arguments: [(10, 0.2, 2), (10, 0.5, 5), (3, 0.5, 1), (7, 0.01, 1), (2, 0.5, 1), (11, 0.35, 3)])
    func cloneRound(size: Int, truncation: Double, count: Int) throws {
        var population = try population(.hpmNoTeacher) {
            $0.population = size
            $0.interval = 1
            $0.truncation = truncation
        }
        var random = TestRandom(size)
        let losses = (0..<size).map { _ in random.uniform() }
        for student in 0..<size {
            _ = population.next(student)
            try population.report(student, loss: losses[student])
        }
        let ranking = (0..<size).sorted { losses[$0] < losses[$1] }
        let answers = (0..<size).map { population.next($0) }
        for student in 0..<size {
            let isReplaced = ranking.suffix(count).contains(student)
            #expect(answers[student].action == (isReplaced ? .clone : .wait))
            if isReplaced {
                #expect(ranking.prefix(count).contains(answers[student].source))
                // With a clone the hyperparameters are those of its source.
                #expect(
                    answers[student].hyperparameters
                        == population.hyperparameters(of: answers[student].source))
            }
        }
        // A source waits until the last clone is in.
        for student in ranking.suffix(count) {
            #expect((0..<size).allSatisfy { population.next($0).action != .train })
            try population.report(student)
        }
        #expect((0..<size).allSatisfy { population.next($0).action == .train })
    }

    @Test func noExploitWithoutTruncationOrAlone() throws {
        for algorithm in Algorithm.training {
            for (size, truncation) in [(6, 0.0), (1, 0.5)] {
                var population = try population(algorithm) {
                    $0.population = size
                    $0.truncation = truncation
                    $0.interval = 1
                }
                let actions = try population.drive(rounds: 12, Landscape()).map(\.action)
                #expect(actions == Array(repeating: .train, count: 12))
                #expect(!population.possibleActions.contains(.clone))
            }
        }
    }

    /// `steps` training reports of each, no exploit after the last.
    @Test(arguments: Algorithm.training.map(\.name))
    func stepsEndInStop(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        for steps in [1, 5, 10] {
            var population = try population(algorithm) {
                $0.steps = steps
                $0.interval = 5
                $0.trial = 5
            }
            let records = try population.drive(rounds: 100, Landscape(seed: steps, lossNoise: 10))
            #expect(records.filter { $0.action == .train }.count == steps)
            #expect(records.last?.action == .train)
            #expect(population.isFinished)
            for student in 0..<8 {
                let stop = population.next(student)
                #expect(stop.action == .stop && stop.source == student)
                #expect(stop.hyperparameters == population.hyperparameters(of: student))
                refuses(.order, population) { try $0.report(student, loss: 0) }
            }
            #expect(population.budget.reports(.train) == 8 * steps)
            #expect(try population.best().loss.isFinite)
        }
    }

    @Test func withoutStepsThereIsNoEnd() throws {
        var population = try population(.hypergradient) { $0.population = 1 }
        #expect(try population.drive(rounds: 500, Landscape()).count == 500)
        #expect(!population.isFinished)
    }

    @Test func stopAcceptsWhatIsOut() throws {
        var population = try population { $0.population = 3 }
        _ = population.next(0)
        _ = population.next(1)
        population.stop()
        for student in 0..<3 { #expect(population.next(student).action == .stop) }
        try population.report(1, loss: 2)
        refuses(.order, population) { try $0.report(1, loss: 2) }
        refuses(.order, population) { try $0.report(2, loss: 2) }
        try population.report(0, loss: 3)
        #expect(population.next(0).action == .stop)
        #expect(try population.best() == (1, 2))
        #expect(population.budget.reports(.train) == 2)
    }

    @Test func stopInsideAnExploit() throws {
        var population = try population(.pbt) { $0.interval = 1 }
        _ = try population.drive(rounds: 1, Landscape(seed: 1))
        let replaced = try #require((0..<8).first { population.next($0).action == .clone })
        population.stop()
        #expect(population.next(replaced).action == .stop)
        try population.report(replaced)
        #expect(population.next(replaced).action == .stop)
        #expect(population.budget.clones == 1)
    }

    @Test func setInitial() throws {
        let fresh = try population { $0.population = 2 }
        let values = [0.125, 0.5, 0.25, 0.5, 2.5, 1, -4, 128, 2, 3]
        var population = fresh
        try population.setInitial(1, values)
        #expect(population.next(1).hyperparameters == values)
        #expect(population.next(0).hyperparameters == fresh.hyperparameters(of: 0))
        for student in 0..<2 { refuses(.order, population) { try $0.setInitial(student, values) } }
        for student in [-1, 2] { refuses(.argument, fresh) { try $0.setInitial(student, values) } }
        for count in [0, 9, 11] {
            refuses(.argument, fresh) { try $0.setInitial(0, Array(repeating: 1, count: count)) }
        }
        for (index, value) in [
            (0, -3.1), (0, .nan), (1, 0), (1, .infinity), (2, 0.98), (4, 0.4), (6, 0.5), (6, 7), (7, 0),
            (8, 3), (8, 0.5), (8, -1), (9, 1.999),
        ] as [(Int, Double)] {
            var wrong = values
            wrong[index] = value
            let error = #expect(throws: HPMError.self) {
                var copy = fresh
                try copy.setInitial(0, wrong)
            }
            let name = fresh.space.parameters.last { $0.offset <= index }?.name ?? ""
            #expect(error?.code == .argument && error?.message.contains("'\(name)'") ?? false)
        }
    }

    @Test func bestBeforeAndAfterReports() throws {
        let fresh = try population { $0.population = 3 }
        refuses(.noResult, fresh) { _ = try $0.best() }
        refuses(.noResult, fresh) { _ = try $0.bestHyperparameters() }
        var population = fresh
        for (student, loss) in [(0, Double.nan), (1, .infinity), (2, -.infinity)] {
            _ = population.next(student)
            try population.report(student, loss: loss)
        }
        refuses(.noResult, population) { _ = try $0.best() }
        refuses(.noResult, population) { _ = try $0.bestHyperparameters() }
        let used = (0..<3).map { population.next($0).hyperparameters }
        for (student, loss) in [(1, 5.0), (2, 4), (0, 4)] {
            try population.report(student, loss: loss, hypergradient: Array(repeating: 1, count: 10))
        }
        // Equal losses: the first. The hyperparameters are those before the step that followed.
        #expect(try population.best() == (0, 4))
        #expect(try population.bestHyperparameters().hyperparameters == used[0])
        #expect(population.hyperparameters(of: 0) != used[0])
    }

    /// A clone has not been judged yet: its latest loss belonged to weights that are gone.
    @Test func bestAfterAnExploit() throws {
        var population = try population(.hpm) {
            $0.population = 2
            $0.truncation = 0.5
            $0.interval = 1
        }
        _ = (population.next(0), population.next(1))
        try population.report(0, loss: 9)
        try population.report(1, loss: 1)
        #expect(population.next(0).action == .clone)
        try population.report(0)
        #expect(try population.best() == (1, 1))
        _ = (population.next(0), population.next(1))
        try population.report(1, loss: .nan)
        refuses(.noResult, population) { _ = try $0.best() }
        try population.report(0, loss: 7)
        #expect(try population.best() == (0, 7))
    }

    /// A student whose loss is not finite is the worst and replaced; sources are finite.
    @Test(arguments: ["hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only", "pbt", "pb2"])
    func nonfiniteStudentsAreReplaced(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        for bad in [Double.nan, .infinity, -.infinity] {
            var population = try population(algorithm) { $0.interval = 1 }
            for student in 0..<8 {
                _ = population.next(student)
                try population.report(student, loss: student == 3 ? bad : Double(student))
            }
            #expect(population.next(3).action == .clone && population.next(3).source == 0)
            #expect(population.budget.nonfiniteLosses == 1)
        }
        var population = try population(algorithm) { $0.interval = 1 }
        for student in 0..<8 {
            _ = population.next(student)
            try population.report(student, loss: .nan)
        }
        for student in 0..<8 { #expect(population.next(student).action == .train) }
        #expect(population.budget.nonfiniteLosses == 8)
        #expect(Invariants.violations(population).isEmpty)
    }

    @Test func infiniteComponentsAreSkippedAndCounted() throws {
        var population = try population(.hypergradient) { $0.population = 1 }
        let before = population.next(0).hyperparameters
        var gradient = Array(repeating: 0.1, count: 10)
        gradient[0] = .infinity
        gradient[4] = -.infinity
        gradient[9] = .nan
        try population.report(0, loss: 1, hypergradient: gradient)
        let after = population.next(0).hyperparameters
        for index in 0..<10 {
            let isMoved = [1, 2, 3, 5].contains(index)
            #expect((before[index] != after[index]) == isMoved, "\(index)")
        }
        #expect(population.budget.nonfiniteHypergradients == 2)
        #expect(population.budget.hypergradientReports == 1)
    }

    /// Rows of a whole population give the same as single reports.
    @Test(arguments: Algorithm.training.map(\.name))
    func reportAll(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var one = try population(algorithm) { $0.trial = 3 }
        var all = one
        let landscape = Landscape.rough(seed: 4)
        var order: TestRandom?
        for number in 0..<40 {
            let answers = (0..<8).map { all.next($0) }
            let responses = answers.enumerated().map {
                landscape.respond(all.space, $1.hyperparameters, round: number, student: $0)
            }
            let losses = responses.map(\.loss)
            let rows = responses.flatMap { $0.hypergradient ?? Array(repeating: .nan, count: 10) }
            try losses.withUnsafeBufferPointer { losses in
                try rows.withUnsafeBufferPointer { rows in
                    try all.reportAll(losses: losses, hypergradients: rows)
                }
            }
            let record = try one.driveRound(number, landscape, order: &order)
            for student in 0..<8 {
                if let expected = record?.hyperparameters[student] {
                    #expect(answers[student].hyperparameters == expected)
                } else {
                    #expect(answers[student].action == .wait)
                }
            }
        }
        #expect((0..<8).map { one.next($0) } == (0..<8).map { all.next($0) })
    }

    @Test func reportAllErrors() throws {
        let fresh = try population { $0.population = 2 }
        func reportAll(
            _ population: inout Population, _ losses: [Double], _ rows: [Double]?
        ) throws {
            try losses.withUnsafeBufferPointer { losses in
                guard let rows else {
                    return try population.reportAll(losses: losses, hypergradients: nil)
                }
                try rows.withUnsafeBufferPointer { rows in
                    try population.reportAll(losses: losses, hypergradients: rows)
                }
            }
        }
        refuses(.order, fresh) { try reportAll(&$0, [1, 2], nil) }
        var asked = fresh
        _ = asked.next(0)
        refuses(.order, asked) { try reportAll(&$0, [1, 2], nil) }
        _ = asked.next(1)
        for losses in [[], [1], [1, 2, 3]] as [[Double]] { refuses(.argument, asked) { try reportAll(&$0, losses, nil) } }
        for count in [0, 10, 19, 21] {
            refuses(.argument, asked) {
                try reportAll(&$0, [1, 2], Array(repeating: 0, count: count))
            }
        }
        try reportAll(&asked, [1, 2], nil)
        refuses(.order, asked) { try reportAll(&$0, [1, 2], nil) }
        #expect(try asked.best() == (0, 1))
    }

    /// After a stop the rows of those whose task is out are taken, the others have none.
    @Test func reportAllAfterStop() throws {
        var population = try population { $0.population = 3 }
        _ = (population.next(0), population.next(2))
        population.stop()
        try [3.0, 1, 2].withUnsafeBufferPointer {
            try population.reportAll(losses: $0, hypergradients: nil)
        }
        #expect(population.budget.reports(.train) == 2)
        #expect(try population.best() == (2, 2))
        refuses(.order, population) { population in
            try [3.0, 1, 2].withUnsafeBufferPointer {
                try population.reportAll(losses: $0, hypergradients: nil)
            }
        }
    }

    @Test func copiesAreIndependent() throws {
        var population = try population()
        try population.drive(rounds: 7, Landscape(seed: 1))
        let snapshot = population.snapshot()
        var copy = population
        try copy.drive(rounds: 9, from: 7, Landscape(seed: 1))
        #expect(population.snapshot() == snapshot)
    }

    @Test func seedsDiffer() throws {
        var one = try population { $0.seed = 1 }
        var other = try population { $0.seed = 2 }
        #expect(one.next(1).hyperparameters != other.next(1).hyperparameters)
    }
}
