import Testing
@testable import HPM

@Suite struct SelectionTests {
    private func truncation(
        _ losses: [Double?], _ share: Double, strict: Bool = false, event: Int = 0
    ) throws -> [Clone] {
        var options = Options.of(.pbt)
        (options.population, options.truncation) = (losses.count, share)
        let space = try Spaces.box(1)
        let setup = Setup(space: space, options: options.resolved())
        var students = Students(space: space, losses.indices.map { space.start(of: $0, seed: 0) })
        students.losses = losses
        var random = RandomStream(seed: 1, purpose: .exploit, event: event)
        return Truncation(setup, isStrict: strict)
            .replacements(of: Array(losses.indices), students, interval: 1, &random)
    }

    /// max(1, floor(truncation K)), computed in whole hundredths so that no rounding decides.
    @Test func counts() throws {
        for students in 1...200 {
            for hundredths in 0...50 {
                let expected =
                    students == 1 || hundredths == 0 ? 0 : max(1, hundredths * students / 100)
                let count = Truncation.count(share: Double(hundredths) / 100, students: students)
                if count != expected {
                    Issue.record("\(hundredths)% of \(students): \(count), not \(expected)")
                }
            }
        }
        #expect(Truncation.count(share: 1e-9, students: 8) == 1)
        #expect(Truncation.count(share: 1e-9, students: 1) == 0)
        #expect(Truncation.count(share: .leastNonzeroMagnitude, students: 2) == 1)
    }

    @Test func worstBecomeClonesOfTheBest() throws {
        var random = TestRandom(3)
        for trial in 0..<300 {
            let students = 2 + random.index(19)
            let share = random.uniform(0.01...0.5)
            let losses = (0..<students).map { _ in random.uniform(-1...1) }
            let replaced = try truncation(losses, share, event: trial)
            let count = max(1, Int((share * Double(students)).rounded(.down)))
            let ranking = losses.indices.sorted { losses[$0] < losses[$1] }
            #expect(replaced.map(\.student) == ranking.suffix(count).sorted(), "trial \(trial)")
            #expect(Set(replaced.map(\.source)).isSubset(of: Set(ranking.prefix(count))), "trial \(trial)")
        }
    }

    /// Sources are finite, and never replaced themselves.
    @Test func sourcesAreFiniteAndDisjointFromTheReplaced() throws {
        var random = TestRandom(4)
        for trial in 0..<500 {
            let students = 1 + random.index(12)
            let finite = random.uniform()
            let losses = (0..<students).map { _ in
                random.chance(finite) ? Double(random.index(4)) : .infinity
            }
            for strict in [false, true] {
                let replaced = try truncation(losses, random.uniform(0...0.5), strict: strict, event: trial)
                let students = Set(replaced.map(\.student))
                let sources = Set(replaced.map(\.source))
                #expect(students.count == replaced.count)
                #expect(students.isDisjoint(with: sources), "trial \(trial)")
                #expect(sources.allSatisfy { losses[$0].isFinite }, "trial \(trial)")
                for pair in replaced {
                    let isLower = losses[pair.source] < losses[pair.student]
                    #expect(strict ? isLower : losses[pair.source] <= losses[pair.student])
                }
            }
        }
    }

    @Test func withoutAnyFiniteLossThereIsNoExploit() throws {
        for students in 1...10 {
            #expect(try truncation(Array(repeating: .infinity, count: students), 0.5).isEmpty)
        }
    }

    @Test func oneFiniteLossIsTheOnlySource() throws {
        let losses: [Double] = [.infinity, .infinity, 7, .infinity, .infinity, .infinity]
        let replaced = try truncation(losses, 0.5, strict: true)
        #expect(replaced.count == 5)
        #expect(replaced.allSatisfy { $0.source == 2 })
    }

    @Test func equalLosses() throws {
        #expect(try truncation([1, 1, 1, 1], 0.5, strict: true).isEmpty)
        // The published form replaces all the same; equal ones rank in their order.
        #expect(try truncation([1, 1, 1, 1], 0.25).map { [$0.student, $0.source] } == [[3, 0]])
    }

    @Test func nobodyIsReplaced() throws {
        #expect(try truncation([1], 0.5).isEmpty)
        #expect(try truncation([1, 2, 3], 0).isEmpty)
    }

    /// Each of the best is drawn as often as the others, for each of the replaced on its own.
    @Test func sourcesAreDrawnUniformly() throws {
        let losses = (0..<20).map { Double($0) }
        var counts: [[Int]: Int] = [:]
        let draws = 4000
        for event in 0..<draws {
            counts[try truncation(losses, 0.1, event: event).map(\.source), default: 0] += 1
        }
        // Two replaced with two sources: four equally likely outcomes.
        #expect(counts.count == 4)
        let expected = Double(draws) / 4
        let chiSquare = counts.values.map { (Double($0) - expected) * (Double($0) - expected) / expected }
            .reduce(0, +)
        #expect(chiSquare < 3 + 5 * 6.0.squareRoot())
    }

    @Test func rankingPutsTheInfiniteLast() throws {
        #expect(Ranking.of([.infinity, 2, -1, .infinity, 2]) == [2, 1, 4, 0, 3])
    }

    /// Those whose present weights were not judged are neither ranked nor sources, nor are they replaced.
    @Test func unjudgedStudentsStandAside() throws {
        let losses: [Double?] = [nil, 4, nil, 1, 3, 2, nil, nil]
        for event in 0..<20 {
            let replaced = try truncation(losses, 0.5, event: event)
            // Half of the four that were judged.
            #expect(replaced.map(\.student) == [1, 4])
            #expect(replaced.allSatisfy { [3, 5].contains($0.source) })
            #expect(replaced.map(\.rank) == [3, 2])
        }
        #expect(try truncation([nil, 1, nil], 0.5).isEmpty)
        #expect(try truncation([nil, .infinity, 5, nil], 0.5).map { [$0.student, $0.source] } == [[1, 2]])
    }
}
