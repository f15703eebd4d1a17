/// What a run has cost so far: reports counted and timed by kind, and costs in the user's own units.
public struct Budget: Equatable, Sendable {
    var reports = [0, 0, 0, 0]
    var seconds = [0.0, 0.0, 0.0, 0.0]
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
        ("training_seconds", { $0.seconds(.train) }),
        ("teacher_seconds", { $0.seconds(.evaluate) }),
        ("clone_seconds", { $0.seconds(.clone) }),
        ("restart_seconds", { $0.seconds(.restart) }),
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
    /// - Throws: `argument` for an unknown name; the message lists them.
    public func count(_ name: String) throws(HPMError) -> Double {
        for counter in Self.counters where counter.name == name { return counter.value(self) }
        throw HPMError(
            .argument,
            "counter '\(name)' is unknown; allowed: training_rounds, \(Self.names.joined(separator: ", "))")
    }

    /// Reports on an action, and the time between `next` and report that they took.
    public func reports(_ action: Action) -> Int { reports[Int(action.rawValue)] }
    public func seconds(_ action: Action) -> Double { seconds[Int(action.rawValue)] }

    private var totalCost: Double { trainingCost + hypergradientCost + teacherCost }

    private func share(_ cost: Double) -> Double { totalCost > 0 ? cost / totalCost : 0 }

    mutating func addReport(_ task: Round.Task, _ action: Action, now: Double) {
        reports[Int(action.rawValue)] += 1
        if let begun = task.begun { seconds[Int(action.rawValue)] += max(now - begun, 0) }
    }

    mutating func addCost(_ task: Round.Task, _ action: Action) {
        switch action {
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
