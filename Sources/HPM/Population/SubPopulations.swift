/// Selection of `mf-pbt`: sub-populations that evolve at different frequencies, against the greediness
/// of one. Sub-population i (from 0) evolves at every exploit whose number is a multiple of its period
/// ratio^i. Where it does, its n students fall by their loss into four brackets, the outer three of
/// max(1, floor(n / 4)) students each:
///
/// - winners, the best, go on;
/// - survivors go on;
/// - those open to migration, next to last: each that is worse than the best student of the other
///   sub-populations that is not yet taken becomes its clone. From a slower sub-population a migrant
///   brings weights and hyperparameters; from a faster one, whose hyperparameters may be those that
///   pay at once, the weights alone, and the clone takes the hyperparameters of the best student of its
///   own sub-population. No migrant is mutated;
/// - losers, the worst, become mutated clones of the winners, rank by rank.
///
/// Source: Doulazmi et al., 'Multiple-Frequencies Population-Based Training', 2025 (arXiv 2506.03225),
/// and its official implementation (github.com/WaelDLZ/MF-PBT). Sub-populations may have any size here (a
/// bracket that finds no students is empty).
struct SubPopulations: Equatable, Sendable {
    let count: Int
    let students: Int
    let frequencyRatio: Int

    /// Four, fewer where each would have fewer than four students.
    static func defaultCount(students: Int) -> Int {
        min(max(students / 4, 1), 4)
    }

    /// The largest count that leaves each at least two students.
    static func largestCount(students: Int) -> Int {
        max(students / 2, 1)
    }

    private var smallest: Int { students / count }
    /// So many, the first ones, have a student more.
    private var larger: Int { students % count }

    func index(of student: Int) -> Int {
        let split = larger * (smallest + 1)
        return student < split ? student / (smallest + 1) : larger + (student - split) / smallest
    }

    func members(of index: Int) -> Range<Int> {
        let start = index * smallest + min(index, larger)
        return start..<start + smallest + (index < larger ? 1 : 0)
    }

    /// In exploits.
    func period(of index: Int) -> Int {
        guard frequencyRatio > 1 else { return 1 }
        var period = 1
        for _ in 0..<index {
            let (product, overflow) = period.multipliedReportingOverflow(by: frequencyRatio)
            if overflow { return .max }
            period = product
        }
        return period
    }

    private struct Brackets {
        let winners: ArraySlice<Int>
        let open: ArraySlice<Int>
        let losers: ArraySlice<Int>

        init(_ ranking: [Int]) {
            let size = ranking.count < 2 ? 0 : max(1, ranking.count / 4)
            let bottom = ranking.count - size
            winners = ranking[..<size]
            open = ranking[max(size, bottom - size)..<bottom]
            losers = ranking[bottom...]
        }
    }

    /// - Parameters:
    ///   - losses: Lower is better; infinite for a student that can't be a source.
    ///   - exploit: The number of the exploit, from 1.
    /// - Returns: In student order.
    /// - Complexity: O(students (log students + sub-populations)).
    func replacements(_ losses: [Double], exploit: Int) -> [Selection.Replacement] {
        let ranking = Selection.ranking(losses)
        var rankings = [[Int]](repeating: [], count: count)
        for student in ranking { rankings[index(of: student)].append(student) }
        let evolving = (0..<count).filter { exploit.isMultiple(of: period(of: $0)) }
        let brackets = rankings.map { Brackets($0) }

        var replacements: [Selection.Replacement] = []
        for index in evolving {
            let winners = brackets[index].winners.filter { losses[$0].isFinite }
            if !winners.isEmpty {
                for (rank, loser) in brackets[index].losers.enumerated() {
                    replacements.append(.init(student: loser, source: winners[rank % winners.count]))
                }
            }
            // Best first, and never more than a bracket holds: none is so far down in its own
            // sub-population that this exploit could replace it.
            var migrants = ranking.lazy.filter {
                self.index(of: $0) != index && losses[$0].isFinite
            }.makeIterator()
            var migrant = migrants.next()
            for student in brackets[index].open {
                guard let source = migrant, losses[source] < losses[student] else { continue }
                replacements.append(.init(student: student, source: source))
                migrant = migrants.next()
            }
        }
        return replacements.sorted { $0.student < $1.student }
    }

    /// The best student of each sub-population, which an exploit never replaces; nil where it has none
    /// with a finite loss.
    ///
    /// - Parameter losses: As ``replacements(_:exploit:)``; in the round of the clones infinite for those
    ///   that are replaced already.
    /// - Complexity: O(students).
    func bests(_ losses: [Double]) -> [Int?] {
        (0..<count).map { index in
            members(of: index).filter { losses[$0].isFinite }.min {
                (losses[$0], $0) < (losses[$1], $1)
            }
        }
    }

    /// The student whose hyperparameters a clone of `source` takes.
    ///
    /// - Parameter bests: ``bests(_:)``.
    /// - Complexity: O(log Int.max).
    func parent(of student: Int, clonedFrom source: Int, bests: [Int?]) -> Int {
        let own = index(of: student)
        guard period(of: index(of: source)) < period(of: own) else { return source }
        return bests[own] ?? source
    }
}
