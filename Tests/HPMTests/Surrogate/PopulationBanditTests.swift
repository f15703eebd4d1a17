import Testing
@testable import HPM

/// The bandit of `pb2`.
@Suite struct PopulationBanditTests {
    private func options(_ students: Int, seed: Int = 0, interval: Int = 2) -> Options {
        .of(.pb2) {
            $0.population = students
            $0.seed = seed
            $0.interval = interval
            $0.truncation = 0.25
        }
    }

    /// The history holds the change of loss for each report over each interval, with the loss and the
    /// time at which it began.
    @Test func history() throws {
        var population = try Population(
            space: Spaces.box(1), options: .of(.pb2) {
                $0.population = 2
                $0.interval = 3
                $0.truncation = 0
            })
        let losses: [[Double]] = [[9, 1], [8, 2], [5, 3], [4, .nan], [4, 3], [.nan, 0], [1, 1], [2, 2], [3, -3]]
        for round in losses {
            for student in 0..<2 {
                _ = population.next(student)
                try population.report(student, loss: round[student])
            }
        }
        let history = try #require(population.bandit?.history)
        // From the first report; from the third to the sixth, where one diverges; the other goes on.
        #expect(history.values == [-2, 1, .infinity, -1, -1])
        #expect(history.times == [0, 0, 1, 1, 2])
        #expect(stride(from: 1, to: 10, by: 2).map { history.rows[$0] } == [9, 1, 5, 3, 0])
        #expect(population.bandit?.startLosses == [3, -3])
        #expect(population.bandit?.startReports == [9, 9])
    }

    /// A clone's interval begins where its source is.
    @Test func clonesBeginAtTheirSource() throws {
        var population = try Population(space: Spaces.box(2), options: options(4))
        for _ in 0..<2 {
            for student in 0..<4 {
                _ = population.next(student)
                try population.report(student, loss: Double(student))
            }
        }
        #expect(population.next(3).action == .clone && population.next(3).source == 0)
        try population.report(3)
        #expect(population.bandit?.startLosses == [0, 1, 2, 0])
    }

    /// Where nobody waits a source may be ahead: its clone counts its own reports, and begins at the loss of the
    /// weights that it takes.
    @Test func clonesCountTheirOwnReports() throws {
        var given = options(2, interval: 5)
        (given.schedule, given.truncation) = (.asynchronous, 0.5)
        var population = try Population(space: Spaces.box(2), options: given)
        for report in 0..<13 {
            _ = population.next(0)
            try population.report(0, loss: 100 - Double(report))
        }
        for _ in 0..<5 {
            _ = population.next(1)
            try population.report(1, loss: 200)
        }
        #expect(population.next(1).action == .clone)
        try population.report(1)
        #expect(population.bandit?.startLosses == [91, 88])
        #expect(population.bandit?.startReports == [10, 5])
    }

    /// The authors' constants.
    @Test func deviations() {
        #expect(PopulationBandit.Model.deviations(observed: 1) == 0)
        let beta = 0.2 * Elementary.log(0.4 * 50)
        #expect((PopulationBandit.Model.deviations(observed: 50) - beta.squareRoot()).magnitude < 1e-15)
    }

    /// Loss falls with the distance of a parameter from where it pays most: clones go there, and further
    /// than factors take them.
    @Test func learnsWhereTrainingPays() throws {
        var distances: [Double] = []
        for seed in 0..<5 {
            var population = try Population(space: Spaces.box(1), options: options(8, seed: seed))
            var losses = [Double](repeating: 20, count: 8)
            var late: [Double] = []
            while population.trainingRounds < 40 {
                for student in 0..<8 {
                    let task = population.next(student)
                    switch task.action {
                    case .train:
                        let x = task.hyperparameters[0]
                        losses[student] -= 0.4 - (x - 0.7) * (x - 0.7)
                        try population.report(student, loss: losses[student])
                        if population.trainingRounds == 39 { late.append((x - 0.7).magnitude) }
                    case .clone:
                        losses[student] = losses[task.source]
                        try population.report(student)
                    default: break
                    }
                }
            }
            distances.append(late.min() ?? 1)
            #expect(Invariants.violations(population).isEmpty)
        }
        #expect(distances.median < 0.03, "\(distances)")
    }

    /// Clones of one exploit get values of their own.
    @Test func clonesAreFarApart() throws {
        var population = try Population(
            space: Spaces.box(2), options: .of(.pb2) {
                $0.population = 8
                $0.interval = 1
                $0.truncation = 0.5
            })
        try population.drive(rounds: 9, Landscape(seed: 3))
        while population.roundAction != .clone { try population.drive(rounds: 1, Landscape(seed: 3)) }
        let clones = population.cohort
        try population.drive(rounds: 1, Landscape(seed: 3))
        let points = clones.map { population.hyperparameters(of: $0) }
        #expect(points.count == 4 && Set(points).count == 4)
    }

    /// Of a large exploit the first clones are chosen, the others drawn.
    @Test func fewAreChosen() throws {
        let space = try Spaces.box(2)
        var population = try Population(
            space: space, options: .of(.pb2) {
                $0.population = 140
                $0.interval = 2
                $0.truncation = 0.5
            })
        while population.roundAction != .clone { try population.drive(rounds: 1, Landscape(seed: 3)) }
        let sources = population.tasks.map { $0.action == .clone ? $0.source : nil }
        let before = population.students.views.map(\.point)
        let event = population.trainingRounds
        try population.drive(rounds: 1, Landscape(seed: 3))
        let clones = sources.indices.filter { sources[$0] != nil }
        #expect(clones.count == 70)
        for (number, student) in clones.enumerated() {
            var drawn = before[try #require(sources[student])]
            var random = RandomStream(
                seed: UInt64(population.options.seed), purpose: .mutation, student: student, event: event)
            FactorMutator(scale: 0.2, resampling: 1).mutate(
                &drawn, at: [.init(parameter: 0, index: 0), .init(parameter: 0, index: 1)], in: space, &random)
            #expect((population.students.point(student) == drawn) == (number >= PopulationBandit.choices))
        }
    }

    @Test(arguments: 0..<7)
    func trouble(number: Int) throws {
        let loss: (Int) -> Double = [
            { _ in 1 }, { _ in .nan }, { $0 % 5 == 0 ? 1 : .infinity }, { [1.7e308, -1.7e308, 3][$0 % 3] },
            { _ in -.infinity }, { Double($0) * 1e306 }, { Double($0 % 4) },
        ][number]
        for (space, students) in [(try Spaces.mixed(), 4), (try Spaces.box(1), 1), (try Spaces.box(300), 4)] {
            var population = try Population(space: space, options: options(students, seed: number, interval: 1))
            var count = 0
            while population.trainingRounds < 8 {
                for student in 0..<students where ![.wait, .stop].contains(population.next(student).action) {
                    count += 1
                    try population.report(student, loss: loss(count))
                }
                let violations = Invariants.violations(population)
                #expect(violations.isEmpty, "\(violations.prefix(3))")
            }
            #expect(try Population(snapshot: population.snapshot()).snapshot() == population.snapshot())
        }
    }

    /// The oldest leave a full window.
    @Test func window() throws {
        let space = try Spaces.box(1)
        let setup = Setup(
            space: space,
            options: Options.of(.pb2) { ($0.population, $0.interval) = (1, 1) }.resolved())
        var bandit = PopulationBandit(setup, guided: .all)
        var students = Students(space: space, [space.start(of: 0, seed: 0)])
        for report in 1...400 {
            students.losses[0] = Double(report * report)
            students.reports[0] = report
            bandit.trained([0], &students)
        }
        #expect(bandit.history.count == 256)
        #expect(bandit.history.values.last == 799 && bandit.history.values.first == 289)
    }
}
