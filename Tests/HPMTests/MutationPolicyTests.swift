import Testing
@testable import HPM

@Suite struct MutationPolicyTests {
    private func teacher(
        _ space: SearchSpace, scale: Double = 0.1, rate: Double = 0.1
    ) -> MutationPolicy {
        MutationPolicy(space: space, scale: scale, choiceProbability: 0.25, learningRate: rate)
    }

    private func targets(_ space: SearchSpace) -> [MutationTarget] {
        space.parameters.enumerated().flatMap { position, parameter in
            parameter.kind == .choice
                ? [] : parameter.indices.map { MutationTarget(parameter: position, index: $0) }
        }
    }

    /// log p of what was drawn, as a function of the policy: steps z = m + sigma e are what is drawn.
    private func logProbability(
        _ policy: MutationPolicy, steps: [Double], _ draw: MutationDraw, in space: SearchSpace
    ) -> Double {
        var sum = 0.0
        var (place, number) = (0, 0)
        for parameter in space.parameters {
            for index in parameter.indices {
                if parameter.kind == .choice {
                    let labels = parameter.labels.count
                    let logits = (0..<labels).map {
                        policy.labelLogits[place + $0] + (Double($0) == draw.parent[index] ? policy.keepLogits[number] : 0)
                    }
                    let label = Int(draw.draws[index])
                    sum += logits[label] - Elementary.log(logits.map { Elementary.exp($0) }.reduce(0, +))
                    (place, number) = (place + labels, number + 1)
                } else {
                    let sigma = Elementary.exp(policy.logScales[index])
                    let e = (steps[index] - policy.means[index]) / sigma
                    sum += -Elementary.log(sigma) - e * e / 2
                }
            }
        }
        return sum
    }

    @Test(arguments: 0..<8)
    func scoresAgainstDifferences(seed: Int) throws {
        var random = TestRandom(seed)
        var space = try Spaces.mixed()
        try space.addChoice("another", labels: ["x", "y"])
        var policy = teacher(space)
        for index in policy.means.indices {
            policy.means[index] = 0.05 * random.normal()
            policy.logScales[index] = -2 + 0.5 * random.normal()
        }
        for index in policy.labelLogits.indices { policy.labelLogits[index] = random.normal() }
        for index in policy.keepLogits.indices { policy.keepLogits[index] = random.normal() }
        var child = space.start(of: 1, seed: UInt64(seed))
        var stream = RandomStream(seed: UInt64(seed), purpose: .mutation)
        let draw = policy.mutate(&child, of: 0, at: targets(space), in: space, &stream)
        let steps = policy.means.indices.map { policy.means[$0] + Elementary.exp(policy.logScales[$0]) * draw.draws[$0] }
        let score = policy.score(draw, in: space)
        let parts: [(String, WritableKeyPath<MutationPolicy, [Double]>, [Double])] = [
            ("m", \.means, score.means), ("log sigma", \.logScales, score.logScales),
            ("theta", \.labelLogits, score.labelLogits), ("kappa", \.keepLogits, score.keepLogits),
        ]
        for (name, path, slopes) in parts {
            for index in slopes.indices {
                if name.first == "m" || name.first == "l", draw.draws[index].isNaN || space.parameters.contains(where: { $0.kind == .choice && $0.offset == index }) { continue }
                var (up, down) = (policy, policy)
                up[keyPath: path][index] += 1e-5
                down[keyPath: path][index] -= 1e-5
                let difference =
                    (logProbability(up, steps: steps, draw, in: space)
                        - logProbability(down, steps: steps, draw, in: space)) / 2e-5
                #expect(
                    (slopes[index] - difference).magnitude < 1e-7 * (1 + difference.magnitude),
                    "seed \(seed), \(name)[\(index)]")
            }
        }
    }

    /// A label is drawn anew with the algorithm's probability at first, and as the policy says later.
    @Test func labelsAreDrawnAsThePolicySays() throws {
        var space = SearchSpace()
        try space.addChoice("kind", labels: ["a", "b", "c", "d"], initial: 2)
        var policy = teacher(space)
        for (parent, expected) in [(2, [0.0625, 0.0625, 0.8125, 0.0625]), (0, [0.8125, 0.0625, 0.0625, 0.0625])] {
            for (value, other) in zip(policy.probabilities(ofChoice: 0, parent: parent, in: space), expected) {
                #expect((value - other).magnitude < 1e-14)
            }
        }
        policy.labelLogits = [0.5, -1, 0, 2]
        policy.keepLogits = [0.7]
        let probabilities = policy.probabilities(ofChoice: 0, parent: 2, in: space)
        var counts = [0.0, 0, 0, 0]
        let start = try space.point(natural: [2])
        for event in 0..<20_000 {
            var child = start
            var random = RandomStream(seed: 1, purpose: .mutation, event: event)
            let draw = policy.mutate(&child, of: 0, at: [], in: space, &random)
            #expect(draw.draws == child.natural && draw.parent == [2])
            counts[Int(child.natural[0])] += 1
        }
        for label in 0..<4 {
            let p = probabilities[label]
            #expect(isWithinFiveSigma(counts[label] / 20_000, of: p, variance: p * (1 - p), count: 20_000))
        }
    }

    @Test func rewardsAreRanks() {
        let losses = [0.1, 0.5, .infinity, 0.5, .infinity]
        let rewards = MutationPolicy.rewards(
            [(0, 1), (1, 0), (1, 3), (2, 0), (0, 2), (2, 4)], losses: losses)
        #expect(rewards == [0.375, -0.375, 0, -0.875, 0.875, nil])
        #expect(MutationPolicy.rewards([(0, 0)], losses: [1]) == [0])
    }

    /// A bandit: one label is better by a standard deviation of the noise, whatever the parent's.
    @Test(arguments: 0..<8)
    func theBestLabelIsFound(seed: Int) throws {
        var space = SearchSpace()
        try space.addChoice("kind", labels: ["a", "b", "c", "d", "e"])
        var policy = teacher(space)
        var random = TestRandom(seed)
        let best = seed % 5
        for event in 0..<400 {
            var child = try space.point(natural: [Double(random.index(5))])
            let parent = child
            var stream = RandomStream(seed: UInt64(seed), purpose: .mutation, event: event)
            let draw = policy.mutate(&child, of: 0, at: [], in: space, &stream)
            func gain(_ point: Point) -> Double { point.natural[0] == Double(best) ? 0.5 : 0 }
            let reward = gain(child) - gain(parent) + 0.5 * random.normal()
            policy.learn([(draw, min(max(reward, -1), 1))], in: space)
        }
        let mean = (0..<5).map { policy.probabilities(ofChoice: 0, parent: $0, in: space)[best] }.mean
        #expect(mean > 0.8, "seed \(seed): \(mean)")
    }

    /// Steps to one side pay: the mean goes there. Small steps pay: the scale shrinks.
    @Test(arguments: 0..<4)
    func stepsThatPayAreLearned(seed: Int) throws {
        let space = try Spaces.box(2)
        var policy = teacher(space)
        var random = TestRandom(seed)
        for event in 0..<500 {
            var child = try space.point(natural: [0.5, 0.5])
            var stream = RandomStream(seed: UInt64(seed), purpose: .mutation, event: event)
            let draw = policy.mutate(&child, of: 0, at: targets(space), in: space, &stream)
            let reward = 2 * (child.natural[0] - 0.5) - 3 * (child.natural[1] - 0.5).magnitude + 0.1 * random.normal()
            policy.learn([(draw, min(max(reward, -1), 1))], in: space)
        }
        #expect(policy.means[0] > 0.1, "seed \(seed): \(policy.means)")
        #expect(policy.logScales[1] < Elementary.log(0.05), "seed \(seed): \(policy.logScales)")
        #expect(policy.means[1].magnitude < 0.1)
    }

    private func expectEqual(_ policy: MutationPolicy, _ other: MutationPolicy) {
        #expect(policy.means == other.means && policy.logScales == other.logScales)
        #expect(policy.labelLogits == other.labelLogits && policy.keepLogits == other.keepLogits)
        #expect(policy.baseline == other.baseline && policy.variance == other.variance)
    }

    /// The policy of a population against one that is trained here, from the draws and the losses.
    @Test(arguments: 0..<6)
    func inAPopulation(seed: Int) throws {
        let space = try Spaces.mixed()
        var population = try Population(
            space: space,
            options: .of(.reinforced) {
                $0.population = 9
                $0.interval = 2
                $0.truncation = 0.35
                $0.seed = seed
            })
        #expect(population.possibleActions == [.train, .clone])
        var (b, v) = (0.0, 0.1)
        var lessons = 0
        let landscape = Landscape.rough(seed: seed)
        for number in 0..<90 {
            let before = population
            let old = try #require(before.policy)
            let draws = old.draws
            let record = try #require(try population.drive(rounds: 1, from: number, landscape).first)
            guard record.action == .train, population.trainingRounds % 2 == 0 else {
                expectEqual(try #require(population.policy), old)
                continue
            }
            #expect(try #require(population.policy).draws.allSatisfy { $0 == nil })
            // As they were reported: those of new clones are gone.
            let losses = (0..<9).map { student in
                let loss = landscape.respond(
                    space, record.hyperparameters[student] ?? [], round: number, student: student).loss
                return loss.isFinite ? loss : .infinity
            }
            func rank(_ student: Int) -> Double {
                Double(losses.count { $0 < losses[student] }) + Double(losses.count { $0 == losses[student] } - 1) / 2
            }
            var expected = old
            let (oldB, oldV) = (b, v)
            for (student, draw) in draws.enumerated() {
                guard let draw else { continue }
                #expect(before.lineage.clones.last { $0.student == student }?.source == draw.source)
                if losses[student] == .infinity && losses[draw.source] == .infinity { continue }
                lessons += 1
                let r = (rank(draw.source) - rank(student)) / 8
                let a = min(max((r - oldB) / oldV.squareRoot(), -3), 3) * 0.1
                b = 0.9 * b + 0.1 * r
                v = 0.9 * v + 0.1 * (r - oldB) * (r - oldB)
                let score = old.score(draw, in: space)
                for index in 0..<10 {
                    let sigma = Elementary.exp(old.logScales[index])
                    expected.means[index] += a * sigma * sigma * score.means[index]
                    expected.logScales[index] = min(expected.logScales[index] + a / 2 * score.logScales[index], 0)
                }
                for index in 0..<3 { expected.labelLogits[index] += a * score.labelLogits[index] }
                expected.keepLogits[0] += a * score.keepLogits[0]
            }
            let actual = try #require(population.policy)
            for (values, others) in [
                (actual.means, expected.means), (actual.logScales, expected.logScales),
                (actual.labelLogits, expected.labelLogits), (actual.keepLogits, expected.keepLogits),
                ([actual.baseline, actual.variance], [b, v]),
            ] {
                for (value, other) in zip(values, others) {
                    #expect((value - other).magnitude < 1e-11, "seed \(seed), round \(number)")
                }
            }
        }
        #expect(lessons > 40)
        #expect(try population.count("teacher_reports") == 0)
    }

    /// Training in which one label gains more: the population's policy comes to keep it and to take it.
    @Test(arguments: 0..<6)
    func aPopulationFindsTheBestLabel(seed: Int) throws {
        var space = SearchSpace()
        try space.addChoice("kind", labels: ["a", "b", "c", "d"])
        let best = seed % 4
        var population = try Population(
            space: space,
            options: .of(.reinforced) {
                $0.population = 10
                $0.interval = 2
                $0.seed = seed
            })
        var random = TestRandom(seed, 8)
        var progress = Array(repeating: 0.0, count: 10)
        var (taken, drawn) = (0, 0)
        while population.trainingRounds < 400 {
            for student in 0..<10 {
                let task = population.next(student)
                switch task.action {
                case .train:
                    progress[student] += (task.hyperparameters[0] == Double(best) ? 0.2 : 0) + 0.2 * random.normal()
                    try population.report(student, loss: -progress[student])
                case .clone:
                    progress[student] = progress[task.source]
                    try population.report(student)
                default: continue
                }
            }
            if population.trainingRounds > 300 {
                for draw in (population.policy?.draws ?? []).compactMap({ $0 }) {
                    drawn += 1
                    if draw.draws[0] == Double(best) { taken += 1 }
                }
            }
        }
        let policy = try #require(population.policy)
        let probabilities = policy.probabilities(ofChoice: 0, parent: best, in: space)
        #expect(probabilities[best] > 0.95, "seed \(seed): \(probabilities), kappa \(policy.keepLogits)")
        #expect(Double(taken) / Double(drawn) > 0.8, "seed \(seed): \(taken) of \(drawn)")
    }

    /// Whatever is learned, probabilities stay above 0 and steps inside the box.
    @Test func extremeRewardsStayFinite() throws {
        let space = try Spaces.mixed()
        var policy = teacher(space, scale: 1, rate: 1e6)
        for event in 0..<50 {
            var child = space.start(of: event, seed: 3)
            var stream = RandomStream(seed: 2, purpose: .mutation, event: event)
            let draw = policy.mutate(&child, of: 0, at: targets(space), in: space, &stream)
            #expect(Invariants.boundViolations(child.natural, in: space, "child").isEmpty)
            policy.learn([(draw, event % 2 == 0 ? 1 : -1)], in: space)
            for parent in 0..<3 {
                #expect(policy.probabilities(ofChoice: 0, parent: parent, in: space).allSatisfy { $0 > 0 && $0 <= 1 })
            }
        }
    }

    /// Where nobody waits a clone's source may have been replaced before the clone is judged: nothing is learned.
    @Test(arguments: [false, true])
    func sourcesThatWereReplacedTeachNothing(isReplaced: Bool) throws {
        let space = try Spaces.box(2)
        var policy = MutationPolicy(
            Setup(space: space, options: Options.of(.reinforced) { $0.population = 4 }.resolved()), guided: .all)
        var students = Students(space: space, (0..<4).map { space.start(of: $0, seed: 0) })
        students.losses = [1, 2, 3, 4]
        let clone = Clone(student: 3, source: 1, parent: 1)
        policy.mutate([PlacedClone(clone: clone, parent: students.point(1))], &students)
        #expect(policy.draws[3]?.source == 1)
        if isReplaced { students.losses[1] = nil }
        let before = policy
        policy.judged([3], &students)
        #expect(policy.draws[3] == nil)
        #expect((policy.means == before.means) == isReplaced)
        #expect((policy.baseline == before.baseline) == isReplaced)
    }
}
