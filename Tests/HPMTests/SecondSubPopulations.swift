@testable import HPM

/// The evolution step of MF-PBT written a second time: student by student, from ranks.
struct SecondSubPopulations {
    let count: Int
    let ratio: Int

    struct Clone: Equatable {
        let student: Int
        let weights: Int
        let hyperparameters: Int
        let isMutated: Bool
    }

    /// Blocks in student order, the first ones a student larger.
    func blocks(_ students: Int) -> [[Int]] {
        var blocks: [[Int]] = []
        var rest = Array(0..<students)
        for left in stride(from: count, to: 0, by: -1) {
            let size = (rest.count + left - 1) / left
            blocks.append(Array(rest.prefix(size)))
            rest.removeFirst(size)
        }
        return blocks
    }

    func clones(_ losses: [Double], exploit: Int) -> [Clone] {
        func isBefore(_ a: Int, _ b: Int) -> Bool {
            losses[a] < losses[b] || losses[a] == losses[b] && a < b
        }
        let blocks = blocks(losses.count).map { $0.sorted(by: isBefore) }
        var periods = [1.0]
        while periods.count < count { periods.append(periods[periods.count - 1] * Double(ratio)) }
        let evolves = periods.map { Double(exploit).truncatingRemainder(dividingBy: $0) == 0 }
        func quarter(_ block: [Int]) -> Int { block.count == 1 ? 0 : max(block.count / 4, 1) }
        /// 3 for losers, 2 for those open to migration.
        var bracket = [Int](repeating: 0, count: losses.count)
        for block in blocks {
            let size = quarter(block)
            for (rank, student) in block.enumerated() {
                if rank >= block.count - size { bracket[student] = 3 }
                else if rank >= block.count - 2 * size, rank >= size { bracket[student] = 2 }
            }
        }
        var clones: [Clone] = []
        for own in blocks.indices where evolves[own] {
            let block = blocks[own]
            let winners = block.prefix(quarter(block)).filter { losses[$0] < .infinity }
            var migrants: [(student: Int, home: Int)] = []
            for home in blocks.indices where home != own {
                for student in blocks[home] where losses[student] < .infinity {
                    // Those that may be replaced themselves never come to be taken.
                    if !(evolves[home] && bracket[student] >= 2) { migrants.append((student, home)) }
                }
            }
            migrants.sort { isBefore($0.student, $1.student) }
            let best = migrants.first?.student
            var replaced: Set<Int> = []
            for student in block where bracket[student] == 2 {
                guard let first = migrants.first, losses[first.student] < losses[student] else { continue }
                migrants.removeFirst()
                replaced.insert(student)
                let isFromFaster = periods[first.home] < periods[own]
                let keepsOwn = isFromFaster && losses[block[0]] < .infinity
                clones.append(
                    Clone(
                        student: student, weights: first.student,
                        hyperparameters: keepsOwn ? block[0] : first.student, isMutated: false))
            }
            // Losers come first, then those without a finite loss: open to migration, then the others.
            func isLost(_ student: Int) -> Bool { losses[student] == .infinity && !replaced.contains(student) }
            let losers =
                block.filter { bracket[$0] == 3 } + block.filter { bracket[$0] == 2 && isLost($0) }
                + block.filter { bracket[$0] == 0 && isLost($0) }
            for (number, loser) in losers.enumerated() {
                if let winner = winners.isEmpty ? nil : winners[number % winners.count] {
                    clones.append(
                        Clone(student: loser, weights: winner, hyperparameters: winner, isMutated: true))
                } else if let best {
                    clones.append(Clone(student: loser, weights: best, hyperparameters: best, isMutated: false))
                }
            }
        }
        return clones.sorted { $0.student < $1.student }
    }
}
