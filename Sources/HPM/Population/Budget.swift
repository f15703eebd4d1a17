/// What a run has cost so far: reports counted by kind, and costs in the user's own units.
public struct Budget: Equatable, Sendable {
    var reports = [0, 0, 0, 0]
    var hypergradientReports = 0
    var trainingCost = 0.0
    var hypergradientCost = 0.0
    var teacherCost = 0.0
    var nonfiniteLosses = 0
    var nonfiniteHypergradients = 0
    var clones = 0

    private static let counters: [(name: String, value: @Sendable (Budget) -> Double)] = [
        ("training_reports", { Double($0.reports(.train)) }),
        ("teacher_reports", { Double($0.reports(.evaluate)) }),
        ("clone_reports", { Double($0.reports(.clone)) }),
        ("restart_reports", { Double($0.reports(.restart)) }),
        ("hypergradient_reports", { Double($0.hypergradientReports) }),
        ("training_cost", { $0.trainingCost }),
        ("hypergradient_cost", { $0.hypergradientCost }),
        ("teacher_cost", { $0.teacherCost }),
        ("teacher_share", { $0.share($0.teacherCost) }),
        ("hypergradient_share", { $0.share($0.hypergradientCost) }),
        ("nonfinite_losses", { Double($0.nonfiniteLosses) }),
        ("nonfinite_hypergradients", { Double($0.nonfiniteHypergradients) }),
        ("clones", { Double($0.clones) }),
    ]

    /// The names that ``count(_:)`` knows.
    public static var names: [String] { counters.map(\.name) }

    /// A number of the account, by its name.
    ///
    /// - Parameter others: Counters that the caller has, for the message.
    /// - Throws: `argument` for an unknown name; the message lists them.
    public func count(_ name: String, beside others: [String] = []) throws(HPMError) -> Double {
        for counter in Self.counters where counter.name == name { return counter.value(self) }
        throw HPMError(
            .argument,
            "counter '\(name)' is unknown; allowed: \((["training_rounds"] + Self.names + others).joined(separator: ", "))")
    }

    /// Reports on an action.
    public func reports(_ action: Action) -> Int { reports[Int(action.rawValue)] }

    private var totalCost: Double { trainingCost + hypergradientCost + teacherCost }

    private func share(_ cost: Double) -> Double { totalCost > 0 ? cost / totalCost : 0 }

    mutating func addReport(_ action: Action) {
        reports[Int(action.rawValue)] += 1
    }

    mutating func addCost(_ task: StudentTask) {
        switch task.action {
        case .train:
            trainingCost += task.trainingCost
            hypergradientCost += task.hypergradientCost
        case .evaluate:
            teacherCost += task.trainingCost + task.hypergradientCost
        case .clone, .restart, .wait, .stop:
            break
        }
    }

    /// How many of `wanted` evaluations keep the teacher within a share of the budget. An evaluation is
    /// taken to cost what those before it did; the first, what a training report does.
    func affordableEvaluations(_ wanted: Int, share: Double) -> Int {
        guard share > 0 else { return 0 }
        guard share < 1 else { return wanted }
        let unit =
            reports(.evaluate) > 0
            ? teacherCost / Double(reports(.evaluate))
            : (trainingCost + hypergradientCost) / Double(max(reports(.train), 1))
        guard unit > 0 else { return wanted }
        // teacher + n unit <= share (total + n unit)
        let affordable = (share * totalCost - teacherCost) / (unit * (1 - share))
        guard affordable > 0 else { return 0 }
        return affordable >= Double(wanted) ? wanted : Int(affordable)
    }
}

extension Budget {
    func encode(into encoder: inout SnapshotEncoder) {
        for value in reports { encoder.put(count: value) }
        encoder.put(count: hypergradientReports)
        encoder.put([trainingCost, hypergradientCost, teacherCost])
        encoder.put(count: nonfiniteLosses)
        encoder.put(count: nonfiniteHypergradients)
        encoder.put(count: clones)
    }

    /// - Parameter hasSeconds: Whether there are times among the counts, as in snapshots of version 1.
    init(_ decoder: inout SnapshotDecoder, hasSeconds: Bool = false) throws(HPMError) {
        self.init()
        let limit = Int.max / 2
        for index in reports.indices { reports[index] = try decoder.index(below: limit, "a count") }
        if hasSeconds { _ = try decoder.doubles(count: 4, in: 0...1e100, "the times") }
        hypergradientReports = try decoder.index(below: limit, "a count")
        let costs = try decoder.doubles(count: 3, in: 0...1e200, "the costs")
        (trainingCost, hypergradientCost, teacherCost) = (costs[0], costs[1], costs[2])
        nonfiniteLosses = try decoder.index(below: limit, "a count")
        nonfiniteHypergradients = try decoder.index(below: limit, "a count")
        clones = try decoder.index(below: limit, "a count")
    }
}
