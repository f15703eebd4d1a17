/// The search of `memetic`: each student is a local search; one that is spent puts its best into the
/// population's memory and restarts from a child of what the population knows.
///
/// For losses that are functions of the hyperparameters alone: old values stay true. Students share the
/// memory and the estimate of the noise, nothing else.
///
/// Source of the form: Moscato, 'On evolution, search, optimization, genetic algorithms and martial
/// arts: towards memetic algorithms', 1989; its moves and constants are this library's own.
struct MemeticSearch: Equatable, Sendable {
    let seed: UInt64
    let box: SearchBox
    var searches: [LocalSearch]
    var memory = SearchMemory()

    /// A search that is so near to a better one is spent.
    static let closeness = 1e-3

    init(space: SearchSpace, students: Int, seed: UInt64) {
        self.seed = seed
        let box = SearchBox(space)
        self.box = box
        searches = Array(repeating: LocalSearch(box: box), count: students)
    }

    /// Takes a student's report and says where it goes next.
    ///
    /// - Parameters:
    ///   - loss: Lower is better; infinite where it was not finite.
    ///   - gradient: In latent units; NaN: none.
    /// - Returns: In latent coordinates.
    /// - Complexity: O((students + capacity of the memory) x dimension); at a restart times the latter.
    mutating func advance(
        _ student: Int, from point: Point, loss: Double, gradient: ArraySlice<Double>
    ) -> [Double] {
        var descended = Array(gradient)
        for index in descended.indices where !box.descends[index] { descended[index] = 0 }
        let isFinite = loss.isFinite && descended.allSatisfy(\.isFinite)
        let limited = min(max(loss, -LocalSearch.largestLoss), LocalSearch.largestLoss)

        if searches[student].iterate != nil {
            searches[student].advance(
                to: point, loss: isFinite ? limited : nil, gradient: descended, common: tolerance,
                box: box)
        } else if isFinite {
            searches[student].begin(at: point, loss: limited, gradient: descended)
        } else {
            return restart(student, from: point)
        }
        if !isSpent(student),
            let target = searches[student].plan(tolerance: tolerance(of: student), box: box)
        {
            return target
        }
        return restart(student, from: point)
    }

    /// The residual that a student's steps are judged with: its own, or while it has too few the
    /// smallest median of the others.
    func tolerance(of student: Int) -> Double {
        searches[student].ownTolerance ?? searches.compactMap(\.medianResidual).min() ?? 0
    }

    /// The median over the students, with which values of different ones are compared.
    ///
    /// - Complexity: O(students).
    var tolerance: Double {
        let tolerances = searches.indices.map { tolerance(of: $0) }.sorted()
        let middle = tolerances.count / 2
        return tolerances.count.isMultiple(of: 2)
            ? tolerances[middle - 1] / 2 + tolerances[middle] / 2 : tolerances[middle]
    }

    /// The point with the lowest E + sigma / sqrt(c) of all that is known; nil before the first.
    ///
    /// - Complexity: O(students + capacity of the memory).
    var best: KnownPoint? {
        let tolerance = tolerance
        var best: KnownPoint?
        for known in memory.points + searches.compactMap(\.best) + searches.compactMap(\.iterate?.known)
        where best.map({ known.bound(tolerance) < $0.bound(tolerance) }) ?? true {
            best = known
        }
        return best?.credible(tolerance)
    }

    private func isSpent(_ student: Int) -> Bool {
        let search = searches[student]
        guard search.age >= LocalSearch.patience, let known = search.iterate?.known,
            let bestValue = best?.bound(tolerance)
        else { return false }
        if isNearBetter(student, known) { return true }
        guard known.value - LocalSearch.lookAhead * max(search.rate, 0) >= bestValue else {
            return false
        }
        let spread = 3 * tolerance(of: student) / Double(known.count).squareRoot()
        let mayBeBetter =
            (search.step?.isInNoise ?? false) && search.reversals < LocalSearch.largestReversals
            && known.value - spread < bestValue
        return !mayBeBetter
    }

    private func isNearBetter(_ student: Int, _ known: KnownPoint) -> Bool {
        let tolerance = tolerance
        let rank = (known.bound(tolerance), student)
        return searches.indices.contains { other in
            guard other != student, let rival = searches[other].iterate?.known else { return false }
            return (rival.bound(tolerance), other) < rank
                && rival.distance(to: known) <= Self.closeness
        }
    }
}
