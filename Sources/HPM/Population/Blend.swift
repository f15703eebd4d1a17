/// A model as a mean of weights: whose, and how much of each.
public struct Blend: Equatable, Sendable {
    /// In the order in which they were taken in, the best first; each once.
    public let students: [Int]
    /// One for each of ``students``: the mean of the weights w is the sum of share x w. They sum to 1, up to rounding.
    public let shares: [Double]

    /// The plain mean.
    init(of students: [Int]) {
        self.students = students
        shares = Array(repeating: 1 / Double(students.count), count: students.count)
    }
}

/// The best student and its kin, in the order of their losses: those whose weights may be worth averaging. Networks
/// that were initialised apart are left out, since the mean of their weights is none of them.
public struct Kin: Equatable, Sendable {
    /// Best first; of equal losses the first student.
    public let students: [Int]
    /// How many of ``students`` are among the better half of all students with a finite loss.
    let betterHalf: Int
    /// That of the best student; lower is better.
    let loss: Double
    /// The sign that makes lower losses better.
    let sign: Double

    /// The kin among the better half of all students with a finite loss, in equal shares; nobody judges it.
    ///
    /// - Complexity: O(kin).
    public func blend() -> Blend {
        Blend(of: Array(students.prefix(betterHalf)))
    }

    /// From the best student on, each next one is taken in, to equal shares, where that makes the mean better.
    ///
    /// - Parameter judge: The validation loss of the model with the mean of weights; one that is not finite is no
    ///   better. It is called for means of two students and more, at most once less than there are ``students``: the
    ///   loss of the best one alone is known.
    /// - Throws: What `judge` throws.
    /// - Complexity: O(kin^2) beside `judge`.
    /// - Note: The greedy soup of Wortsman et al., 'Model soups: averaging weights of multiple fine-tuned models
    ///   improves accuracy without increasing inference time', ICML 2022.
    public func blend<Failure>(
        judgedBy judge: (Blend) throws(Failure) -> Double
    ) throws(Failure) -> Blend {
        var taken = Blend(of: Array(students.prefix(1)))
        var lowest = loss
        for student in students.dropFirst() {
            let candidate = Blend(of: taken.students + [student])
            let loss = sign * (try judge(candidate))
            if loss.isFinite, loss < lowest { (taken, lowest) = (candidate, loss) }
        }
        return taken
    }
}

extension Population {
    /// The students that ``blend()`` chooses from: those whose latest training loss is finite, which ``best()``
    /// counts, where they have an ancestor in common with the best. One that became a clone and has not trained
    /// since is none of them, nor one that is retired.
    ///
    /// - Throws: `noResult` where no student has a finite loss.
    /// - Complexity: O(population (clones + log population)).
    public func kin() throws(HPMError) -> Kin {
        let ranked = students.ranking.filter { students.isFinite($0) }
        guard let best = ranked.first else { throw Self.noResult }
        func founder(_ student: Int) -> Lineage.Founder {
            lineage.founder(of: student, reports: students.reports[student])
        }
        let origin = founder(best)
        let isKin = ranked.map { founder($0) == origin }
        func kin(_ count: Int) -> [Int] { (0..<count).filter { isKin[$0] }.map { ranked[$0] } }
        return Kin(
            students: kin(ranked.count), betterHalf: kin((ranked.count + 1) / 2).count,
            loss: students.loss(best), sign: sign)
    }

    /// The model to keep as a mean of weights of kin, which nobody judges: the best student, and its kin among the
    /// better half of those whose latest training loss is finite, in equal shares. Weights are those after the
    /// latest training report of each.
    ///
    /// - Throws: `noResult` where no student has a finite loss.
    /// - Complexity: O(population (clones + log population)).
    public func blend() throws(HPMError) -> Blend { try kin().blend() }

    /// The model to keep as a mean of weights of kin, by ``Kin/blend(judgedBy:)``: never worse, as `judge` sees it,
    /// than the best student.
    ///
    /// - Parameter judge: The validation loss of the model whose weights are the mean.
    /// - Throws: ``HPMError`` (`noResult`) where no student has a finite loss; what `judge` throws.
    /// - Complexity: O(population (population + clones)), and `judge` at most population - 1 times.
    public func blend(judgedBy judge: (Blend) throws -> Double) throws -> Blend {
        try kin().blend(judgedBy: judge)
    }
}
