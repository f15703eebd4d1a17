import Testing
@testable import HPM

/// Means of weights of kin, against a client that carries for each student the whole list of its ancestors, copied
/// with every clone, and a plain search.
@Suite struct BlendTests {
    /// What a client knows of the weights of its students: which training of whom made them, from the first on. What
    /// begins anew is told apart by its first training.
    private struct Client {
        var histories: [[Trained]] = []
        var checkpoints: [Trained: [Trained]] = [:]
        /// Of the present weights, NaN where nobody judged them.
        var losses: [Double] = []

        struct Trained: Hashable {
            let student: Int
            let report: Int
        }

        mutating func grow(to count: Int) {
            histories += Array(repeating: [], count: count - histories.count)
            losses += Array(repeating: .nan, count: count - losses.count)
        }

        /// Best first, those that share a training with the best one; and how many of them are in the better half.
        func kin(_ population: Population, maximize: Bool) -> (students: [Int], betterHalf: [Int]) {
            let ranked = losses.indices.filter { losses[$0].isFinite && !population.isRetired($0) }
                .sorted { maximize ? losses[$0] > losses[$1] : losses[$0] < losses[$1] }
            guard let best = ranked.first else { return ([], []) }
            let ancestors = Set(histories[best])
            func isKin(_ student: Int) -> Bool { !ancestors.isDisjoint(with: histories[student]) }
            let half = ranked.prefix(ranked.count / 2 + ranked.count % 2)
            return (ranked.filter(isKin), half.filter(isKin))
        }
    }

    private struct Refused: Error {}

    /// A loss of means that likes some and not others, not finite now and then.
    private func judged(_ students: [Int], _ shares: [Double], seed: Int) -> Double {
        var random = TestRandom(seed, students.count, students.reduce(0) { 31 * $0 + $1 })
        if random.chance(0.2) { return [Double.nan, .infinity, -.infinity][random.index(3)] }
        return random.normal() * 2 + shares.reduce(0, +) - 1
    }

    /// Every task of random runs: late, lost and new students, any order of arrival.
    @Test(arguments: ["hpm", "pbt", "hpm-paper", "mf-pbt", "hypergradient", "random"], 0..<12)
    func againstBookkeeping(name: String, seed: Int) throws {
        let algorithm = try #require(Algorithm.named(name))
        var random = TestRandom(seed, name.utf8.count)
        let (isAsynchronous, maximize) = (seed % 2 == 1, seed % 4 >= 2)
        var population = try Population(
            space: Spaces.box(2),
            options: .of(algorithm) {
                $0.population = 4 + random.index(6)
                $0.interval = 1 + random.index(3)
                $0.truncation = 0.25
                $0.trial = 4
                $0.steps = 25
                $0.seed = seed
                $0.schedule = isAsynchronous ? .asynchronous : .synchronous
                $0.direction = maximize ? .maximize : .minimize
            })
        var client = Client()
        client.grow(to: population.size)
        var (averaged, excluded) = (0, 0)
        var turns = 0
        while turns < 1500 {
            turns += 1
            let student = random.index(population.size)
            let task = population.next(student)
            switch task.action {
            case .train:
                let trained = Client.Trained(student: student, report: population.reports(of: student) + 1)
                client.histories[student].append(trained)
                client.checkpoints[trained] = client.histories[student]
                client.losses[student] = random.chance(0.1) ? .nan : (random.normal() * 4).rounded() / 4
                try population.report(student, loss: client.losses[student], hypergradient: [0.1, -0.1])
            case .clone:
                let from = Client.Trained(student: task.source, report: try population.sourceReport(of: student))
                client.histories[student] = try #require(client.checkpoints[from])
                client.losses[student] = .nan
                try population.report(student)
            case .restart:
                (client.histories[student], client.losses[student]) = ([], .nan)
                try population.report(student)
            case .evaluate: try population.report(student, loss: 0, hypergradient: [1, 1])
            case .wait, .stop: break
            }
            if random.chance(0.004), population.students.living.count > 3 {
                try? population.retire(lost: student)
            }
            if random.chance(0.004), population.size < 14 {
                try population.grow(by: 1, from: population.makesClones && random.chance(0.5) ? .clone : .drawn)
                client.grow(to: population.size)
            }
            // What is decided to become a clone is not judged from then on, as it is not for `best`.
            for other in 0..<population.size where population.students.losses[other] == nil {
                client.losses[other] = .nan
            }
            // At first most students are no kin, later most are.
            guard turns < 60 || random.chance(0.08) else { continue }
            let before = population.snapshot()
            let (kin, half) = client.kin(population, maximize: maximize)
            guard let best = kin.first else {
                #expect(throws: HPMError.self) { try population.blend() }
                continue
            }
            try #require(try population.best().student == best)
            let blind = try population.blend()
            try #require(blind.students == half, "\(name), seed \(seed), turn \(turns)")
            try #require(blind.shares == half.map { _ in 1 / Double(half.count) })
            try #require(try population.kin().students == kin, "\(name), seed \(seed), turn \(turns)")

            var (taken, loss, asked) = ([best], client.losses[best], [[Int]]())
            for next in kin.dropFirst() {
                let shares = Array(repeating: 1 / Double(taken.count + 1), count: taken.count + 1)
                let found = judged(taken + [next], shares, seed: seed)
                asked.append(taken + [next])
                if found.isFinite, maximize ? found > loss : found < loss { (taken, loss) = (taken + [next], found) }
            }
            var calls: [[Int]] = []
            let blend = try population.blend { mean in
                calls.append(mean.students)
                return judged(mean.students, mean.shares, seed: seed)
            }
            try #require(blend.students == taken && calls == asked, "\(name), seed \(seed), turn \(turns)")
            try #require((blend.shares.reduce(0, +) - 1).magnitude < 1e-12)
            try #require(population.snapshot() == before)
            if blend.students.count > 1 { averaged += 1 }
            if kin.count < client.losses.count(where: \.isFinite) { excluded += 1 }
        }
        #expect(population.makesClones || averaged == 0)
        #expect(name != "pbt" || averaged > 0)
        #expect(excluded > 0)
    }

    /// The best one's own loss is not asked for, and what a judge throws comes out as it is.
    @Test func judges() throws {
        var population = try Population(
            space: Spaces.box(1), options: .of(.pbt) { ($0.population, $0.interval, $0.truncation) = (4, 2, 0.25) })
        func train(_ losses: [Double]) throws {
            for student in 0..<4 where population.next(student).action == .train {
                try population.report(student, loss: losses[student])
            }
        }
        #expect { try population.blend() } throws: { ($0 as? HPMError)?.code == .noResult }
        for _ in 0..<2 { try train([1, 2, 3, 4]) }
        // One is to become a clone of the best, and has become it: of its weights no loss is known.
        #expect(try population.kin().students == [0])
        try population.report(population.next(3).action == .clone ? 3 : 0)
        #expect(try population.blend { _ in throw Refused() } == Blend(of: [0]))
        try train([2, 3, 9, 1])
        #expect(try population.blend() == Blend(of: [3, 0]))
        #expect(throws: Refused.self) { try population.blend { _ in throw Refused() } }
        for (loss, taken) in [(0.99, [3, 0]), (1, [3]), (.nan, [3]), (-.infinity, [3])] {
            #expect(try population.blend { _ in loss } == Blend(of: taken))
        }
        try population.retire(lost: 3)
        #expect(try population.blend() == Blend(of: [0]))
    }

    /// Of a snapshot that holds what cannot be.
    @Test func foundersOfDamagedLineages() {
        var lineage = Lineage()
        for student in [2, 1, 0] {
            lineage.append(
                .init(report: 0, student: student, source: student + 1, sourceReport: Int.max / 2 - 1))
        }
        lineage.append(.init(report: 3, student: 5, source: 5, sourceReport: 2))
        lineage.begin(3, after: Int.max / 2 - 1)
        #expect(lineage.founder(of: 0, reports: 1) == .init(student: 3, report: Int.max / 2 - 1))
        #expect(lineage.founder(of: 5, reports: 4) == .init(student: 5, report: 0))
    }
}
