import Testing
@testable import HPM

/// How `memetic` tells noise from rough ground: by a second call at one point.
@Suite struct RepeatabilityTests {
    /// A bowl with ripples so fine that the residuals of steps look like noise.
    private func rough(_ x: [Double]) -> (loss: Double, gradient: [Double]) {
        var loss = 0.0
        var gradient: [Double] = []
        for (index, value) in x.enumerated() {
            let difference = value - 0.1 * Double(index + 3)
            let wave = 3000 * value
            loss += difference * difference + 0.01 * Elementary.cos(wave)
            gradient.append(2 * difference - 30 * Elementary.cos(wave - .pi / 2))
        }
        return (loss, gradient)
    }

    private struct Record {
        var population: Population
        var lowest = Double.infinity
        var repeats = 0
        var seen: [Set<[Double]>]

        init(seed: Int, students: Int = 4) throws {
            population = try Population(
                space: Spaces.box(3),
                options: .of(.memetic) { $0.seed = seed; $0.population = students })
            seen = Array(repeating: [], count: population.size)
        }

        /// A round; the population goes through a snapshot before it.
        mutating func round(_ respond: (_ x: [Double], _ isRepeat: Bool) -> (Double, [Double])) throws {
            population = try Population(snapshot: population.snapshot())
            for student in 0..<population.size {
                let x = population.next(student).hyperparameters
                let isNew = seen[student].insert(x).inserted
                let isRepeat = population.search?.searches[student].isRepeating ?? false
                #expect(!(isRepeat && isNew))
                if isRepeat { repeats += 1 }
                let (loss, gradient) = respond(x, isRepeat)
                if loss.isFinite { lowest = min(lowest, loss) }
                try population.report(student, loss: loss, hypergradient: gradient)
            }
            let violations = Invariants.violations(population)
            if !violations.isEmpty { Issue.record("\(violations.prefix(3))") }
        }

        var repeatability: MemeticSearch.Repeatability? { population.search?.repeatability }
    }

    /// The lowest value leads in every round, before and after the second call.
    @Test(arguments: [1, 2, 4, 10], 0..<5)
    func exact(students: Int, seed: Int) throws {
        var record = try Record(seed: seed, students: students)
        for round in 0..<100 {
            try record.round { x, _ in rough(x) }
            let best = try record.population.bestHyperparameters().loss
            #expect(best == record.lowest, "\(students) students, seed \(seed), round \(round)")
        }
        #expect(record.repeatability == .exact, "seed \(seed)")
        #expect(record.repeats == 1, "seed \(seed)")
        #expect(record.population.search?.tolerance == 0)
    }

    /// One different bit of the value, or of a derivative, is noise.
    @Test(arguments: 0..<10)
    func noisy(seed: Int) throws {
        var record = try Record(seed: seed)
        for _ in 0..<60 {
            try record.round { x, isRepeat in
                var (loss, gradient) = rough(x)
                if isRepeat, seed.isMultiple(of: 2) { loss = loss.nextUp }
                if isRepeat, !seed.isMultiple(of: 2) { gradient[1] = gradient[1].nextUp }
                return (loss, gradient)
            }
        }
        #expect(record.repeatability == .noisy, "seed \(seed)")
        #expect(record.repeats == 1, "seed \(seed)")
        #expect(try #require(record.population.search?.tolerance) > 0)
    }

    /// A second call that fails says nothing and is made again, but not for ever: three failures are an
    /// evaluator that refuses a point that it has seen.
    @Test(arguments: 0..<4, 0..<4)
    func failing(seed: Int, failures: Int) throws {
        var record = try Record(seed: seed)
        var left = failures
        for _ in 0..<150 {
            try record.round { x, isRepeat in
                let (loss, gradient) = rough(x)
                guard isRepeat, left > 0 else { return (loss, gradient) }
                left -= 1
                return left.isMultiple(of: 2) ? (.nan, gradient) : (loss, [.infinity, 0, 0])
            }
        }
        #expect(left == 0, "seed \(seed)")
        #expect(record.repeats == min(failures + 1, 3), "seed \(seed)")
        #expect(record.repeatability == (failures < 3 ? .exact : .noisy), "seed \(seed)")
    }

    /// The second call has the natural values of the first to the bit, also where these were set and are
    /// not what their latent coordinates map to.
    @Test func sameNaturalValues() throws {
        var space = SearchSpace()
        try space.addReal("x", low: 0.1, high: 0.7)
        var found = 0
        for number in 0..<200 {
            let start = 0.1 + 0.6 * Double(number) / 199
            var population = try Population(
                space: space, options: .of(.memetic) { $0.population = 1 })
            try population.setInitial(0, [start])
            for _ in 0..<12 {
                let x = population.next(0).hyperparameters[0]
                let isRepeat = population.search?.searches[0].isRepeating ?? false
                if isRepeat, population.search?.searches[0].iterate?.known.point.natural[0] == start {
                    found += 1
                    #expect(x == start)
                }
                // The start stays the lowest: every step from it is rejected, until it is in noise.
                let loss = x == start ? 0 : 1e-3 + (x - start).magnitude
                try population.report(0, loss: loss, hypergradient: [x == start ? 1e-4 : 1])
            }
        }
        #expect(found > 0)
    }

    /// What the loss cannot show is no step: with a slope of 1e-20 every search ends where it began.
    @Test func belowTheLastPlace() throws {
        var record = try Record(seed: 1)
        for _ in 0..<20 { try record.round { _, _ in (1, [1e-20, 0, 0]) } }
        let search = try #require(record.population.search)
        #expect(search.searches.allSatisfy { $0.restarts == 20 })
    }
}
