/// The search of `memetic`: each student is a local search; one that is spent puts its best into the
/// population's memory and restarts from a child of what the population knows.
///
/// For losses that are functions of the hyperparameters alone: old values stay true. Students share the
/// memory and the estimate of the noise, nothing else.
///
/// Source of the form: Moscato, 'On evolution, search, optimization, genetic algorithms and martial
/// arts: towards memetic algorithms', 1989; its moves and constants are this library's own.
struct MemeticSearch: Sendable {
    let seed: UInt64
    let box: SearchBox
    var searches: [LocalSearch]
    var memory = SearchMemory()
    var repeatability = Repeatability.unknown
    /// Second calls that were not finite.
    var failedRepeats = 0
    /// Of each coordinate, whether a report ever had a finite derivative.
    var hasDerivative: [Bool]
    /// The best report until the search has taken one: a search does not know those that it rejects.
    var bestRejected: KnownReport?

    /// What a second call at one point said. Residuals alone cannot tell noise from rough ground, on which
    /// the lowest value is the best one and steps of any length are to be judged by it.
    enum Repeatability: UInt8 {
        /// No second call has been answered yet; no search is in noise until then.
        case unknown
        /// Value and gradient came again to the bit: there is no noise.
        case exact
        case noisy
    }

    /// After so many second calls that were not finite, calls are taken for noisy: an evaluator may refuse
    /// to see a point twice.
    static let mostFailedRepeats = 3

    /// A search that is so near to a better one is spent.
    static let closeness = 1e-3

    init(space: SearchSpace, students: Int, seed: UInt64) {
        self.seed = seed
        let box = SearchBox(space)
        self.box = box
        hasDerivative = Array(repeating: false, count: space.dimension)
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
        for index in descended.indices where descended[index].isFinite { hasDerivative[index] = true }
        for index in descended.indices where !box.descends[index] { descended[index] = 0 }
        let isFinite = loss.isFinite && descended.allSatisfy(\.isFinite)
        let limited = min(max(loss, -LocalSearch.largestLoss), LocalSearch.largestLoss)

        if searches[student].isRepeating {
            judgeRepeat(student, loss: isFinite ? limited : nil, gradient: descended)
        } else if searches[student].iterate != nil {
            searches[student].advance(
                to: point, loss: isFinite ? limited : nil, gradient: descended, common: tolerance,
                box: box)
        } else if isFinite {
            searches[student].begin(at: point, loss: limited, gradient: descended)
        } else {
            return restart(student, from: point)
        }
        let tolerance = tolerance(of: student)
        searches[student].lastTolerance = tolerance
        if !isSpent(student, tolerance: tolerance),
            let target = searches[student].plan(tolerance: tolerance, box: box)
        {
            if repeatability == .unknown, searches[student].step?.kind == .inNoise {
                if searches.contains(where: \.isRepeating) {
                    searches[student].step?.kind = .descending
                } else if let again = searches[student].planRepeat() {
                    return again
                }
            }
            return target
        }
        return restart(student, from: point)
    }

    /// - Parameter loss: Finite, or nil where it or the gradient was not.
    private mutating func judgeRepeat(_ student: Int, loss: Double?, gradient: [Double]) {
        guard let first = searches[student].iterate else { return }
        guard let loss else {
            failedRepeats += 1
            if failedRepeats == Self.mostFailedRepeats { repeatability = .noisy }
            return
        }
        let isSame = loss == first.known.loss && gradient == first.gradient
        repeatability = isSame ? .exact : .noisy
    }

    /// Where a student's second call is to be made: the point itself, whose natural values the way through
    /// latent ones could change in the last place; nil where it has none out.
    func repeated(_ student: Int) -> Point? {
        searches[student].isRepeating ? searches[student].iterate?.known.point : nil
    }

    /// The residual that a student's steps are judged with: 0 where calls are exact, else its own, or while
    /// it has too few the smallest median of the others, and while they have too few the last one that it
    /// knew.
    func tolerance(of student: Int) -> Double {
        tolerance(of: student, borrowed: smallestMedian)
    }

    private func tolerance(of student: Int, borrowed: Double?) -> Double {
        if repeatability == .exact { return 0 }
        return searches[student].ownTolerance ?? borrowed ?? searches[student].lastTolerance
    }

    private var smallestMedian: Double? {
        var smallest: Double?
        for student in searches.indices {
            guard let median = searches[student].medianResidual else { continue }
            smallest = min(smallest ?? median, median)
        }
        return smallest
    }

    /// The median over the students, with which values of different ones are compared.
    ///
    /// - Complexity: O(students).
    var tolerance: Double {
        let borrowed = smallestMedian
        var tolerances = searches.indices.map { tolerance(of: $0, borrowed: borrowed) }
        return Median.of(&tolerances)
    }

    /// The point with the lowest E + sigma / sqrt(c) of all that is known; nil before the first.
    ///
    /// - Complexity: O(students + capacity of the memory).
    var best: KnownPoint? {
        let common = tolerance
        return best(common)?.credible(common)
    }

    private func best(_ common: Double) -> KnownPoint? {
        var best: KnownPoint?
        var lowest = Double.infinity
        func compare(_ known: KnownPoint?) {
            guard let known else { return }
            let bound = known.bound(common)
            if best == nil || bound < lowest { (best, lowest) = (known, bound) }
        }
        for known in memory.points { compare(known) }
        for student in searches.indices { compare(searches[student].best) }
        for student in searches.indices { compare(searches[student].iterate?.known) }
        return best
    }

    private func isSpent(_ student: Int, tolerance: Double) -> Bool {
        let search = searches[student]
        guard search.age >= LocalSearch.patience, let known = search.iterate?.known else {
            return false
        }
        let common = self.tolerance
        guard let bestValue = best(common)?.bound(common) else { return false }
        if isNearBetter(student, known, common) { return true }
        guard known.value - LocalSearch.lookAhead * max(search.rate, 0) >= bestValue else {
            return false
        }
        let spread = 3 * tolerance / Double(known.count).squareRoot()
        let mayBeBetter =
            search.step != nil && search.step?.kind != .descending
            && search.reversals < LocalSearch.largestReversals
            && known.value - spread < bestValue
        return !mayBeBetter
    }

    private func isNearBetter(_ student: Int, _ known: KnownPoint, _ common: Double) -> Bool {
        let rank = (known.bound(common), student)
        return searches.indices.contains { other in
            guard other != student, let rival = searches[other].iterate?.known else { return false }
            return (rival.bound(common), other) < rank
                && rival.distance(to: known) <= Self.closeness
        }
    }
}
