import Testing
@testable import HPM

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A snapshot of each released format version stays readable and goes on as it did then.
@Suite struct GoldenSnapshotTests {
    private static let landscape = Landscape(
        seed: 2020, nonfiniteLoss: 0.05, withoutGradient: 0.05, missingComponent: 0.1,
        infiniteComponent: 0.02)
    private static let roundsBefore = 23
    private static let roundsAfter = 30

    /// How the golden populations were made, with every option given, as defaults may change.
    private static func make(_ algorithm: Algorithm, _ schedule: Schedule = .synchronous) throws -> Population {
        var population = try Population(
            space: Spaces.mixed(),
            options: .of(algorithm) {
                $0.seed = 7
                $0.population = 5
                $0.interval = 4
                $0.truncation = 0.4
                $0.teacherUnits = 3
                $0.trial = 6
                $0.hyperOptimizer = algorithm == .hpm ? .adam : .sgd
                $0.hyperLearningRate = 0.05
                $0.mutationScale = 0.15
                $0.teacher = algorithm == .hpmPaper ? .attention : .absent
                $0.teacherEvaluations = 2
                $0.schedule = schedule
            })
        try drive(&population, rounds: 0..<roundsBefore)
        return population
    }

    private static func drive(_ population: inout Population, rounds: Range<Int>) throws {
        guard !population.isSynchronous else {
            try population.drive(rounds: rounds.count, from: rounds.lowerBound, landscape)
            return
        }
        // Of five students the first three report in one round, all but the last in the next, and so on.
        for round in rounds {
            for student in 0..<3 + round % 3 {
                let task = population.next(student)
                let response = landscape.respond(
                    population.space, task.hyperparameters, round: round, student: student)
                try population.report(student, loss: response.loss, hypergradient: response.hypergradient)
            }
        }
    }

    private static let runs: [(Algorithm, Schedule)] = [
        (.hpm, .synchronous), (.hpmPaper, .synchronous), (.random, .synchronous), (.hpm, .asynchronous),
        (.hpmPaper, .asynchronous),
    ]

    /// The first student's hyperparameters after further rounds.
    private static func outcome(_ population: Population) throws -> [Double] {
        var population = population
        try drive(&population, rounds: roundsBefore..<roundsBefore + roundsAfter)
        return population.hyperparameters(of: 0) + [try population.bestHyperparameters().loss]
    }

    @Test(arguments: 0..<3)
    func versionOne(number: Int) throws {
        try check(GoldenSnapshot.versionOne[number], number)
    }

    @Test(arguments: 0..<5)
    func versionTwo(number: Int) throws {
        try check(GoldenSnapshot.versionTwo[number], number)
    }

    private func check(_ golden: (snapshot: String, outcome: [Double]), _ number: Int) throws {
        let bytes = try #require(Base64.decoded(golden.snapshot))
        let population = try Population(snapshot: bytes)
        #expect(population.options.algorithm == Self.runs[number].0)
        #expect(population.options.schedule == Self.runs[number].1)
        #expect(population.reports(of: 0) > 10 && population.size == 5)
        #expect(try population.space == Spaces.mixed())
        // libm differs by a few ulps between platforms, so not to the bit.
        for (value, expected) in zip(try Self.outcome(population), golden.outcome) {
            #expect((value - expected).magnitude <= 1e-9 * (1 + expected.magnitude))
        }
        #expect(Invariants.violations(population).isEmpty)
    }

    /// HPM_PRINT_GOLDEN=1 swift test --filter printGolden: the text of GoldenSnapshot+VersionTwo.swift.
    @Test(.enabled(if: getenv("HPM_PRINT_GOLDEN") != nil))
    func printGolden() throws {
        for (algorithm, schedule) in Self.runs {
            let population = try Self.make(algorithm, schedule)
            let text = Base64.encoded(population.snapshot())
            print("        (\n            snapshot: \"\"\"")
            for start in stride(from: 0, to: text.count, by: 96) {
                print("                " + String(text.dropFirst(start).prefix(96)) + (start + 96 < text.count ? "\\" : ""))
            }
            let values = try Self.outcome(population).map { "\($0)" }.joined(separator: ", ")
            print("                \"\"\",\n            outcome: [\(values)]\n        ),")
        }
    }
}

enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let chunk = bytes[start..<min(start + 3, bytes.count)]
            let word = chunk.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            for place in 0..<4 {
                text.append(place <= chunk.count ? alphabet[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decoded(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (word, bits) = (0, 0)
        for character in text.utf8 where character != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            word = (word << 6 | value) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(word >> bits & 255))
            }
        }
        return bytes
    }
}
