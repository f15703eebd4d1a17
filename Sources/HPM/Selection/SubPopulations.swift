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
/// - losers, the worst, and all whose loss is not finite, become mutated clones of the winners, rank by rank.
///   Where all of a sub-population have diverged, they become clones of the best student elsewhere.
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
        let survivors: ArraySlice<Int>
        let open: ArraySlice<Int>
        let losers: ArraySlice<Int>

        init(_ ranking: [Int]) {
            let size = ranking.count < 2 ? 0 : max(1, ranking.count / 4)
            let bottom = ranking.count - size
            winners = ranking[..<size]
            survivors = ranking[size..<max(size, bottom - size)]
            open = ranking[max(size, bottom - size)..<bottom]
            losers = ranking[bottom...]
        }
    }

    /// - Parameters:
    ///   - losses: Lower is better; infinite for a student that can't be a source, nil for one whose weights
    ///     were not judged.
    ///   - exploit: The number of the exploit, from 1.
    /// - Returns: In student order.
    /// - Complexity: O(students (log students + sub-populations)).
    func replacements(_ losses: [Double?], exploit: Int) -> [Clone] {
        let known = losses.map { $0 ?? .infinity }
        let ranking = Ranking.of(known).filter { losses[$0] != nil }
        var rankings = [[Int]](repeating: [], count: count)
        for student in ranking { rankings[index(of: student)].append(student) }
        let evolving = (0..<count).filter { exploit.isMultiple(of: period(of: $0)) }
        let bests = bests(known)

        var replacements: [Clone] = []
        func replace(_ student: Int, by source: Int, isMutated: Bool) {
            replacements.append(
                Clone(
                    student: student, source: source,
                    parent: parent(of: student, clonedFrom: source, bests: bests), isMutated: isMutated,
                    rank: ranking.firstIndex(of: student) ?? 0,
                    sourceRank: ranking.firstIndex(of: source) ?? 0))
        }
        for index in evolving {
            let brackets = Brackets(rankings[index])
            let winners = brackets.winners.filter { known[$0].isFinite }
            // Best first, and never more than a bracket holds: none is so far down in its own
            // sub-population that this exploit could replace it.
            let migrants = ranking.filter { self.index(of: $0) != index && known[$0].isFinite }
            var taken = 0
            var losers = Array(brackets.losers)
            for student in brackets.open {
                if taken < migrants.count, known[migrants[taken]] < known[student] {
                    replace(student, by: migrants[taken], isMutated: false)
                    taken += 1
                } else if !known[student].isFinite {
                    losers.append(student)
                }
            }
            losers += (brackets.winners + brackets.survivors).filter { !known[$0].isFinite }
            for (rank, loser) in losers.enumerated() {
                if !winners.isEmpty {
                    replace(loser, by: winners[rank % winners.count], isMutated: true)
                } else if let best = migrants.first {
                    replace(loser, by: best, isMutated: false)
                }
            }
        }
        return replacements.sorted { $0.student < $1.student }
    }

    /// The best student of each sub-population, which an exploit never replaces; nil where it has none
    /// with a finite loss.
    ///
    /// - Parameter losses: Lower is better; infinite for a student that can't be a source.
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

/// The selection of a population in sub-populations of neighbouring students that are not retired.
struct SubPopulationSelection: Selection {
    /// 0 turns exploits off; else it is not read.
    let truncation: Double
    let count: Int
    let frequencyRatio: Int

    static let options = ["truncation", "sub_populations", "frequency_ratio"]

    init(_ setup: Setup) {
        truncation = setup.options.truncation
        count = setup.options.subPopulations
        frequencyRatio = setup.options.frequencyRatio
    }

    /// - Throws: `argument` where a sub-population would have a single student.
    static func check(_ setup: Setup) throws(HPMError) {
        let largest = SubPopulations.largestCount(students: setup.students)
        guard setup.options.subPopulations <= largest else {
            throw HPMError(
                .argument,
                "option 'sub_populations' is \(setup.options.subPopulations); allowed in a population of \(setup.students): 1 to \(largest), so that each has two students")
        }
    }

    func replaces(students: Int) -> Bool {
        Truncation.count(share: truncation, students: students) > 0
    }

    func subPopulations(students: Int) -> SubPopulations {
        SubPopulations(
            count: min(count, SubPopulations.largestCount(students: students)), students: students,
            frequencyRatio: frequencyRatio)
    }

    func replacements(
        of judged: [Int], _ students: Students, interval: Int, _ random: inout RandomStream
    ) -> [Clone] {
        let living = students.living
        guard let first = judged.first, replaces(students: living.count) else { return [] }
        let subPopulations = subPopulations(students: living.count)
        let places = subPopulations.replacements(
            living.map { students.losses[$0] }, exploit: students.reports[first] / interval)
        return places.compactMap { place in
            var clone = Clone(
                student: living[place.student], source: living[place.source],
                parent: living[place.parent], isMutated: place.isMutated)
            (clone.rank, clone.sourceRank) = (place.rank, place.sourceRank)
            return judged.contains(clone.student) ? clone : nil
        }
    }
}
