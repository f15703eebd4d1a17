import Foundation
import Testing
@testable import HPM

extension Hypergradients {
    /// Reverse mode's checkpoints: the same bits, the fewest steps, the memory asked for.
    @Suite struct CheckpointTests {
        /// The fewest steps to have every state in turn, from the last to the first, with `checkpoints`
        /// states in memory, the first one counted: every place of the next checkpoint is tried.
        private static let fewest: [[Int]] = {
            // fewest[checkpoints][steps], steps that lead to the state before the last step.
            var table = [[Int]](repeating: [Int](repeating: 0, count: 61), count: 9)
            for steps in 0...60 { table[1][steps] = steps * (steps - 1) / 2 }
            for checkpoints in 2...8 {
                for steps in 2...60 {
                    table[checkpoints][steps] = (1..<steps).map {
                        $0 + table[checkpoints - 1][steps - $0] + table[checkpoints][$0]
                    }.min()!
                }
            }
            return table
        }()

        @Test func binomialScheduleAgainstEverySchedule() {
            for checkpoints in 1...8 {
                for steps in 1...60 {
                    guard steps > 1, checkpoints > 1 else { continue }
                    let first = BinomialSchedule.firstCheckpoint(steps: steps, checkpoints: checkpoints)
                    #expect((1..<steps).contains(first))
                    guard (1..<steps).contains(first) else { continue }
                    #expect(
                        first + Self.fewest[checkpoints - 1][steps - first]
                            + Self.fewest[checkpoints][first] == Self.fewest[checkpoints][steps],
                        "\(steps) steps, \(checkpoints) checkpoints: \(first) is not the best")
                }
            }
        }

        /// Numbers that no machine reaches don't trap or hang.
        @Test(.timeLimit(.minutes(1))) func hugeSchedules() {
            for (steps, checkpoints) in [
                (1_000_000_000, 30), (1_000_000, 2), (Int.max / 1000, 64), (1000, 999), (1000, 1000),
                (1_000_000, 500_000),
            ] {
                let first = BinomialSchedule.firstCheckpoint(steps: steps, checkpoints: checkpoints)
                #expect((1..<steps).contains(first), "\(steps), \(checkpoints)")
            }
        }

        /// A step that is cheap and not linear, and differs from index to index.
        private func tinyProblem(record: @escaping (Int) -> Void = { _ in }) -> ArrayProblem {
            var problem = ArrayProblem(parameterCount: 2, hyperparameterCount: 2)
            func shift(_ index: Int) -> Double { 0.1 * Double(index % 7) }
            problem.step = { index, w, h in
                [
                    Foundation.sin(h[0] * w[0] + w[1] + shift(index)),
                    Foundation.tanh(h[1] * w[1] - w[0]) + shift(index),
                ]
            }
            problem.stepBackward = { index, w, h, v in
                record(index)
                let first = v[0] * Foundation.cos(h[0] * w[0] + w[1] + shift(index))
                let bend = Foundation.tanh(h[1] * w[1] - w[0])
                let second = v[1] * (1 - bend * bend)
                return ([first * h[0] - second, first + second * h[1]], [first * w[0], second * w[1]])
            }
            problem.stepForward = { index, w, h, dw, dh in
                let bend = Foundation.tanh(h[1] * w[1] - w[0])
                return [
                    Foundation.cos(h[0] * w[0] + w[1] + shift(index))
                        * (dh[0] * w[0] + h[0] * dw[0] + dw[1]),
                    (1 - bend * bend) * (dh[1] * w[1] + h[1] * dw[1] - dw[0]),
                ]
            }
            problem.outerGradient = { w, h in ([w[0], Foundation.cos(w[1])], [0.1 * h[0], 0]) }
            return problem
        }

        private let place = [0.3, -0.4]
        private let hyperplace = [0.9, 1.1]

        /// For many (steps, checkpoints): the same bits as with all states stored, the minimum of steps,
        /// each step reversed once from the last to the first, and s + 3 vectors.
        @Test func checkpointedEqualsStoredBitForBit() throws {
            for steps in [1, 2, 3, 4, 5, 7, 10, 16, 23, 35, 47, 60] {
                let stored = try tinyProblem().estimate(try ReverseMode(steps: steps), at: place, hyperplace)
                #expect(stored.certificate.calls.steps == steps)
                #expect(stored.certificate.parameterVectors == steps + 3)
                let forward = try tinyProblem().estimate(try ForwardMode(steps: steps), at: place, hyperplace)
                #expect(relativeError(stored.gradient, forward.gradient) < 1e-10)
                for checkpoints in 1...8 {
                    var reversed: [Int] = []
                    let outcome = try tinyProblem { reversed.append($0) }.estimate(
                        try ReverseMode(steps: steps, checkpoints: checkpoints), at: place, hyperplace)
                    let words: Comment = "\(steps) steps, \(checkpoints) checkpoints"
                    #expect(
                        outcome.gradient.map(\.bitPattern) == stored.gradient.map(\.bitPattern), words)
                    #expect(reversed == (0..<steps).reversed(), words)
                    #expect(
                        outcome.certificate.calls.steps == Self.fewest[checkpoints][steps] + 1, words)
                    #expect(outcome.certificate.calls == outcome.calls.counts, words)
                    #expect(outcome.certificate.iterations == steps)
                    #expect(outcome.certificate.parameterVectors == min(checkpoints, steps) + 3, words)
                }
            }
        }

        @Test func networkBitForBit() throws {
            let network = NetworkProblem(seed: 6)
            let problem = network.problem()
            let stored = try problem.estimate(
                try ReverseMode(steps: 17), at: network.start, network.hyperplace)
            for checkpoints in [1, 2, 3, 5, 16, 17, 40] {
                let outcome = try problem.estimate(
                    try ReverseMode(steps: 17, checkpoints: checkpoints), at: network.start,
                    network.hyperplace)
                #expect(
                    outcome.gradient.map(\.bitPattern) == stored.gradient.map(\.bitPattern),
                    "\(checkpoints) checkpoints")
            }
        }

        /// The vectors that really live, in a space that counts them.
        @Test func vectorsThatLive() throws {
            let problem = tinyProblem()
            for (steps, checkpoints) in [(1, 1), (20, 1), (20, 4), (55, 4), (55, 20)] {
                let (parameters, hyperparameters) = (
                    TrackedVectorSpace(count: 2), TrackedVectorSpace(count: 2)
                )
                let outcome = try problem.outcome(
                    try ReverseMode(steps: steps, checkpoints: checkpoints), at: place, hyperplace,
                    parameters, hyperparameters)
                // One more is the place, and of the hyperparameters also the result.
                #expect(parameters.ledger.made == checkpoints + 3 + 1)
                #expect(parameters.ledger.peak == checkpoints + 3 + 1)
                #expect(outcome.certificate.parameterVectors == checkpoints + 3)
                #expect(hyperparameters.ledger.made == outcome.certificate.hyperparameterVectors + 2)
                #expect(parameters.ledger.live == 0 && hyperparameters.ledger.live == 0)
            }
        }
    }
}
