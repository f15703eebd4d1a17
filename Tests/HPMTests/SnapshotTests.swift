import Testing
@testable import HPM

@Suite struct SnapshotTests {
    /// A snapshot of the present format around a state: magic, version, length, state, checksum.
    static func enveloped(
        _ state: [UInt8], magic: String = "HPMSNAP1", version: UInt32 = 2, length: Int? = nil
    ) -> [UInt8] {
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }
        let covered = Array(magic.utf8) + bytes(version) + bytes(UInt64(length ?? state.count)) + state
        return covered + bytes(Checksum.crc64(covered))
    }

    static func state(_ snapshot: [UInt8]) -> [UInt8] { Array(snapshot[20..<snapshot.count - 8]) }

    /// A population in the middle of a round: some tasks out, some reported.
    static func midRound(_ algorithm: Algorithm, seed: Int) throws -> Population {
        var random = TestRandom(seed, 9)
        let space = try (seed == 0 ? Spaces.mixed() : Spaces.random(&random)).fitting(algorithm)
        var population = try Population(
            space: space,
            options: .of(algorithm) {
                $0.seed = seed
                $0.population = 2 + random.index(6)
                $0.interval = 1 + random.index(3)
                $0.truncation = 0.4
                $0.trial = 2
                $0.teacherUnits = 3
                if seed > 1 { $0.teacher = TeacherKind.allCases[seed % 4] }
                if random.chance(0.3) { $0.teacherEvaluations = random.index(3) }
                if random.chance(0.3) { $0.mutationScale = 0.15 }
                if random.chance(0.3) { $0.hyperLearningRate = 0.1 + 0.2 }
                if random.chance(0.3) { $0.steps = 25 }
                if random.chance(0.3) { $0.direction = .maximize }
                if random.chance(0.2) { $0.hyperOptimizer = .sgd }
            })
        let rounds = random.index(20)
        try population.drive(rounds: rounds, .rough(seed: seed).fitting(algorithm))
        for student in 0..<population.size where random.chance(0.6) {
            let task = population.next(student)
            guard task.action != .wait, task.action != .stop else { continue }
            if random.chance(0.5) { try population.reportCost(student, training: random.uniform()) }
            let isLast = population.missing == 1
            if random.chance(0.5) && !isLast {
                let response = Landscape.rough(seed: seed).fitting(algorithm).respond(
                    population.space, task.hyperparameters, round: rounds, student: student)
                try population.report(student, loss: response.loss, hypergradient: response.hypergradient)
            }
        }
        return population
    }

    /// Continues in a way that asks no student again whose task was out: a loaded population takes
    /// their reports too.
    private func reportsOut(_ population: inout Population, seed: Int) throws {
        for student in 0..<population.size {
            guard population.tasks[student].isOut else { continue }
            if population.missing == 1 { break }
            try population.report(
                student, loss: Double(student + seed),
                hypergradient: Array(repeating: 1, count: population.dimension))
        }
    }

    @Test(arguments: Algorithm.all.map(\.name), 0..<8)
    func continuesToTheBit(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var population = try Self.midRound(algorithm, seed: seed)
        let bytes = population.snapshot()
        var loaded = try Population(snapshot: bytes)
        #expect(loaded.snapshot() == bytes, "seed \(seed)")
        #expect(loaded.space == population.space && loaded.options == population.options)
        #expect(loaded.lineage == population.lineage)
        #expect(loaded.trainingRounds == population.trainingRounds)
        try reportsOut(&population, seed: seed)
        try reportsOut(&loaded, seed: seed)
        let landscape = Landscape.rough(seed: seed + 100).fitting(algorithm)
        let expected = try population.drive(rounds: 25, landscape)
        let records = try loaded.drive(rounds: 25, landscape)
        #expect(records == expected, "seed \(seed)")
        #expect(loaded.lineage == population.lineage)
        for counter in Budget.names where !counter.hasSuffix("_seconds") {
            #expect(try loaded.budget.count(counter) == population.budget.count(counter))
        }
        let best = try? population.bestHyperparameters()
        let loadedBest = try? loaded.bestHyperparameters()
        #expect(best?.hyperparameters == loadedBest?.hyperparameters && best?.loss == loadedBest?.loss)
    }

    /// Saving disturbs nothing, and a chain of saves and loads after every round changes nothing.
    @Test(arguments: Algorithm.all.map(\.name))
    func savedAfterEveryRound(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        let options = Options.of(algorithm) {
            $0.interval = 2
            $0.trial = 3
        }
        var population = try Population(space: Spaces.mixed().fitting(algorithm), options: options)
        var chained = population
        for number in 0..<25 {
            chained = try Population(snapshot: chained.snapshot())
            #expect(
                try chained.drive(rounds: 1, from: number, .rough(seed: 2).fitting(algorithm))
                    == population.drive(rounds: 1, from: number, .rough(seed: 2).fitting(algorithm)))
        }
    }

    @Test func namesAndLabelsSurvive() throws {
        var space = SearchSpace()
        try space.addReal("Größe \u{1F980} \"'\n", low: -1e-300, high: 1e300, initial: 1.5)
        try space.addChoice("選ぶ", labels: ["ä", " ", "\u{1}"], initial: 2)
        try space.addInteger("n", low: -0x1p53, high: 0x1p53, initial: 7)
        try space.addBlock("b", count: 1, low: 0.1, high: 0.2, scale: .logit)
        try space.setUpdate(.fixed, of: "選ぶ")
        let population = try Population(space: space)
        #expect(try Population(snapshot: population.snapshot()).space == space)
    }

    /// A loaded run goes on: a requested stop is not part of the state.
    @Test func stopIsNotSaved() throws {
        var population = try Population(space: Spaces.box(1))
        population.stop()
        var loaded = try Population(snapshot: population.snapshot())
        #expect(population.next(0).action == .stop)
        #expect(loaded.next(0).action == .train)
    }

    private func refuses(_ bytes: [UInt8], _ what: String) {
        do {
            _ = try Population(snapshot: bytes)
            Issue.record("loaded: \(what)")
        } catch {
            if error.code != .snapshot || error.message.isEmpty { Issue.record("\(what): \(error)") }
        }
    }

    private func small() throws -> [UInt8] {
        var population = try Population(
            space: Spaces.box(2),
            options: .of(.hpmPaper) {
                $0.population = 3
                $0.teacherUnits = 2
                $0.interval = 1
            })
        try population.drive(rounds: 5, Landscape(seed: 1))
        return population.snapshot()
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try small()
        for count in 0..<bytes.count { refuses(Array(bytes.prefix(count)), "\(count) bytes") }
        refuses(bytes + [0], "a byte too many")
        refuses(Array(bytes.dropFirst()), "without the first byte")
    }

    @Test func bitFlipsAreRefused() throws {
        let bytes = try small()
        var random = TestRandom(1)
        let head = (0..<28 * 8).map { $0 }
        let tail = (bytes.count * 8 - 64..<bytes.count * 8).map { $0 }
        for bit in head + tail + (0..<300).map({ _ in random.index(bytes.count * 8) }) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            refuses(flipped, "bit \(bit)")
        }
    }

    @Test func otherEnvelopesAreRefused() throws {
        let bytes = try small()
        let state = Self.state(bytes)
        #expect(Self.enveloped(state) == bytes)
        refuses(Self.enveloped(state, magic: "HPMSNAP2"), "another magic")
        for version: UInt32 in [0, 3, .max] {
            let error = #expect(throws: HPMError.self) {
                try Population(snapshot: Self.enveloped(state, version: version))
            }
            #expect(error?.code == .snapshot && error?.message.contains("version \(version)") ?? false)
        }
        for length in [0, state.count - 1, state.count + 1, Int.max] {
            refuses(Self.enveloped(state, length: length), "length \(length)")
        }
        refuses(Self.enveloped([]), "an empty state")
        refuses(Self.enveloped(state + [0]), "a byte left over")
        refuses(Self.enveloped(state + state), "two states")
        refuses(Self.enveloped(Array(repeating: 0, count: 100)), "zeros")
        refuses(Self.enveloped(Array(repeating: 255, count: 100)), "ones")
    }
}
