/// A population of students and the algorithm that tunes them.
///
///     var population = try Population(space: space, options: options)
///     training: while true {
///         for student in 0..<population.size {
///             let task = population.next(student)
///             switch task.action {
///             case .train:
///                 let (loss, hypergradient) = train(student, task.hyperparameters)
///                 try population.report(student, loss: loss, hypergradient: hypergradient)
///             case .clone:
///                 weights[student] = weights[task.source]
///                 try population.report(student)
///             case .evaluate, .restart: ...
///             case .wait: continue
///             case .stop: break training
///             }
///         }
///     }
///
/// A value type: copies are independent. It is a function of its space, its options and its ``Input``s in order;
/// under the synchronous schedule the order of the reports of a round is nothing.
///
/// What it knows is the life of students: their tasks, the schedule, the lineage, the budget. What becomes of
/// them is for its ``Strategy`` to decide.
public struct Population: Sendable {
    /// What every call needs of the space and the options, beside the whole of them: a population that is copied, as
    /// Swift does around a call, is to be small.
    public let dimension: Int
    public let isSynchronous: Bool
    let coordinates: Coordinates
    /// The sign that makes lower losses better.
    let sign: Double
    private(set) var steps: Int
    /// 0: the algorithm reads no hypergradients.
    let hypergradientInterval: Int
    let coolDown: Double
    let hasLearningRates: Bool
    private var terms: Terms
    public internal(set) var lineage = Lineage()
    /// What a user may not expect of the options that were given, in sentences: options that the algorithm does not
    /// read, a run that will hardly exploit. No part of the state.
    public internal(set) var warnings: [String]

    var students: Students
    var strategy: any Strategy
    var tasks: [StudentTask] = []
    /// Synchronous: the students of the present round, ascending, and how many of their reports are to come.
    var cohort: [Int] = []
    var missing = 0
    /// Clones that are mutated once the evaluations of the present round are in.
    var unmutated: [Clone] = []
    /// Asynchronous: evaluations that nobody has begun.
    var queue: [QueuedEvaluation] = []
    /// Students that have joined and become clones when the next round of training ends.
    var joining: [Int] = []
    var lastTicket = 0
    /// The account, without the costs of the present round.
    var closedBudget = Budget()
    var isStopRequested = false
    var observers: [Observer] = []

    /// Creates a population whose student 0 starts at the initial values of `space`, the others where
    /// the seed puts them.
    ///
    /// - Throws: `argument` for a space without parameters or an option that is not allowed; `memory`
    ///   where it does not fit.
    /// - Complexity: O(population x dimension).
    public init(space: SearchSpace, options given: Options = Options()) throws(HPMError) {
        try given.validate()
        guard space.dimension > 0 else {
            throw HPMError(.argument, "space has no parameters; allowed: at least one")
        }
        let setup = Setup(space: space, options: given.resolved())
        let algorithm = setup.options.algorithm
        try algorithm.check(setup)
        try Memory.require(
            elements: Self.memory(setup),
            "a population of \(setup.students) students with \(setup.dimension) hyperparameters")

        dimension = space.dimension
        isSynchronous = setup.isSynchronous
        coordinates = setup.coordinates
        sign = setup.options.direction == .minimize ? 1 : -1
        steps = setup.options.steps
        let readsInterval = algorithm.options(setup.options).contains("hypergradient_interval")
        hypergradientInterval =
            readsInterval ? setup.options.hypergradientInterval : algorithm.needsHypergradients ? 1 : 0
        coolDown = setup.options.coolDown
        terms = Terms(space, setup.options)
        var students = Students(space: space)
        for student in 0..<setup.students {
            students.append(space.start(of: student, seed: setup.seed))
        }
        strategy = algorithm.makeStrategy(setup, &students)
        hasLearningRates = strategy.coolsDown && students.spans.contains { $0.role == .learningRate }
        self.students = students
        warnings =
            Self.unread(given)
            + Self.nothingToCool(given, setup, strategy)
            + Self.nothingAtExploits(setup)
            + Self.hardlyExploits(setup, strategy.actions(students: setup.students))
        tasks = students.living.map { StudentTask(.train, $0) }
        trainAll()
    }

    static func memory(_ setup: Setup) -> [Memory.Block] {
        let algorithm = setup.options.algorithm
        return [
            (setup.students, setup.dimension, algorithm.bytesOfCoordinate),
            (setup.students, 1, MemoryLayout<StudentTask>.size + 128),
        ] + algorithm.memory(setup)
    }

    private static func unread(_ given: Options) -> [String] {
        let algorithm = given.resolved().algorithm
        return given.unread().map {
            "algorithm \(algorithm.name) does not read option '\($0)' with these options"
        }
    }

    private static func nothingToCool(
        _ given: Options, _ setup: Setup, _ strategy: any Strategy
    ) -> [String] {
        guard let coolDown = given.coolDown, coolDown > 0 else { return [] }
        let reason =
            !strategy.coolsDown
            ? "algorithm \(setup.options.algorithm.name) judges hyperparameters as they are"
            : !setup.space.parameters.contains { $0.role == .learningRate }
                ? "no parameter has the role of the learning rate; set it for one"
                : setup.options.steps == 0 ? "steps is 0; say how long the run is" : nil
        return reason.map { ["cool_down is \(coolDown), but nothing will be taken down: \($0)"] } ?? []
    }

    /// A teacher, and the step of a clone, go by the hypergradients of the report before the exploit.
    private static func nothingAtExploits(_ setup: Setup) -> [String] {
        let options = setup.options
        guard options.hypergradientInterval > 1, options.hasTeacher || options.algorithm == .cloneStep
        else { return [] }
        return [
            "with hypergradient_interval = \(options.hypergradientInterval) few reports before an exploit hold a hypergradient, without which \(options.hasTeacher ? "the teacher" : "a clone's step") has nothing to go by and clones are mutated at random; take 1"
        ]
    }

    /// Exploits come at multiples of the interval before the last report.
    private static func hardlyExploits(_ setup: Setup, _ actions: Set<Action>) -> [String] {
        let options = setup.options
        guard options.steps > 0, actions.contains(.clone) else { return [] }
        let exploits = (options.steps - 1) / options.interval - max(options.burnIn - 1, 0) / options.interval
        let clones = Truncation.count(share: options.truncation, students: setup.students)
        // As numbers without a limit: there may be very many steps.
        guard Double(exploits) * Double(clones) < Double(setup.students / 2) else { return [] }
        let number =
            exploits == 1 ? "is 1 exploit, which" : "are \(max(exploits, 0)) exploits, each of which"
        var given = " and interval = \(options.interval)"
        var remedies = ["more steps"]
        if options.interval > 1 { remedies.append("a smaller interval") }
        if options.burnIn > 0 {
            given = ", interval = \(options.interval) and burn_in = \(options.burnIn)"
            remedies.append("a shorter burn_in")
        }
        return [
            "with steps = \(options.steps)\(given) there \(number) replaces \(clones) of \(setup.students) students: hyperparameters will hardly change but by hypergradients; take \(remedies.joined(separator: " or "))"
        ]
    }

    /// The space and the options, which seldom change.
    private final class Terms: Sendable {
        let space: SearchSpace
        let options: ResolvedOptions

        init(_ space: SearchSpace, _ options: ResolvedOptions) {
            self.space = space
            self.options = options
        }
    }

    public var space: SearchSpace { terms.space }
    /// With every default decided.
    public internal(set) var options: ResolvedOptions {
        get { terms.options }
        set {
            terms = Terms(space, newValue)
            steps = newValue.steps
        }
    }

    public var size: Int { students.count }

    /// The training reports that every student has made that is not retired and does not wait to join.
    ///
    /// - Complexity: O(population).
    public var trainingRounds: Int {
        let joined = joining.isEmpty ? students.living : students.living.filter { !joining.contains($0) }
        return joined.reduce(nil as Int?) { min($0 ?? .max, students.reports[$1]) } ?? 0
    }

    /// The training reports of a student.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    public func reports(of student: Int) -> Int { students.reports[student] }

    /// How many training reports went into the weights that a student holds now, those of its ancestors included.
    ///
    /// - Complexity: O(clones).
    public func age(of student: Int) -> Int {
        lineage.length(of: student, reports: students.reports[student])
    }

    /// Whether a student is out for good.
    public func isRetired(_ student: Int) -> Bool { students.isRetired[student] }

    /// Whether every student has made the training reports that `steps` asks for.
    public var isFinished: Bool { steps > 0 && trainingRounds >= steps }

    /// The actions that ``next(_:)-(Int)`` can answer, wait and stop apart.
    public var possibleActions: Set<Action> {
        strategy.actions(students: size).union([.train])
    }

    /// The students that are not retired, the worst first; those whose weights were not judged before all others.
    ///
    /// - Complexity: O(population log population).
    public var worstStudents: [Int] {
        students.living.filter { students.losses[$0] == nil } + students.ranking.reversed()
    }

    /// Whether clones are ever made; one that is alone now may have company later.
    var makesClones: Bool { strategy.actions(students: max(size, 2)).contains(.clone) }

    /// The hyperparameters that a student holds now, in natural units.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    public func hyperparameters(of student: Int) -> [Double] {
        students.point(student).natural
    }

    /// The hyperparameters that a student holds now, into memory of the caller.
    public func copyHyperparameters(
        of student: Int, into hyperparameters: UnsafeMutableBufferPointer<Double>
    ) {
        students.copyNatural(of: student, into: hyperparameters)
    }

    /// The student to keep: of those whose latest training loss is finite, the one with the best.
    ///
    /// - Throws: `noResult` before there is one.
    /// - Complexity: O(population).
    public func best() throws(HPMError) -> (student: Int, loss: Double) {
        guard let best = students.best else { throw Self.noResult }
        return (best, sign * students.loss(best))
    }

    static let noResult = HPMError(
        .noResult, "no student has a finite training loss yet; report one first")

    /// The hyperparameters with which the best student made its latest training report, before any cool-down; where the
    /// algorithm starts trials, those of the best trial, also if it has ended. Of `memetic` the point
    /// with the lowest E + sigma / sqrt(c) of all that the run has seen, and E, the estimate of its loss
    /// from c values; before a finite loss came with a finite hypergradient, the lowest loss.
    ///
    /// - Throws: `noResult` before there is one.
    public func bestHyperparameters() throws(HPMError) -> (hyperparameters: [Double], loss: Double) {
        guard let report = strategy.best(students) else { throw Self.noResult }
        return (report.hyperparameters, sign * report.loss)
    }

    /// What the run has cost so far. Costs are summed in student order, so that the sum, on which the
    /// teacher's cap depends, is the same whatever the order of the reports.
    public var budget: Budget {
        var budget = closedBudget
        for student in cohort where tasks[student].isReported { budget.addCost(tasks[student]) }
        return budget
    }

    /// A number of the account, by its name: `training_rounds`, or one of ``Budget/names``.
    ///
    /// - Parameter others: Counters that the caller has, for the message.
    /// - Throws: `argument` for an unknown name; the message lists them.
    public func count(_ counter: String, beside others: [String] = []) throws(HPMError) -> Double {
        if counter == "training_rounds" { return Double(trainingRounds) }
        return try budget.count(counter, beside: others)
    }

    func requireStudent(_ student: Int) throws(HPMError) {
        guard student >= 0, student < size else {
            throw HPMError(
                .argument, "student is \(student); allowed: 0 to \(size - 1), the population's size less 1")
        }
    }
}
