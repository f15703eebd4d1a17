import Testing
@testable import HPM

/// Who may move a parameter, under each algorithm: a space with one real parameter, one integer and
/// one choice for each update, every real one once with a derivative and once without.
@Suite struct UpdateTests {
    private static let updates: [Update] = [.automatic, .mutate, .hypergradient, .both, .fixed]

    private func space() throws -> SearchSpace {
        var space = SearchSpace()
        for update in Self.updates {
            for name in ["guided", "unguided"] {
                try space.addReal("\(name) \(update)", low: 0.1, high: 10)
                try space.setUpdate(update, of: "\(name) \(update)")
            }
        }
        for update in [Update.automatic, .mutate, .fixed] {
            try space.addInteger("integer \(update)", low: 0, high: 100)
            try space.addChoice("choice \(update)", labels: ["a", "b", "c", "d", "e", "f", "g", "h"])
            try space.setUpdate(update, of: "integer \(update)")
            try space.setUpdate(update, of: "choice \(update)")
        }
        return space
    }

    /// Values from which every move is seen: none is near a bound.
    private func start(_ space: SearchSpace) -> [Double] {
        space.parameters.map { parameter in
            switch parameter.kind {
            case .integer: 50
            case .choice: 3
            default: 4
            }
        }
    }

    private func gradient(_ space: SearchSpace) -> [Double] {
        space.parameters.map { $0.name.hasPrefix("guided") ? 0.01 : .nan }
    }

    private func moved(_ space: SearchSpace, _ before: [Double], _ after: [Double]) -> Set<String> {
        Set(space.parameters.filter { before[$0.offset] != after[$0.offset] }.map(\.name))
    }

    @Test(arguments: Algorithm.training.map(\.name))
    func hyperTraining(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let space = try space()
        var population = try Population(
            space: space, options: .of(algorithm) { $0.population = 3 })
        for student in 0..<3 {
            try population.setInitial(student, start(space))
            _ = population.next(student)
            try population.report(student, loss: 1, hypergradient: gradient(space))
        }
        let hasHyperTraining =
            !["mutation-only", "pbt", "random", "bayesian", "pb2", "mf-pbt", "reinforced"].contains(name)
        let expected: Set = ["guided automatic", "guided hypergradient", "guided both"]
        for student in 0..<3 {
            let seen = moved(space, start(space), population.next(student).hyperparameters)
            #expect(seen == (hasHyperTraining ? expected : []))
        }
    }

    /// What moves between source and clone.
    @Test(arguments: Algorithm.training.map(\.name))
    func mutation(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let space = try space()
        var seen: Set<String> = []
        var choices = 0
        let runs = 120
        for seed in 0..<runs {
            var population = try Population(
                space: space,
                options: .of(algorithm) {
                    $0.population = 2
                    $0.truncation = 0.5
                    $0.interval = 1
                    $0.seed = seed
                })
            for student in 0..<2 {
                try population.setInitial(student, start(space))
                _ = population.next(student)
                try population.report(
                    student, loss: Double(student), hypergradient: gradient(space))
            }
            guard population.next(1).action == .clone else { continue }
            let source = population.next(1).hyperparameters
            try population.report(1)
            for student in 0..<2 where population.next(student).action == .evaluate {
                try population.report(student, loss: 1, hypergradient: gradient(space))
            }
            let clone = population.next(1).hyperparameters
            #expect(population.next(0).hyperparameters == source)
            let changed = moved(space, source, clone)
            // All but choices move at every mutation.
            if seed == 0 { seen = changed.filter { !$0.hasPrefix("choice") } }
            #expect(changed.filter { !$0.hasPrefix("choice") } == seen, "seed \(seed)")
            #expect(!changed.contains("choice fixed"))
            choices += changed.filter { $0.hasPrefix("choice") }.count
        }
        let mutable: Set = [
            "guided automatic", "guided mutate", "guided both", "unguided automatic", "unguided mutate",
            "unguided both", "integer automatic", "integer mutate",
        ]
        switch name {
        case "hypergradient", "random", "bayesian": #expect(seen.isEmpty && choices == 0)
        // The clone's further step takes what hyper-training may move.
        case "clone-step": #expect(seen == mutable.union(["guided hypergradient"]))
        default: #expect(seen == mutable)
        }
        if !["hypergradient", "random", "bayesian"].contains(name) {
            // Drawn anew with probability 0.25, under `hpm` 0.1; one draw in eight changes nothing.
            let share = (name == "hpm" ? 0.1 : 0.25) * 7 / 8
            #expect(isShareWithinFiveSigma(choices, of: 2 * runs, share))
        }
    }

    /// A fixed value is the starting value for ever, or that of an ancestor.
    @Test(arguments: Algorithm.training.map(\.name))
    func fixedIsForEver(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var space = try Spaces.mixed()
        for parameter in space.parameters { try space.setUpdate(.fixed, of: parameter.name) }
        var population = try Population(
            space: space,
            options: .of(algorithm) {
                $0.interval = 2
                $0.trial = 3
            })
        let starts = Set((0..<8).map { population.hyperparameters(of: $0) })
        for number in 0..<30 {
            try population.drive(rounds: 1, from: number, Landscape.rough(seed: 1))
            for student in 0..<8 { #expect(starts.contains(population.hyperparameters(of: student))) }
        }
    }

    /// A derivative that comes and goes: guided is who had one in the last report.
    @Test func guidedFollowsTheLastReport() throws {
        let space = try Spaces.box(1, 1, 2)
        var population = try Population(
            space: space, options: .of(.hypergradient) { $0.population = 1 })
        try population.setInitial(0, [1.75])
        for gradient in [[0.3], nil, [Double.nan], [0.3], [.infinity], [0.1]] {
            let before = population.next(0).hyperparameters
            try population.report(0, loss: 1, hypergradient: gradient)
            let isGuided = gradient?[0].isFinite ?? false
            #expect((population.next(0).hyperparameters != before) == isGuided)
        }
    }

    /// Without any derivative the teacher has nothing to say: the clones are perturbed.
    @Test(arguments: ["hpm-paper", "mutation-only"])
    func unguidedPopulationsArePerturbed(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: Spaces.box(4, 1, 2),
            options: .of(algorithm) { $0.interval = 1 })
        for number in 0..<12 {
            let before = population
            let record = try population.drive(rounds: 1, from: number, Landscape(withoutGradient: 1))[0]
            #expect(record.action != .evaluate)
            guard record.action == .clone else { continue }
            for student in record.students {
                let parent = before.hyperparameters(of: record.sources[student] ?? 0)
                for (value, old) in zip(population.hyperparameters(of: student), parent) {
                    #expect([min(old * 1.2, 2), max(old * 0.8, 1)].contains { ($0 - value).magnitude < 1e-15 })
                }
            }
        }
    }
}
