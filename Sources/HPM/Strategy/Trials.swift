/// A run of trials: every `trial` reports a student begins anew elsewhere. What has ended is not forgotten: the
/// best known point may be that of an ended trial.
struct Trials: Strategy {
    /// Reports of one trial; 0: the whole run.
    let trial: Int
    let seed: UInt64
    var proposals: any TrialProposals
    /// The best report of the trials that have ended.
    var bestEnded: KnownReport?

    static let options = ["trial"]

    /// The loss of a trial is filed under what was drawn.
    var coolsDown: Bool { trial == 0 }

    init(_ setup: Setup, proposals: any TrialProposals) {
        trial = setup.options.trial
        seed = setup.seed
        self.proposals = proposals
    }

    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        for student in cohort { proposals.report(student, loss: students.loss(student)) }
    }

    /// Fixed parameters keep their values.
    mutating func plan(_ cohort: [Int], _ students: inout Students) -> [Decision] {
        guard trial > 0 else { return [] }
        let ending = cohort.filter { students.reports[$0].isMultiple(of: trial) }
        if ending.isEmpty { return [] }
        bestEnded = best(students)
        let drawn = ending.map { student in
            var random = RandomStream(
                seed: seed, purpose: .restart, student: student, event: students.reports[student])
            var point = students.point(student)
            let drawn = students.space.draw(&random)
            for span in students.spans where span.update != .fixed {
                for index in span.indices {
                    point.natural[index] = drawn.natural[index]
                    point.latent[index] = drawn.latent[index]
                }
            }
            return point
        }
        proposals.end(ending, students)
        let points = proposals.proposals(of: ending, drawn: drawn, students, seed: seed)
        return zip(ending, points).map { .restart($0, at: $1) }
    }

    func best(_ students: Students) -> KnownReport? { students.bestReport(or: bestEnded) }

    mutating func grow(_ students: inout Students) { proposals.grow(students) }

    func actions(students: Int) -> Set<Action> { trial > 0 ? [.restart] : [] }

    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(bestEnded) { $1.encode(into: &$0) }
        proposals.encode(into: &encoder)
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        bestEnded = try decoder.knownReport(in: students.space)
        try proposals.decode(&decoder, students)
    }
}

/// Where new trials are made.
protocol TrialProposals: Sendable {
    mutating func report(_ student: Int, loss: Double)
    mutating func end(_ cohort: [Int], _ students: Students)
    /// - Parameter drawn: A point drawn for each of the cohort.
    /// - Returns: A point for each.
    mutating func proposals(
        of cohort: [Int], drawn: [Point], _ students: Students, seed: UInt64) -> [Point]
    mutating func grow(_ students: Students)
    func encode(into encoder: inout SnapshotEncoder)
    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError)
}

/// Random search.
struct DrawnTrials: TrialProposals {
    mutating func report(_ student: Int, loss: Double) {}
    mutating func end(_ cohort: [Int], _ students: Students) {}
    mutating func proposals(
        of cohort: [Int], drawn: [Point], _ students: Students, seed: UInt64
    ) -> [Point] { drawn }
    mutating func grow(_ students: Students) {}
    func encode(into encoder: inout SnapshotEncoder) {}
    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {}
}

extension Students {
    /// The better of the best student's latest report and one that is no student's any more, of equal ones that.
    func bestReport(or ended: KnownReport?) -> KnownReport? {
        guard let living = bestReport else { return ended }
        guard let ended, ended.loss <= living.loss else { return living }
        return ended
    }
}

extension KnownReport {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(hyperparameters)
        encoder.put(loss)
    }
}

extension SnapshotDecoder {
    mutating func knownReport(in space: SearchSpace) throws(HPMError) -> KnownReport? {
        try optional { (decoder) throws(HPMError) in
            KnownReport(
                hyperparameters: try space.decodeNatural(&decoder),
                loss: try decoder.double(in: Self.finite, "a loss"))
        }
    }

    /// Numbers of students.
    mutating func students(below count: Int, _ what: String) throws(HPMError) -> [Int] {
        try array(minimumSize: 8, what) { (decoder) throws(HPMError) in
            try decoder.index(below: count, what)
        }
    }

    /// Students, each at most once.
    mutating func ranking(of count: Int) throws(HPMError) -> [Int] {
        let ranking = try students(below: count, "the ranking")
        guard Set(ranking).count == ranking.count else { throw Self.damaged("a student is ranked twice") }
        return ranking
    }

    static let finite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    static let losses = -Double.greatestFiniteMagnitude...Double.infinity
}
