import Testing
@testable import HPM

/// The trials of `random`.
@Suite struct TrialTests {
    private func population(_ trial: Int, steps: Int = 0, _ space: SearchSpace? = nil) throws -> Population {
        try Population(
            space: space ?? Spaces.mixed(),
            options: .of(.random) {
                $0.trial = trial
                $0.steps = steps
                $0.population = 4
            })
    }

    @Test(arguments: [1, 3, 5])
    func restartEveryTrial(trial: Int) throws {
        var population = try population(trial)
        let records = try population.drive(rounds: 4 * (trial + 1), Landscape(seed: trial))
        for (number, record) in records.enumerated() {
            #expect(record.action == (number % (trial + 1) == trial ? .restart : .train))
            #expect(record.students == [0, 1, 2, 3])
            #expect(record.sources == [0, 1, 2, 3])
        }
        #expect(population.budget.reports(.restart) == 16)
        // Within a trial nothing moves; a restart announces what the next trial trains with.
        for (record, following) in zip(records, records.dropFirst()) where following.action == .train {
            #expect(record.hyperparameters == following.hyperparameters)
        }
        let distinct = Set(records.filter { $0.action == .train }.compactMap { $0.hyperparameters[1]?[0] })
        #expect(distinct.count == 4)
    }

    @Test func withoutTrialsOneRunsOn() throws {
        var population = try population(0)
        let records = try population.drive(rounds: 40, Landscape())
        #expect(records.allSatisfy { $0.action == .train && $0.hyperparameters == records[0].hyperparameters })
        #expect(population.possibleActions == [.train])
    }

    /// The option belongs to `random` and `bayesian` alone.
    @Test(arguments: Algorithm.training.map(\.name))
    func whoStartsTrials(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: Spaces.mixed(), options: .of(algorithm) { $0.trial = 1 })
        let actions = try population.drive(rounds: 10, Landscape()).map(\.action)
        #expect(actions.contains(.restart) == ["random", "bayesian"].contains(name))
        #expect(population.possibleActions.contains(.restart) == ["random", "bayesian"].contains(name))
    }

    /// The best of all trials, also of those that have ended.
    @Test func bestKeepsEndedTrials() throws {
        var population = try population(2)
        var known: (loss: Double, values: [Double])?
        for number in 0..<30 {
            let record = try population.drive(rounds: 1, from: number, Landscape(seed: 6, lossNoise: 1))[0]
            if record.action == .train, population.trainingRounds.isMultiple(of: 2) {
                for student in 0..<4 {
                    let values = try #require(record.hyperparameters[student])
                    let loss = Landscape(seed: 6, lossNoise: 1).respond(
                        population.space, values, round: number, student: student
                    ).loss
                    if loss < known?.loss ?? .infinity { known = (loss, values) }
                }
                let best = try population.bestHyperparameters()
                let expected = try #require(known)
                #expect(best.loss == expected.loss && best.hyperparameters == expected.values)
            }
            if record.action == .restart {
                // No student holds the weights of an ended trial.
                #expect(throws: HPMError.self) { try population.best() }
                #expect(try population.bestHyperparameters().loss == known?.loss)
            }
        }
    }

    /// While some restarts are reported and some are not, `best` is a student whose weights still
    /// exist.
    @Test func bestDuringARestart() throws {
        var population = try population(1)
        for student in 0..<4 {
            _ = population.next(student)
            try population.report(student, loss: Double(student))
        }
        for student in 0..<4 {
            #expect(try population.best() == (student, Double(student)))
            _ = population.next(student)
            try population.report(student)
        }
        #expect(try population.bestHyperparameters().loss == 0)
    }

    @Test func noRestartAfterTheLastStep() throws {
        var population = try population(2, steps: 4)
        let records = try population.drive(rounds: 20, Landscape())
        #expect(records.map(\.action) == [.train, .train, .restart, .train, .train])
        // Nor are values drawn for a trial that never begins.
        for student in 0..<4 {
            #expect(population.next(student).hyperparameters == records[4].hyperparameters[student])
        }
        #expect(try population.best().loss.isFinite)
    }

    /// New values are drawn like the first, in latent coordinates.
    @Test func drawsAreUniform() throws {
        var population = try population(1, Spaces.box(5, 2, 4))
        let records = try population.drive(rounds: 200, Landscape())
        let values = records.filter { $0.action == .restart }
            .flatMap { $0.hyperparameters.compactMap { $0 }.flatMap { $0 } }.map { ($0 - 3) / 2 }
        #expect(values.count == 2000)
        #expect(isWithinFiveSigma(values.mean, of: 0, variance: 1 / 12, count: 2000))
        #expect(isWithinFiveSigma(values.moment(2), of: 1 / 12, variance: 1 / 180, count: 2000))
    }
}
