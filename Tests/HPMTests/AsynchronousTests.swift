import Testing
@testable import HPM

/// The asynchronous schedule: nobody waits, and a run is its log.
@Suite struct AsynchronousTests {
    /// Workers that ask, report, are lost and report late, in an order that a seed draws. What changes the population
    /// is logged.
    private struct Workers {
        var population: Population
        var random: TestRandom
        var log: [UInt8] = []
        let landscape: Landscape
        /// Of each student, the task that its worker has.
        var held: [Int: Assignment] = [:]
        /// Tickets that were answered or given back, by student.
        var old: [(student: Int, ticket: Int)] = []

        init(_ population: Population, _ landscape: Landscape, seed: Int) {
            self.population = population
            self.landscape = landscape
            random = TestRandom(seed, 61)
        }

        mutating func apply(_ input: Input) throws {
            log += InputLog.encoded(input)
            try population.apply(input)
        }

        /// - Returns: Whether the run goes on.
        mutating func act(canRetire: Bool) throws -> Bool {
            let student = random.index(population.size)
            if let late = old.last(where: { $0.student == student }), random.chance(0.1) {
                let before = population.snapshot()
                #expect(try population.report(student, ticket: late.ticket, loss: 3) == false)
                #expect(population.snapshot() == before)
            }
            guard let task = held[student] else {
                try ask(student)
                return population.students.living.contains { !population.isFinished($0) }
            }
            if population.tasks[student].ticket != task.ticket {
                // Its source is retired, so that it was given another one.
                #expect(task.action == .clone || task.action == .evaluate)
                #expect(try population.report(student, ticket: task.ticket) == false)
                held[student] = nil
            } else if random.chance(0.05) {
                try apply(.release(student: student))
                old.append((student, task.ticket))
                held[student] = nil
            } else if canRetire, random.chance(0.01), population.students.living.count > 2 {
                try apply(.retire(student: student))
                held[student] = nil
            } else {
                try report(student, task)
            }
            return true
        }

        private mutating func ask(_ student: Int) throws {
            if let beginning = population.beginning(of: student) {
                log += InputLog.encoded(.begin(student: student, beginning))
            }
            let task = population.next(student)
            #expect(task.action != .wait)
            #expect(task == population.next(student))
            if task.action != .stop { held[student] = task }
            #expect(
                Invariants.boundViolations(task.hyperparameters, in: population.space, "\(task.action)").isEmpty)
        }

        private mutating func report(_ student: Int, _ task: Assignment) throws {
            if random.chance(0.2) {
                try apply(.cost(student: student, training: random.uniform(), hypergradient: 0.5))
            }
            let response = landscape.respond(
                population.space, task.hyperparameters, round: population.reports(of: student), student: student)
            let gradient = response.hypergradient ?? []
            try gradient.withUnsafeBufferPointer { buffer in
                try apply(
                    .report(
                        student: student, ticket: task.ticket, loss: response.loss,
                        hypergradient: response.hypergradient == nil ? nil : buffer))
            }
            old.append((student, task.ticket))
            held[student] = nil
        }
    }

    private func options(_ algorithm: Algorithm, _ random: inout TestRandom) -> Options {
        Options.of(algorithm) {
            $0.schedule = .asynchronous
            $0.seed = random.index(100)
            $0.population = 2 + random.index(8)
            $0.interval = 1 + random.index(4)
            $0.steps = 4 + random.index(12)
            $0.truncation = [0.2, 0.5, 0.35][random.index(3)]
            $0.trial = 1 + random.index(4)
            if random.chance(0.5) { $0.teacher = TeacherKind.allCases[random.index(4)] }
            if random.chance(0.4) { $0.teacherEvaluations = random.index(4) }
            if random.chance(0.2) { $0.teacherShare = 0.2 }
        }
    }

    @Test(arguments: Algorithm.all.map(\.name), 0..<25)
    func anyOrder(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var random = TestRandom(seed, 60)
        let space = try (seed % 2 == 0 ? Spaces.mixed() : Spaces.random(&random)).fitting(algorithm)
        let start = try Population(space: space, options: options(algorithm, &random))
        var workers = Workers(start, .rough(seed: seed).fitting(algorithm), seed: seed)
        let steps = start.options.steps
        var (calls, goesOn) = (0, true)
        while goesOn {
            goesOn = try workers.act(canRetire: seed % 3 == 0)
            calls += 1
            if seed % 4 == 1, calls == 100 { try workers.apply(.grow(count: 2, .drawn)) }
            if seed % 5 == 1, calls == 60 {
                workers.population = try Population(snapshot: workers.population.snapshot())
            }
            let violations = Invariants.violations(workers.population)
            if !violations.isEmpty {
                Issue.record("\(name), seed \(seed), call \(calls): \(violations.prefix(3))")
                return
            }
            try #require(calls < 40_000, "\(name), seed \(seed): no end")
        }
        let population = workers.population
        for student in population.students.living {
            #expect(population.reports(of: student) == steps, "\(name), seed \(seed)")
            #expect(population.next(student, peeking: true) == .stop)
        }
        var replayed = start
        #expect(try replayed.replay(workers.log) == workers.log.count)
        #expect(replayed.snapshot() == population.snapshot(), "\(name), seed \(seed)")
    }

    /// Cut anywhere, a log gives the state after its last whole input; damaged, it changes nothing.
    @Test func logsThatAreCutOrDamaged() throws {
        var random = TestRandom(5)
        let start = try Population(space: Spaces.mixed(), options: options(.hpmPaper, &random))
        var workers = Workers(start, Landscape(seed: 5), seed: 5)
        var states: [Int: [UInt8]] = [0: start.snapshot()]
        for _ in 0..<60 {
            _ = try workers.act(canRetire: false)
            states[workers.log.count] = workers.population.snapshot()
        }
        for count in stride(from: 0, through: workers.log.count, by: 7) + [workers.log.count] {
            var replayed = start
            let applied = try replayed.replay(Array(workers.log[..<count]))
            #expect(applied <= count)
            if let state = states[applied] { #expect(replayed.snapshot() == state) }
        }
        for trial in 0..<300 {
            var damaged = workers.log
            let place = random.index(damaged.count)
            damaged[place] ^= 1 << UInt8(random.index(8))
            var replayed = start
            let error = #expect(throws: HPMError.self, "byte \(place), trial \(trial)") {
                try replayed.replay(damaged)
            }
            #expect(error?.code == .snapshot)
            #expect(replayed.snapshot() == start.snapshot())
        }
    }

    /// A log is of one space, one set of options and one state of the run.
    @Test func logsOfOthersAreRefused() throws {
        func population(_ change: (inout Options) -> Void = { _ in }, high: Double = 1) throws -> Population {
            try Population(
                space: Spaces.box(2, 0, high),
                options: .of(.hpm) {
                    $0.population = 3
                    change(&$0)
                })
        }
        var logged = try population()
        var log = InputLog.beginning(of: logged)
        for student in 0..<3 {
            log += InputLog.encoded(.begin(student: student, try #require(logged.beginning(of: student))))
            _ = logged.next(student)
        }
        var same = try population()
        try same.replay(log)
        #expect(same.snapshot() == logged.snapshot())
        let others = [
            try population { $0.seed = 1 }, try population { $0.mutationScale = 0.2 },
            try population { $0.algorithm = .pbt }, try population(high: 2), logged,
        ]
        for (number, other) in others.enumerated() {
            var other = other
            let before = other.snapshot()
            let error = #expect(throws: HPMError.self, "population \(number)") { try other.replay(log) }
            #expect(error?.code == .argument && error?.message.contains("does not begin") ?? false)
            #expect(other.snapshot() == before)
        }
        // A second log goes on where the first one ended.
        log += InputLog.beginning(of: logged)
        for student in 0..<3 {
            log += InputLog.encoded(.report(student: student, ticket: student + 1, loss: 1, hypergradient: nil))
            try logged.report(student, loss: 1)
        }
        same = try population()
        #expect(try same.replay(log) == log.count)
        #expect(same.snapshot() == logged.snapshot())
    }

    /// The order in which a log was written is the run: equal logs, equal bytes; other orders, other runs.
    @Test func equalRunsHaveEqualSnapshots() throws {
        func run(_ orderSeed: Int) throws -> Population {
            var random = TestRandom(3)
            let start = try Population(space: Spaces.mixed(), options: options(.hpm, &random))
            var workers = Workers(start, Landscape(seed: 3), seed: orderSeed)
            for _ in 0..<300 { _ = try workers.act(canRetire: false) }
            return workers.population
        }
        #expect(try run(1).snapshot() == run(1).snapshot())
        #expect(try run(1).snapshot() != run(2).snapshot())
    }

    /// A student is judged at multiples of the interval of its own reports, against the latest of the others; its
    /// source's checkpoint stays while the source trains on.
    @Test func cloneOfAPinnedCheckpoint() throws {
        var population = try Population(
            space: Spaces.box(1),
            options: .of(.pbt) {
                $0.schedule = .asynchronous
                $0.population = 3
                $0.interval = 2
                $0.truncation = 0.34
            })
        func train(_ student: Int, _ loss: Double) throws {
            #expect(population.next(student).action == .train)
            try population.report(student, loss: loss)
        }
        try train(0, 1)
        try train(0, 1)
        // The only one that was judged.
        try train(0, 1)
        try train(1, 2)
        try train(2, 3)
        try train(1, 2)
        // Student 2 is worst of three at its second report; student 0 has made its third.
        try train(2, 3)
        let clone = population.next(2)
        #expect(clone.action == .clone && clone.source == 0)
        #expect(try population.sourceReport(of: 2) == 3)
        try train(0, 1)
        try train(0, 1)
        #expect(!population.isReleasable(0, report: 3) && population.isReleasable(0, report: 4))
        try population.report(2)
        #expect(population.isReleasable(0, report: 3))
        #expect(population.lineage.clones == [.init(report: 2, student: 2, source: 0, sourceReport: 3)])
        #expect(population.age(of: 2) == 3)
        // Its weights were not judged since: it is no source and is not ranked.
        #expect(population.students.ranking == [0, 1])
    }

    /// Evaluations are a queue for whoever asks first; a lost one goes to the next, and each is answered once.
    @Test func evaluationsAreForWhoeverAsks() throws {
        var population = try Population(
            space: Spaces.box(2),
            options: .of(.hpmPaper) {
                $0.schedule = .asynchronous
                $0.population = 5
                $0.interval = 1
                $0.teacherEvaluations = 2
            })
        // Each is the best when it is judged; the first, which is the worst by then, becomes a clone.
        for student in [4, 3, 2, 1, 0, 4] {
            #expect(population.next(student).action == .train)
            try population.report(student, loss: Double(student), hypergradient: [0.1, -0.2])
        }
        #expect(population.next(4).action == .clone)
        try population.report(4)
        #expect(population.queue.count == 2)
        let first = population.next(3)
        #expect(first.action == .evaluate)
        // The other worker is lost with it.
        let lost = population.next(1)
        #expect(lost.action == .evaluate && lost.hyperparameters != first.hyperparameters)
        try population.release(lost: 1)
        let again = population.next(2)
        #expect(again.action == .evaluate && again.hyperparameters == lost.hyperparameters)
        #expect(population.next(1).action == .train)
        let before = try #require(population.teacher)
        try population.report(3, loss: 1, hypergradient: [1, 1])
        #expect(population.teacher != before)
        #expect(population.next(3).action == .train)
        try population.report(2, loss: 1, hypergradient: [1, 1])
        #expect(try population.report(1, ticket: lost.ticket, loss: 1, hypergradient: [1, 1]) == false)
        #expect(population.budget.reports(.evaluate) == 2)
    }

    /// The paragraph of ``PooledDescent`` on this schedule, transliterated.
    @Test(arguments: 0..<6)
    func pooledDescent(seed: Int) throws {
        var random = TestRandom(seed)
        let (count, rate) = (1 + random.index(6), 1.0 / 64)
        let space = try Spaces.box(1)
        var pool = PooledDescent(
            Setup(
                space: space,
                options: Options.of(.hpm) {
                    ($0.population, $0.schedule, $0.hyperLearningRate) = (count, .asynchronous, rate)
                }.resolved()))
        let center = try space.point(natural: [0.5])
        var students = Students(space: space, Array(repeating: center, count: count))
        var adam = Array(repeating: TextbookAdam(), count: count)
        var (P, R, c) = (Array(repeating: 0.0, count: count), Array(repeating: 0.0, count: count), Array(repeating: 0, count: count))
        var (holds, latest) = (Array(repeating: false, count: count), Array(repeating: 0.0, count: count))
        var (Q, Z, t) = (0.0, 0.0, 0)
        let K = Double(count)
        for report in 0..<300 {
            let k = random.index(count)
            students.start(k, at: center)
            let G = random.chance(0.2) ? Double.nan : 0.5 + random.normal() + Double(k) / 2
            students.gradients[k] = G
            pool.trained([k], &students)
            holds[k] = !G.isNaN
            guard holds[k] else {
                #expect(students.point(k) == center)
                continue
            }
            let own = adam[k].direction(G)
            let N = G / (G.magnitude + 1e-12)
            P[k] = 0.9 * P[k] + 0.1 * N
            R[k] = 0.99 * R[k] + 0.01 * N * N
            c[k] += 1
            t += 1
            Q = (1 - 0.1 / K) * Q + 0.1 / K * N
            latest[k] = N
            let guided = (0..<count).filter { holds[$0] }
            let M = guided.map { latest[$0] }.reduce(0, +) / Double(guided.count)
            Z = (1 - 0.01 / K) * Z + 0.01 / K * M * M
            var direction = own
            if guided.count > 1 {
                let n = Double(guided.count)
                func p(_ k: Int) -> Double { P[k] / (1 - Elementary.pow(0.9, Double(c[k]))) }
                let mean = guided.map(p).reduce(0, +) / n
                let variance = guided.map { (p($0) - mean) * (p($0) - mean) }.reduce(0, +) / (n - 1)
                let nu = guided.map { k in
                    let decayed = Elementary.pow(0.9, Double(c[k]))
                    let square = R[k] / (1 - Elementary.pow(0.99, Double(c[k])))
                    return max(square - p(k) * p(k), 0) * 0.1 * (1 + decayed) / (1.9 * (1 - decayed))
                }.reduce(0, +) / n
                let tau = max(variance - nu, 0)
                let b = tau / (tau + nu + 1e-12)
                let A = Q / (1 - Elementary.pow(1 - 0.1 / K, Double(t)))
                    / ((Z / (1 - Elementary.pow(1 - 0.01 / K, Double(t)))).squareRoot() + 1e-12)
                direction = b * own + (1 - b) * A
            }
            let moved = (0.5 - students.latent(k, 0)) / rate
            #expect((moved - direction).magnitude < 1e-10, "seed \(seed), report \(report)")
        }
    }
}

extension Population {
    /// The action that a student would be given.
    fileprivate func next(_ student: Int, peeking: Bool) -> Action {
        var copy = self
        return copy.next(student).action
    }
}
