import Testing
@testable import HPM

/// Snapshots with a right checksum around a wrong state: an error, or a population that can be driven
/// with everything inside its bounds. Never a trap, never an allocation beyond the snapshot's size.
@Suite struct SnapshotFuzzTests {
    /// - Parameter loadsAgain: Whether what was loaded and driven must be saved and loaded again.
    /// - Returns: Whether it was loaded.
    private func survives(
        _ state: [UInt8], loadsAgain: Bool = true, _ about: @autoclosure () -> String
    ) -> Bool {
        let loaded: Population
        do {
            loaded = try Population(snapshot: SnapshotTests.enveloped(state))
        } catch {
            if error.code != .snapshot && error.code != .memory { Issue.record("\(about()): \(error)") }
            return false
        }
        var population = loaded
        if population.size > 50 || population.dimension > 200 { return true }
        let violations = Invariants.boundViolations(population)
        if !violations.isEmpty { Issue.record("\(about()), loaded: \(violations.prefix(3))") }
        do {
            var order: TestRandom?
            for number in 0..<8 {
                let record = try population.driveRound(number, .rough(seed: 1).fitting(population.options.algorithm), order: &order)
                let violations = Invariants.boundViolations(population)
                if !violations.isEmpty {
                    Issue.record("\(about()), round \(number): \(violations.prefix(3))")
                    return true
                }
                if record == nil { break }
            }
        } catch {
            Issue.record("\(about()): \(error)")
        }
        for student in 0..<population.size {
            for report in [0, 1, 5, 1000] {
                let ancestor = population.lineage.ancestor(
                    of: student, reports: population.reports(of: student), at: report)
                if !(0..<population.size).contains(ancestor.student) { Issue.record("\(about()): ancestor \(ancestor)") }
            }
        }
        _ = (try? population.best(), try? population.bestHyperparameters())
        if loadsAgain, (try? Population(snapshot: population.snapshot())) == nil {
            Issue.record("\(about()): what was loaded and driven can't be saved and loaded again")
        }
        return true
    }

    /// A few bytes changed at random places, to random values or to those that numbers like to trip
    /// over.
    @Test(arguments: Algorithm.all.map(\.name), 0..<6)
    func changedBytes(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        let population = try SnapshotTests.midRound(algorithm, seed: seed)
        let state = SnapshotTests.state(population.snapshot())
        var random = TestRandom(seed, 31)
        var loaded = 0
        for trial in 0..<120 {
            var changed = state
            for _ in 0...random.index(3) {
                let place = random.index(changed.count)
                changed[place] =
                    random.chance(0.5)
                    ? UInt8(truncatingIfNeeded: random.next()) : [0, 1, 2, 127, 128, 255][random.index(6)]
            }
            if survives(changed, "\(name), seed \(seed), trial \(trial)") { loaded += 1 }
        }
        #expect(loaded > 0 && loaded < 120)
    }

    /// Whole words replaced by special numbers, at every eighth of the offsets.
    @Test(arguments: Algorithm.all.map(\.name))
    func specialWords(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let population = try SnapshotTests.midRound(algorithm, seed: 3)
        let state = SnapshotTests.state(population.snapshot())
        let words: [UInt64] = [
            0, 1, .max, UInt64(Int.max), UInt64(Int.max) - 1, UInt64(Int.max / 2) - 1, 1 << 32,
            Double.nan.bitPattern, Double.infinity.bitPattern, (-Double.infinity).bitPattern,
            Double.greatestFiniteMagnitude.bitPattern, (-Double.greatestFiniteMagnitude).bitPattern,
            1e150.bitPattern, 0.5.bitPattern, (-0.0).bitPattern, Double.leastNonzeroMagnitude.bitPattern,
        ]
        var random = TestRandom(41)
        for place in stride(from: random.index(8), to: state.count - 8, by: max(8, state.count / 60)) {
            var changed = state
            let word = words[random.index(words.count)]
            for offset in 0..<8 { changed[place + offset] = UInt8(truncatingIfNeeded: word >> (8 * offset)) }
            _ = survives(changed, "\(name), word \(word) at \(place)")
        }
    }

    /// C texts end at a NUL.
    @Test func nulInAText() throws {
        var space = SearchSpace()
        try space.addChoice("n~me", labels: ["other", "l|bel"])
        let state = SnapshotTests.state(try Population(space: space).snapshot())
        for letter in "~|".utf8 {
            let changed = state.map { $0 == letter ? 0 : $0 }
            #expect(changed != state)
            let error = #expect(throws: HPMError.self) {
                try Population(snapshot: SnapshotTests.enveloped(changed))
            }
            #expect(error?.code == .snapshot && error?.message.contains("NUL") ?? false)
        }
    }

    /// Bytes cut out and put in.
    @Test func shifted() throws {
        let state = SnapshotTests.state(try SnapshotTests.midRound(.hpmPaper, seed: 0).snapshot())
        var random = TestRandom(51)
        for trial in 0..<150 {
            var changed = state
            let place = random.index(state.count - 16)
            let count = 1 + random.index(16)
            if random.chance(0.5) {
                changed.removeSubrange(place..<place + count)
            } else {
                changed.insert(contentsOf: (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: place)
            }
            _ = survives(changed, "trial \(trial)")
        }
    }

    /// Every prefix of a state, right envelope.
    @Test func truncatedStates() throws {
        let state = SnapshotTests.state(try SnapshotTests.midRound(.hpm, seed: 0).snapshot())
        for count in stride(from: 0, to: state.count, by: 3) {
            #expect(!survives(Array(state.prefix(count)), "\(count) bytes"))
        }
    }

    /// A state written with the core's encoder, one number of it out of the ordinary.
    private func state(
        population count: Int = 2, block: Int = 2, units: Int = 2, teacher: String = "attention",
        trainingRounds: Int = 0
    ) throws -> [UInt8] {
        var encoder = SnapshotEncoder()
        // The space: one block.
        encoder.put(count: 1)
        encoder.put("x")
        encoder.put(Hyperparameter.Kind.block.rawValue)
        encoder.put(count: block)
        encoder.put(count: 0)
        encoder.put(Scale.linear.rawValue)
        encoder.put(0.0)
        encoder.put(1.0)
        encoder.put(false)
        encoder.put(Update.automatic.rawValue)
        let options = [
            ("population", "\(count)"), ("teacher_units", "\(units)"), ("teacher", teacher),
            ("interval", "1"),
        ]
        encoder.put(count: options.count)
        for (key, value) in options {
            encoder.put(key)
            encoder.put(value)
        }
        encoder.put(count: trainingRounds)
        return encoder.bytes
    }

    /// Sizes that fit the machine but not the snapshot are refused before they are allocated.
    @Test(arguments: ["attention", "perceptron", "linear"])
    func sizesBeyondTheSnapshot(teacher: String) throws {
        // The first ones would be some hundred MiB: enough to be seen, too little to harm.
        for (count, block, units) in [
            (1 << 22, 1, 1), (1, 1 << 22, 1), (1 << 11, 1 << 11, 1), (1, 1, 1 << 24), (1, 1 << 12, 1 << 12),
            (.max, 1, 1), (1, 1 << 58, 1), (1, 1, .max), (1 << 40, 1 << 40, 1 << 40),
        ] as [(Int, Int, Int)] {
            let state = try state(population: count, block: block, units: units, teacher: teacher)
            let before = residentPages()
            let error = #expect(throws: HPMError.self) {
                try Population(snapshot: SnapshotTests.enveloped(state))
            }
            #expect(error?.code == .snapshot || error?.code == .memory)
            #expect(residentPages() - before < 30_000, "\(count) x \(block), \(units) units")
        }
    }

    /// Counters at the end of their range: driven on, nothing overflows.
    @Test func hugeCounters() throws {
        var population = try Population(
            space: Spaces.box(2), options: .of(.pbt) { $0.interval = 1 })
        for rounds in [Int.max, .max - 1, .max / 2, .max / 2 - 1, .max / 4] {
            population.students.reports = Array(repeating: rounds, count: population.size)
            _ = survives(SnapshotTests.state(population.snapshot()), loadsAgain: false, "\(rounds) rounds")
        }
        population.students.reports = Array(repeating: 3, count: population.size)
        var bytes = SnapshotTests.state(population.snapshot())
        _ = survives(bytes, "three rounds")
        // The account stands at the end, before the lineage.
        for word in 1...24 {
            bytes = SnapshotTests.state(population.snapshot())
            let place = bytes.count - 8 * word
            for offset in 0..<8 { bytes[place + offset] = offset == 7 ? 0x3f : 0xff }
            bytes[place] = 0xfe
            _ = survives(bytes, loadsAgain: false, "word \(word) from the end")
        }
    }

    private func task(_ action: Action, _ student: Int, _ source: Int?, _ students: Students) -> StudentTask {
        guard let source else { return StudentTask(.wait, student) }
        let checkpoint = Checkpoint(student: source, report: 3)
        switch action {
        case .clone:
            return StudentTask(Clone(student: student, source: source, parent: source), from: checkpoint)
        case .evaluate:
            let point = students.point(student)
            let mutation = TaughtMutation(
                parent: point, moved: Array(repeating: true, count: students.dimension))
            return StudentTask(Evaluation(student: source, point: point, mutation: mutation), from: checkpoint)
        default:
            var task = StudentTask(action, student)
            task.source = source
            return task
        }
    }

    /// Rounds that no algorithm asks for.
    @Test(arguments: Algorithm.all.map(\.name))
    func foreignRounds(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Population(
            space: Spaces.mixed().fitting(algorithm),
            options: .of(algorithm) {
                $0.population = 4
                $0.interval = 1
            })
        try population.drive(rounds: 3, Landscape(seed: 1))
        for action in [Action.train, .clone, .evaluate, .restart] {
            for sources in [[0, 0, 0, 0], [1, 2, 3, 0], [3, nil, nil, 3], [nil, nil, nil, 2], [nil, 1, nil, nil]] as [[Int?]] {
                for isOut in [false, true] {
                    var crafted = population
                    crafted.cohort = sources.indices.filter { sources[$0] != nil }
                    crafted.lastTicket = 1
                    for (student, source) in sources.enumerated() {
                        crafted.tasks[student] = task(action, student, source, crafted.students)
                        crafted.tasks[student].ticket = isOut ? 1 : 0
                    }
                    if isOut {
                        crafted.unmutated = Array(repeating: Clone(student: 2, source: 2, parent: 2), count: 3)
                        crafted.restoreRanking([3, 3, 3, 3, 3, 3])
                    }
                    _ = survives(
                        SnapshotTests.state(crafted.snapshot()), "\(name), \(action) of \(sources)")
                }
            }
        }
    }
}
