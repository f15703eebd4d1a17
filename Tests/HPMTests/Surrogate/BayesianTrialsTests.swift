import Testing
@testable import HPM

/// The trials of `bayesian`.
@Suite struct BayesianTrialsTests {
    private func options(_ students: Int, seed: Int = 0, trial: Int = 1) -> Options {
        .of(.bayesian) {
            $0.population = students
            $0.seed = seed
            $0.trial = trial
        }
    }

    /// Reports `loss` of the hyperparameters for some trials of one report.
    private func run(
        _ population: inout Population, trials: Int, _ loss: ([Double], Int) -> Double
    ) throws {
        for number in 0..<trials {
            for student in 0..<population.size {
                let task = population.next(student)
                try #require(task.action == .train)
                try population.report(student, loss: loss(task.hyperparameters, number * population.size + student))
            }
            for student in 0..<population.size {
                let task = population.next(student)
                try #require(task.action == .restart)
                let violations = Invariants.boundViolations(task.hyperparameters, in: population.space, "restart")
                #expect(violations.isEmpty)
                try population.report(student)
            }
        }
        #expect(Invariants.violations(population).isEmpty)
        #expect(try Population(snapshot: population.snapshot()).snapshot() == population.snapshot())
    }

    /// 40 calls on Branin: within 0.02 of the optimum in the median, where drawing is at about 1.
    @Test(arguments: [1, 4])
    func branin(students: Int) throws {
        let regrets = try (0..<5).map { seed in
            var population = try Population(space: Branin.space(), options: options(students, seed: seed))
            try run(&population, trials: 40 / students) { values, _ in Branin.value(values) }
            return try population.bestHyperparameters().loss - Branin.optimum
        }
        #expect(regrets.median < 0.02, "\(regrets)")
    }

    /// A real, an integer and a choice: the optimum is found exactly in those that are discrete.
    @Test func mixedSpace() throws {
        var space = SearchSpace()
        try space.addReal("x", low: 1e-4, high: 1, scale: .log)
        try space.addInteger("n", low: 1, high: 30)
        try space.addChoice("kind", labels: ["a", "b", "c", "d"])
        var hits = 0
        for seed in 0..<5 {
            var population = try Population(space: space, options: options(1, seed: seed))
            try run(&population, trials: 60) { values, _ in
                let place = Elementary.log(values[0] / 0.01)
                return place * place + 0.05 * (values[1] - 21) * (values[1] - 21) + (values[2] == 2 ? 0 : 1 + values[2])
            }
            let best = try population.bestHyperparameters()
            if best.hyperparameters[1] == 21 && best.hyperparameters[2] == 2 && best.loss < 0.01 { hits += 1 }
        }
        #expect(hits >= 4)
    }

    /// The first trials have the population's start and values drawn as those of `random`.
    @Test func firstTrials() throws {
        var space = SearchSpace()
        try space.addReal("x", low: 0, high: 1, initial: 0.25)
        try space.addReal("y", low: 0, high: 1, initial: 0.75)
        var bayesian = try Population(space: space, options: options(2, seed: 3))
        var drawn = try Population(
            space: space,
            options: .of(.random) {
                $0.population = 2
                $0.seed = 3
                $0.trial = 1
            })
        #expect(bayesian.next(0).hyperparameters == [0.25, 0.75])
        for _ in 0..<3 {
            for student in 0..<2 { #expect(bayesian.next(student).hyperparameters == drawn.next(student).hyperparameters) }
            try bayesian.drive(rounds: 2, Landscape())
            try drawn.drive(rounds: 2, Landscape())
            if bayesian.trainingRounds == 2 { break }
        }
        #expect(bayesian.hyperparameters(of: 0) != drawn.hyperparameters(of: 0))
    }

    /// A trial's result is its last finite loss; none: infinite.
    @Test func results() throws {
        var population = try Population(space: Spaces.box(2), options: options(3, trial: 3))
        for losses in [[1, 5, .nan], [2, .infinity, .nan], [3, .nan, -.infinity]] as [[Double]] {
            for student in 0..<3 {
                _ = population.next(student)
                try population.report(student, loss: losses[student])
            }
        }
        #expect(population.bayesianTrials?.ended.values == [3, 5, .infinity])
        #expect(population.bayesianTrials?.results == [.infinity, .infinity, .infinity])
    }

    /// Nothing that is reported stops a run or is anything but a value in the bounds.
    @Test(arguments: 0..<8)
    func trouble(number: Int) throws {
        let losses: (Int) -> Double = [
            { _ in 1 }, { _ in .nan }, { $0 == 5 ? 1 : .infinity }, { $0 % 3 == 0 ? .nan : Double($0 % 7) },
            { [1e300, -1e300, 3][$0 % 3] }, { _ in -.infinity }, { Double($0) * 1e307 }, { _ in 0 },
        ][number]
        for (space, students) in [(try Spaces.mixed(), 3), (try Spaces.box(1), 1)] {
            var population = try Population(space: space, options: options(students, seed: number))
            try run(&population, trials: 20) { _, count in losses(count) }
        }
    }

    /// A NaN is the worst: it is not gone back to.
    @Test func nonfiniteIsAvoided() throws {
        var population = try Population(space: Spaces.box(1), options: options(1))
        var late = 0
        var calls = 0
        try run(&population, trials: 40) { values, _ in
            calls += 1
            if values[0] > 0.5 {
                if calls > 10 { late += 1 }
                return .nan
            }
            return (values[0] - 0.2) * (values[0] - 0.2)
        }
        #expect(late <= 12, "\(late) of 30")
        #expect(try population.bestHyperparameters().loss < 1e-4)
    }

    /// One dimension, an integer of two values, a constant choice, all fixed.
    @Test func smallSpaces() throws {
        var two = SearchSpace()
        try two.addInteger("n", low: 3, high: 4)
        var choice = SearchSpace()
        try choice.addChoice("kind", labels: ["a", "b"])
        try choice.addReal("x", low: 0, high: 1)
        try choice.setUpdate(.fixed, of: "kind")
        var fixed = SearchSpace()
        try fixed.addReal("x", low: 0, high: 1)
        try fixed.setUpdate(.fixed, of: "x")
        for (space, students) in [(two, 1), (two, 5), (choice, 3), (fixed, 2)] {
            var population = try Population(space: space, options: options(students))
            let start = (0..<students).map { population.hyperparameters(of: $0)[0] }
            try run(&population, trials: 15) { values, _ in values.reduce(0) { $0 + $1 * $1 } }
            if space == two {
                #expect(try population.bestHyperparameters().hyperparameters == [3])
            } else {
                #expect((0..<students).map { population.hyperparameters(of: $0)[0] } == start)
            }
        }
    }

    /// 500 coordinates, and a round of more students than the model proposes for.
    @Test func large() throws {
        var population = try Population(space: Spaces.box(500), options: options(2))
        var best = Double.infinity
        try run(&population, trials: 12) { values, _ in
            let loss = values.reduce(0) { $0 + ($1 - 0.3) * ($1 - 0.3) }
            best = min(best, loss)
            return loss
        }
        #expect(try population.bestHyperparameters().loss == best)
        var wide = try Population(space: Spaces.box(2), options: options(70))
        try run(&wide, trials: 2) { values, _ in values[0] }
        #expect(Set((0..<70).map { wide.hyperparameters(of: $0) }).count > 40)
    }

    /// The latest and the best are kept.
    @Test func archive() throws {
        let space = try Spaces.box(1)
        var trials = BayesianTrials(space: space, students: 1)
        var students = Students(space: space, [space.start(of: 0, seed: 0)])
        for number in 0..<1000 {
            students.start(0, at: try space.point(natural: [Double(number) / 1000]))
            trials.report(0, loss: Double((number * 617) % 1000))
            trials.end([0], students)
        }
        let kept = Set(trials.ended.rows.map { Int(($0 * 1000).rounded()) })
        #expect(trials.ended.count == 256 && trials.endedCount == 1000)
        #expect(Set(872..<1000).isSubset(of: kept))
        let best = Set((0..<872).sorted { ($0 * 617) % 1000 < ($1 * 617) % 1000 }.prefix(128))
        #expect(best.isSubset(of: kept))
    }

    /// The students of a round are not sent to one place.
    @Test func pendingPointsAreFarApart() throws {
        var population = try Population(space: Branin.space(), options: options(8))
        try run(&population, trials: 3) { values, _ in Branin.value(values) }
        let points = (0..<8).map { population.students.point($0).latent }
        for left in 0..<8 {
            for right in 0..<left {
                let distance = zip(points[left], points[right]).map { ($0 - $1).magnitude }.max() ?? 0
                #expect(distance > 0.001, "\(left) and \(right) are \(distance) apart")
            }
        }
    }
}

@Suite struct AcquisitionMaximizerTests {
    /// A full model of a few coordinates has all candidates and evaluations, of many only some.
    @Test func effort() {
        let points = BayesianTrials.capacity + BayesianTrials.proposals
        // Three climbs of each of six leaders.
        #expect(AcquisitionMaximizer.affordable(points: points, dimension: 32) >= 3 * 6 * 40)
        #expect(AcquisitionMaximizer.affordable(points: points, dimension: 62) >= 512)
        for dimension in [2000, 1_000_000, 1 << 40] {
            #expect(
                AcquisitionMaximizer.affordable(points: points, dimension: dimension)
                    == AcquisitionMaximizer.leastEvaluations)
        }
        #expect(AcquisitionMaximizer.affordable(points: 0, dimension: 1) == AcquisitionMaximizer.effort)
    }

    /// The lower confidence bound and expected improvement, against a grid.
    @Test(arguments: 0..<6)
    func againstGrid(seed: Int) throws {
        var random = TestRandom(seed, 71)
        var space = SearchSpace()
        try space.addReal("x", low: 0, high: 1)
        try space.addReal("y", low: 0, high: 1)
        try space.addChoice("kind", labels: ["a", "b", "c"])
        try space.addInteger("n", low: 0, high: 4)
        let kernel = space.kernel(.matern, isShared: false)
        var observations = Observations(width: 4)
        for _ in 0..<12 {
            let kind = Double(random.index(3))
            let n = (Double(random.index(5)) + 0.5) / 5
            observations.append([random.uniform(), random.uniform(), kind, n], value: random.normal())
        }
        let hyperparameters = [0.3, 0.4, 1, 0.8, 1, 0.01].map { Elementary.log($0) }
        let process = try #require(
            GaussianProcess(kernel: kernel, hyperparameters: hyperparameters, observations: observations))
        let targets = (0..<4).map { MutationTarget(parameter: $0, index: $0) }
        for acquisition in [Acquisition.confidenceBound(deviations: 0.7), .expectedImprovement(below: -1)] {
            let maximizer = AcquisitionMaximizer(
                process: process, acquisition: acquisition, space: space, targets: targets)
            var stream = RandomStream(seed: UInt64(seed), purpose: .proposal)
            let found = maximizer.best(from: space.start(of: 0, seed: 0), around: [], &stream)
            let value = acquisition.value(process.predict(space.kernelRow(found)))
            var grid = -Double.infinity
            for kind in 0..<3 {
                for n in 0..<5 {
                    for x in 0...40 {
                        for y in 0...40 {
                            let row = [Double(x) / 40, Double(y) / 40, Double(kind), (Double(n) + 0.5) / 5]
                            grid = max(grid, acquisition.value(process.predict(row)))
                        }
                    }
                }
            }
            #expect(value >= grid - 0.1, "seed \(seed): \(value), on the grid \(grid)")
        }
    }
}
