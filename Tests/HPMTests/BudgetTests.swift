import Testing
@testable import HPM

@Suite struct BudgetTests {
    private func population(_ algorithm: Algorithm, _ change: (inout Options) -> Void) throws -> Population {
        try Population(space: Spaces.mixed(), options: .of(algorithm, change))
    }

    @Test(arguments: Algorithm.training.map(\.name))
    func reportsAreCountedByKind(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try population(algorithm) {
            $0.interval = 2
            $0.trial = 3
        }
        let landscape = Landscape.rough(seed: 2)
        var order: TestRandom?
        var counts: [Action: Int] = [:]
        var (nonfinite, infinite, withGradient) = (0, 0, 0)
        for number in 0..<30 {
            let record = try #require(try population.driveRound(number, landscape, order: &order))
            counts[record.action, default: 0] += record.students.count
            guard [.train, .evaluate].contains(record.action) else { continue }
            for student in record.students {
                let values = try #require(record.hyperparameters[student])
                let response = landscape.respond(
                    population.space, values, round: number, student: student)
                if !response.loss.isFinite {
                    nonfinite += 1
                    continue
                }
                let reals = (response.hypergradient ?? []).enumerated()
                    .filter { [0, 1, 2, 3, 4, 5, 9].contains($0.offset) }
                infinite += (response.hypergradient ?? []).filter(\.isInfinite).count
                if record.action == .train && reals.contains(where: { $0.element.isFinite }) {
                    withGradient += 1
                }
            }
        }
        let budget = population.budget
        #expect(try budget.count("training_reports") == Double(counts[.train] ?? 0))
        #expect(try budget.count("clone_reports") == Double(counts[.clone] ?? 0))
        #expect(try budget.count("clones") == Double(counts[.clone] ?? 0))
        #expect(try budget.count("teacher_reports") == Double(counts[.evaluate] ?? 0))
        #expect(try budget.count("restart_reports") == Double(counts[.restart] ?? 0))
        #expect(try budget.count("nonfinite_losses") == Double(nonfinite))
        #expect(try budget.count("nonfinite_hypergradients") == Double(infinite))
        #expect(try budget.count("hypergradient_reports") == Double(withGradient))
        // Without a word of the trainer a report costs 1.
        #expect(try budget.count("training_cost") == Double(counts[.train] ?? 0))
        #expect(try budget.count("teacher_cost") == Double(counts[.evaluate] ?? 0))
        #expect(try budget.count("hypergradient_cost") == 0)
    }

    @Test func costsAreAddedByKind() throws {
        var population = try population(.hpmPaper) { $0.interval = 2 }
        var order: TestRandom?
        var (training, hypergradient, teacher) = (0.0, 0.0, 0.0)
        for number in 0..<20 {
            let record = try population.driveRound(number, Landscape(seed: 1), order: &order) { _, action in
                action == .evaluate ? (4, 2) : (20, 6)
            }
            switch record?.action {
            case .train:
                training += 8 * 20
                hypergradient += 8 * 6
            case .evaluate: teacher += Double(record?.students.count ?? 0) * 6
            default: break
            }
            let budget = population.budget
            let total = training + hypergradient + teacher
            #expect(try budget.count("training_cost") == training)
            #expect(try budget.count("hypergradient_cost") == hypergradient)
            #expect(try budget.count("teacher_cost") == teacher)
            #expect(try (budget.count("teacher_share") - teacher / total).magnitude < 1e-15)
            #expect(try (budget.count("hypergradient_share") - hypergradient / total).magnitude < 1e-15)
        }
        #expect(teacher > 0)
    }

    @Test func theLastWordOnCostsCounts() throws {
        var population = try population(.hpm) { $0.population = 1 }
        _ = population.next(0)
        try population.reportCost(0, training: 5, hypergradient: 7)
        try population.reportCost(0, training: 2)
        try population.report(0, loss: 1)
        #expect(try population.budget.count("training_cost") == 2)
        #expect(try population.budget.count("hypergradient_cost") == 0)
        #expect(try population.budget.count("teacher_share") == 0)
    }

    @Test func sharesOfNothingAreZero() throws {
        let population = try population(.hpmPaper) { _ in }
        #expect(try population.budget.count("teacher_share") == 0)
        #expect(try population.budget.count("hypergradient_share") == 0)
    }

    @Test func unknownCountersListTheKnown() throws {
        let population = try population(.hpm) { _ in }
        for name in ["", "training", "Training_reports"] {
            let error = #expect(throws: HPMError.self) { try population.count(name) }
            #expect(error?.code == .argument)
            for known in Budget.names + ["training_rounds"] {
                #expect(error?.message.contains(known) ?? false)
            }
        }
        for name in Budget.names + ["training_rounds"] { #expect(try population.count(name) >= 0) }
    }

    /// The teacher's share never exceeds the cap, and comes near it.
    @Test(arguments: [0, 0.02, 0.1, 0.3, 0.5, 1], [1.0, 0.25])
    func teacherShareIsCapped(cap: Double, evaluationCost: Double) throws {
        var population = try population(.hpmPaper) {
            $0.interval = 1
            $0.population = 10
            $0.teacherShare = cap
        }
        var order: TestRandom?
        for number in 0..<90 {
            _ = try population.driveRound(number, Landscape(seed: 3), order: &order) { _, action in
                action == .evaluate ? (evaluationCost, 0) : (1, 0)
            }
            #expect(try population.budget.count("teacher_share") <= cap + 1e-12)
        }
        let share = try population.budget.count("teacher_share")
        // Five evaluations each 10 reports are all that is asked for.
        let wanted = 5 * evaluationCost / (10 + 5 * evaluationCost)
        #expect(share > 0.8 * min(cap, wanted) || cap == 0)
        #expect(population.possibleActions.contains(.evaluate) == (cap > 0))
    }

    /// As many evaluations as keep the teacher's share at or below the cap, found by trying.
    @Test func affordableEvaluations() {
        var random = TestRandom(12)
        for _ in 0..<300 {
            var budget = Budget()
            // Eighths, so that sums are exact and only the cap itself is rounded.
            budget.trainingCost = Double(random.index(2000)) / 8
            budget.hypergradientCost = Double(random.index(500)) / 8
            budget.reports[Int(Action.train.rawValue)] = 1 + random.index(100)
            if random.chance(0.7) {
                budget.reports[Int(Action.evaluate.rawValue)] = 1 + random.index(20)
                budget.teacherCost = Double(random.index(300)) / 8
            }
            let share = Double(random.index(65)) / 64
            let total = budget.trainingCost + budget.hypergradientCost + budget.teacherCost
            let unit =
                budget.reports(.evaluate) > 0
                ? budget.teacherCost / Double(budget.reports(.evaluate))
                : (budget.trainingCost + budget.hypergradientCost) / Double(budget.reports(.train))
            func shareAfter(_ count: Int) -> Double {
                let cost = budget.teacherCost + Double(count) * unit
                return total + Double(count) * unit > 0 ? cost / (total + Double(count) * unit) : 0
            }
            let count = budget.affordableEvaluations(20, share: share)
            #expect((0...20).contains(count))
            if count > 0 { #expect(shareAfter(count) <= share + 1e-12, "\(budget)") }
            if count < 20 && share > 0 { #expect(shareAfter(count + 1) >= share - 1e-12, "\(budget)") }
        }
    }

    /// A cap of 0 is a cap of 0, also where nothing costs anything.
    @Test func noShareNoEvaluations() throws {
        var population = try population(.mutationOnly) {
            $0.interval = 1
            $0.teacherShare = 0
        }
        var order: TestRandom?
        for number in 0..<20 {
            let record = try population.driveRound(number, Landscape(seed: 3), order: &order) { _, _ in (0, 0) }
            #expect(record?.action != .evaluate)
        }
    }

    @Test(arguments: [0, 1, 3, 10, 50])
    func teacherEvaluationsCount(evaluations: Int) throws {
        var population = try population(.hpmPaper) {
            $0.population = 10
            $0.interval = 2
            $0.teacherEvaluations = evaluations
        }
        let records = try population.drive(rounds: 40, Landscape(seed: 4))
        let evaluated = records.filter { $0.action == .evaluate }
        #expect(evaluated.allSatisfy { $0.students.count == min(evaluations, 10) })
        #expect(evaluated.isEmpty == (evaluations == 0))
        #expect(population.possibleActions.contains(.evaluate) == (evaluations > 0))
    }

    /// Default: the worse half.
    @Test(arguments: [2, 3, 9, 10])
    func halfThePopulationIsEvaluated(size: Int) throws {
        var population = try population(.mutationOnly) {
            $0.population = size
            $0.interval = 1
        }
        for number in 0..<12 {
            let record = try population.drive(rounds: 1, from: number, Landscape(seed: 4))[0]
            if record.action == .evaluate { #expect(record.students.count == max(1, size / 2)) }
        }
        #expect(try population.budget.count("teacher_reports") > 0)
    }

    /// Without evaluations of its own the teacher learns from the clones' next reports.
    @Test func teacherLearnsFromReports() throws {
        var population = try population(.mutationOnly) {
            $0.interval = 3
            $0.teacherEvaluations = 0
        }
        var changes: [Int] = []
        for number in 0..<24 {
            let before = population.teacher
            let record = try population.drive(rounds: 1, from: number, Landscape(seed: 4))[0]
            #expect(record.action != .evaluate)
            if population.teacher != before { changes.append(population.trainingRounds) }
        }
        // The report after each exploit at 3, 6, ...
        #expect(changes == [4, 7, 10, 13, 16])
    }

    /// The mutation of what is evaluated is what the clones later become, and the evaluated student
    /// keeps its own values.
    @Test func evaluationLeavesTheStudentAlone() throws {
        var population = try population(.hpmPaper) { $0.interval = 1 }
        try population.drive(rounds: 2, Landscape(seed: 4))
        let held = (0..<8).map { population.hyperparameters(of: $0) }
        let best = try population.best()
        var evaluated = 0
        for student in 0..<8 where population.next(student).action == .evaluate {
            #expect(population.next(student).hyperparameters != held[student])
            #expect(population.hyperparameters(of: student) == held[student])
            try population.report(student, loss: -1000, hypergradient: Array(repeating: 1, count: 10))
            evaluated += 1
        }
        #expect(evaluated == 4)
        // An evaluation never enters the ranking.
        #expect(try population.best() == best)
    }
}
