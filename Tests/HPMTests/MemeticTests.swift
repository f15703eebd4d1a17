import Testing
@testable import HPM

/// `memetic` as a population runs it.
@Suite struct MemeticTests {
    private func drive(
        _ population: inout Population, rounds: Int, _ respond: (Int, [Double]) -> (Double, [Double]?)
    ) throws {
        for _ in 0..<rounds {
            for student in 0..<population.size {
                let task = population.next(student)
                guard task.action != .stop else { return }
                try #require(task.action == .train && task.source == student)
                let (loss, gradient) = respond(student, task.hyperparameters)
                try population.report(student, loss: loss, hypergradient: gradient)
            }
            let violations = Invariants.violations(population)
            if !violations.isEmpty { Issue.record("\(violations.prefix(3))") }
        }
    }

    /// An ill-conditioned bowl whose optimum lies inside or, in some coordinates, on the bounds.
    private struct Bowl {
        var weights: [Double]
        var center: [Double]

        func respond(_ x: [Double]) -> (loss: Double, gradient: [Double]) {
            var loss = 0.0
            var gradient: [Double] = []
            for index in x.indices {
                let difference = x[index] - center[index]
                loss += weights[index] * difference * difference / 2
                gradient.append(weights[index] * difference)
            }
            return (loss, gradient)
        }
    }

    private let bowl = Bowl(weights: [1, 10, 100, 1000, 3], center: [0.3, 0.7, 0.55, 0.2, 0.9])

    @Test(arguments: 0..<10)
    func quadraticToTheLastBits(seed: Int) throws {
        var population = try Population(space: Spaces.box(5), options: .of(.memetic) { $0.seed = seed })
        #expect(population.size == 4 && population.possibleActions == [.train])
        try drive(&population, rounds: 60) { bowl.respond($1) }
        let best = try population.bestHyperparameters()
        #expect(best.loss < 1e-25, "seed \(seed)")
        for (value, center) in zip(best.hyperparameters, bowl.center) {
            #expect((value - center).magnitude < 1e-12, "seed \(seed)")
        }
        #expect(best.loss <= (try population.best().loss))
    }

    /// The optimum in a corner: found to the bit, and left by the searches that restart.
    @Test func optimumOnTheBounds() throws {
        var population = try Population(space: Spaces.box(4), options: .of(.memetic))
        let corner = Bowl(weights: [1, 20, 5, 300], center: [-0.5, 0.4, 1.25, 2])
        try drive(&population, rounds: 60) { corner.respond($1) }
        let best = try population.bestHyperparameters().hyperparameters
        #expect(best[0] == 0 && best[2] == 1 && best[3] == 1 && (best[1] - 0.4).magnitude < 1e-12)
    }

    @Test func maximize() throws {
        var down = try Population(space: Spaces.box(5), options: .of(.memetic))
        var up = try Population(space: Spaces.box(5), options: .of(.memetic) { $0.direction = .maximize })
        try drive(&down, rounds: 40) { bowl.respond($1) }
        try drive(&up, rounds: 40) {
            let (loss, gradient) = bowl.respond($1)
            return (-loss, gradient.map { -$0 })
        }
        let (low, high) = (try down.bestHyperparameters(), try up.bestHyperparameters())
        #expect(low.hyperparameters == high.hyperparameters && low.loss == -high.loss)
    }

    /// Integers and choices are refused by name at creation, unless nobody moves them.
    @Test func integersAndChoicesAreRefused() throws {
        for kind in ["integer", "choice"] {
            var space = try Spaces.box(2)
            if kind == "integer" {
                try space.addInteger("layers", low: 1, high: 9)
            } else {
                try space.addChoice("layers", labels: ["a", "b"])
            }
            let error = #expect(throws: HPMError.self) { try Population(space: space, options: .of(.memetic)) }
            #expect(error?.code == .argument && error?.message.contains("'layers'") == true)
            #expect(error?.message.contains(kind) == true)
            try space.setUpdate(.fixed, of: "layers")
            var population = try Population(space: space, options: .of(.memetic))
            let starts = (0..<4).map { population.hyperparameters(of: $0)[2] }
            try drive(&population, rounds: 60) { student, x in
                #expect(x[2] == starts[student])
                let (loss, gradient) = Bowl(weights: [1, 9], center: [0.3, 0.6]).respond(Array(x.prefix(2)))
                return (loss, gradient + [.nan])
            }
            #expect(try population.bestHyperparameters().loss < 1e-20)
        }
    }

    /// Nobody moves a fixed value; MUTATE leaves it to children, HYPERGRADIENT to the local search.
    @Test func updates() throws {
        var space = SearchSpace()
        try space.addReal("free", low: 0, high: 1)
        try space.addReal("fixed", low: 0, high: 1)
        try space.addReal("mutated", low: 0, high: 1)
        try space.addReal("descended", low: 0, high: 1)
        try space.setUpdate(.fixed, of: "fixed")
        try space.setUpdate(.mutate, of: "mutated")
        try space.setUpdate(.hypergradient, of: "descended")
        var population = try Population(space: space, options: .of(.memetic))
        let starts = (0..<4).map { population.hyperparameters(of: $0) }
        var mutated: Set<Double> = []
        for _ in 0..<80 {
            let restarts = population.search?.searches.map(\.restarts) ?? []
            try drive(&population, rounds: 1) { student, x in
                #expect(x[1] == starts[student][1])
                if restarts[student] == 0 { #expect(x[2] == starts[student][2]) }
                mutated.insert(x[2])
                let bowl = Bowl(weights: [5, 1, 1, 2], center: [0.3, 0.6, 0.8, 0.1])
                let (loss, gradient) = bowl.respond(x)
                return (loss, [gradient[0], .nan, .infinity, gradient[3]])
            }
        }
        #expect(mutated.count > 8)
        let best = try population.bestHyperparameters().hyperparameters
        #expect((best[0] - 0.3).magnitude < 1e-9 && (best[3] - 0.1).magnitude < 1e-9)
    }

    /// A finite loss without a hypergradient changes nothing and names the parameter.
    @Test func missingHypergradient() throws {
        var space = SearchSpace()
        try space.addReal("held", low: 0, high: 1)
        try space.addReal("first", low: 0, high: 1)
        try space.addReal("second", low: 0, high: 1)
        try space.setUpdate(.fixed, of: "held")
        var population = try Population(space: space, options: .of(.memetic) { $0.population = 2 })
        for student in 0..<2 { _ = population.next(student) }
        let before = population.snapshot()
        let error = #expect(throws: HPMError.self) { try population.report(0, loss: 1) }
        #expect(error?.code == .argument && error?.message.contains("'first'") == true)
        let losses = [Double.nan, 1]
        let all = losses.withUnsafeBufferPointer { losses in
            #expect(throws: HPMError.self) { try population.reportAll(losses: losses, hypergradients: nil) }
        }
        #expect(all?.message.contains("'first'") == true)
        #expect(population.snapshot() == before)
        // A loss that is not finite has none.
        try population.report(0, loss: .nan)
        try population.report(1, loss: 2, hypergradient: [.nan, 1, 1])
        #expect(try population.bestHyperparameters().loss == 2)
        #expect(population.search?.memory.points.isEmpty == true)
        #expect(population.search?.searches[0].restarts == 1)
    }

    /// A step whose answer is not finite is rejected: no pair, no residual, a smaller region.
    @Test(arguments: ["loss", "infinite loss", "component", "infinite component"])
    func notFinite(what: String) throws {
        var population = try Population(space: Spaces.box(2), options: .of(.memetic) { $0.population = 1 })
        let bowl = Bowl(weights: [1, 2], center: [0.4, 0.6])
        try population.setInitial(0, [0.9, 0.1])
        try drive(&population, rounds: 2) { bowl.respond($1) }
        let before = try #require(population.search?.searches[0])
        #expect(before.residuals.count == 1 && before.pairs.steps.count == 1)
        let step = try #require(before.step)
        try drive(&population, rounds: 1) {
            var (loss, gradient) = bowl.respond($1)
            switch what {
            case "loss": loss = .nan
            case "infinite loss": loss = -.infinity
            case "component": gradient[1] = .nan
            default: gradient[1] = .infinity
            }
            return (loss, gradient)
        }
        let after = try #require(population.search?.searches[0])
        #expect(after.iterate == before.iterate && after.best == before.best)
        #expect(after.pairs == before.pairs && after.residuals == before.residuals)
        #expect(after.age == before.age + 1 && after.rate == 0.7 * before.rate)
        let length = Vector.norm(step.direction)
        #expect((after.radius - 0.35 * min(before.radius, length)).magnitude < 1e-15)
    }

    /// First points of which none is finite: drawn anew, and the memory stays empty.
    @Test func nothingIsEverFinite() throws {
        var population = try Population(space: Spaces.box(3), options: .of(.memetic))
        var seen: Set<[Double]> = []
        try drive(&population, rounds: 30) { seen.insert($1); return (.infinity, nil) }
        #expect(seen.count == 120)
        #expect(population.search?.memory.points.isEmpty == true)
        #expect(throws: HPMError.self) { try population.bestHyperparameters() }
    }

    /// Without a gradient there is nothing to descend: each call is a child of what is known.
    @Test func flat() throws {
        var population = try Population(space: Spaces.box(3), options: .of(.memetic))
        try drive(&population, rounds: 30) { _, _ in (1, [0, 0, 0]) }
        for student in 0..<4 { #expect(population.search?.searches[student].restarts == 30) }
        #expect(population.search?.memory.points.count == 20)
    }

    private func expectEqual(_ search: MemeticSearch?, _ other: MemeticSearch?) throws {
        let (search, other) = (try #require(search), try #require(other))
        #expect(search.searches == other.searches && search.memory == other.memory)
        #expect(search.repeatability == other.repeatability && search.failedRepeats == other.failedRepeats)
        #expect(search.hasDerivative == other.hasDerivative && search.bestRejected == other.bestRejected)
    }

    /// Whatever the order and after save and load in the midst of a round; in a noisy run.
    @Test(arguments: 0..<3)
    func savedAndInAnyOrder(seed: Int) throws {
        let landscape = Landscape(seed: seed, nonfiniteLoss: 0.02)
        let options = Options.of(.memetic) { $0.seed = seed }
        var reference = try Population(space: Spaces.box(4, -3, 8), options: options)
        let expected = try reference.drive(rounds: 150, landscape)
        var shuffled = try Population(space: Spaces.box(4, -3, 8), options: options)
        #expect(try shuffled.drive(rounds: 150, landscape, orderSeed: 7) == expected)
        #expect(try shuffled.bestHyperparameters() == reference.bestHyperparameters())
        try expectEqual(shuffled.search, reference.search)

        var saved = try Population(space: Spaces.box(4, -3, 8), options: options)
        for number in 0..<150 {
            for student in [2, 0, 3, 1] {
                let task = saved.next(student)
                #expect(task.hyperparameters == expected[number].hyperparameters[student])
                let response = landscape.respond(
                    saved.space, task.hyperparameters, round: number, student: student)
                try saved.report(student, loss: response.loss, hypergradient: response.hypergradient)
                if number % 10 == 3 { saved = try Population(snapshot: saved.snapshot()) }
            }
        }
        try expectEqual(saved.search, reference.search)
    }

    /// Noise on values and derivatives: the estimate is nearer than any single value could be trusted.
    @Test func noise() throws {
        let regrets = try (0..<9).map { seed in
            var population = try Population(space: Branin.space(), options: .of(.memetic) { $0.seed = seed })
            var random = TestRandom(seed)
            try drive(&population, rounds: 250) { _, x in
                let gradient = Branin.gradient(x).map { $0 + random.normal() / 15 }
                return (Branin.value(x) + random.normal(), gradient)
            }
            let best = try population.bestHyperparameters()
            #expect((best.loss - Branin.optimum).magnitude < 2, "seed \(seed)")
            return Branin.value(best.hyperparameters) - Branin.optimum
        }
        #expect(regrets.median < 0.014, "\(regrets)")
    }

    /// A student alone that has restarted still knows the noise: the tolerance stays until it has five
    /// residuals again, so estimates are believed and no lucky value of the noise is reported.
    @Test(arguments: 0..<12)
    func noiseAfterARestart(seed: Int) throws {
        var population = try Population(
            space: Spaces.box(2, -1, 1), options: .of(.memetic) { $0.seed = seed; $0.population = 1 })
        var random = TestRandom(seed)
        var (windows, restarts, kept) = (0, 0, 0.0)
        for _ in 0..<400 {
            try drive(&population, rounds: 1) { _, x in
                let loss = x.map { $0 * $0 }.reduce(0, +) + 0.1 * random.normal()
                return (loss, x.map { 2 * $0 + 0.1 * random.normal() })
            }
            let search = try #require(population.search)
            if search.searches[0].restarts > 0, search.searches[0].residuals.count < 5 {
                if search.searches[0].restarts > restarts {
                    restarts = search.searches[0].restarts
                    kept = search.tolerance
                    windows += 1
                }
                #expect(search.tolerance > 0 && search.tolerance == kept, "seed \(seed)")
                // The optimum less four deviations.
                #expect(try population.bestHyperparameters().loss > -0.4, "seed \(seed)")
            }
        }
        #expect(windows > 0, "seed \(seed)")
    }

    /// A coordinate that never had a derivative is an error by name in whatever order reports come; one
    /// that had is a rejected step, as is a gradient that is NaN as a whole.
    @Test func neverADerivative() throws {
        var population = try Population(space: Spaces.box(2), options: .of(.memetic) { $0.population = 2 })
        let name = population.space.parameters[population.space.parameters.count - 1].name
        // At first a NaN may be one bad number.
        try drive(&population, rounds: 5) { _, _ in (1, [1, .nan]) }
        for student in 0..<2 { _ = population.next(student) }
        try population.report(1, loss: 1, hypergradient: [1, 1])
        let before = population.snapshot()
        let error = #expect(throws: HPMError.self) {
            try population.report(0, loss: 1, hypergradient: [1, .nan])
        }
        #expect(error?.code == .argument && error?.message.contains("'\(name)'") == true)
        #expect(population.snapshot() == before)
        try population.report(0, loss: 1, hypergradient: [.nan, .nan])
        for student in 0..<2 { _ = population.next(student) }
        population = try Population(snapshot: population.snapshot())
        let losses = [2.0, 3], gradients = [Double.nan, 1, 1, .nan]
        for student in 0..<2 { _ = population.next(student) }
        try losses.withUnsafeBufferPointer { losses in
            try gradients.withUnsafeBufferPointer { try population.reportAll(losses: losses, hypergradients: $0) }
        }
        #expect(population.search?.hasDerivative == [true, true])
        #expect(try population.count("training_rounds") == 7)
        // None of the losses is lost, rounds with NaN alone neither.
        #expect(throws: Never.self) { try population.bestHyperparameters() }
    }

    /// Until a search has taken a report, the best is that of all that were reported.
    @Test func bestOfRejected() throws {
        var population = try Population(space: Spaces.box(2), options: .of(.memetic) { $0.population = 2 })
        var lowest = (loss: Double.infinity, x: [0.0])
        for number in 0..<6 {
            try drive(&population, rounds: 1) { student, x in
                let loss = Double([5, 3, 4, 9, 8, 7][number] + student)
                if loss < lowest.loss { lowest = (loss, x) }
                return (loss, [.nan, .nan])
            }
            if number == 3 { population = try Population(snapshot: population.snapshot()) }
            let best = try population.bestHyperparameters()
            #expect(best.loss == lowest.loss && best.hyperparameters == lowest.x)
        }
        try drive(&population, rounds: 1) { _, _ in (10, [1, 1]) }
        #expect(try population.bestHyperparameters().loss == 10)
    }

    /// Students that differ in a fixed value would search different functions.
    @Test func fixedValuesAreShared() throws {
        var space = try Spaces.box(2)
        try space.addReal("fixed", low: 0, high: 1)
        try space.addChoice("kind", labels: ["a", "b", "c"])
        for name in ["fixed", "kind"] { try space.setUpdate(.fixed, of: name) }
        for seed in 0..<8 {
            let population = try Population(
                space: space, options: .of(.memetic) { $0.seed = seed; $0.population = 5 })
            let starts = (0..<5).map { population.hyperparameters(of: $0) }
            #expect(Set(starts.map { Array($0[2...]) }).count == 1, "seed \(seed)")
            #expect(Set(starts.map { $0[0] }).count == 5, "seed \(seed)")
            #expect(population.students.views.allSatisfy { $0.reported == $0.point.natural })
        }
    }

    /// Below 1e-8 after 200 calls, whatever the start.
    @Test func branin() throws {
        let regrets = try (0..<9).map { try Branin.tuned(.memetic, seed: $0, population: 4) - Branin.optimum }
        #expect(regrets.median < 1e-8, "\(regrets)")
    }
}
