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
/// A value type: copies are independent. Equal seeds, options and reports give equal results to the
/// bit, whatever the order in which the students' reports arrive.
public struct Population: Sendable {
    public let space: SearchSpace
    /// What the algorithm decides is filled in.
    public let options: Options
    public internal(set) var lineage = Lineage()
    /// The training reports that every student has made.
    public internal(set) var trainingRounds = 0

    /// The account, without the costs of the present round.
    var closedBudget = Budget()
    var students: [Student]
    /// The latest hypergradients in the algorithm's coordinates, row-major: students x dimension; NaN:
    /// not guided.
    var gradients: [Double]
    var round: Round
    var hyperTraining: HyperTraining?
    var teacher: Teacher?
    var scoreFunctionTeacher: ScoreFunctionTeacher?
    var bayesianTrials: BayesianTrials?
    var bandit: PopulationBandit?
    var search: MemeticSearch?
    /// Clones of the present exploit that are still to be mutated.
    var freshClones: [Int] = []
    /// Students from best to worst at the present exploit.
    var ranking: [Int] = []
    /// The best report of the trials that have ended, or of a search until it has taken one.
    var bestOfTrials: Report?
    var isStopRequested = false

    /// A training report: where it was made and its loss, lower is better.
    struct Report: Equatable, Sendable {
        let hyperparameters: [Double]
        let loss: Double
    }

    /// Creates a population whose student 0 starts at the initial values of `space`, the others where
    /// the seed puts them.
    ///
    /// - Throws: `argument` for a space without parameters or an option that is not allowed; `memory`
    ///   where it does not fit.
    /// - Complexity: O(population x dimension).
    public init(space: SearchSpace, options: Options = Options()) throws(HPMError) {
        try options.validate()
        guard space.dimension > 0 else {
            throw HPMError(.argument, "space has no parameters; allowed: at least one")
        }
        let options = options.resolved()
        let algorithm = options.algorithm
        if case .subPopulations = algorithm.selection, let subPopulations = options.subPopulations,
            subPopulations > SubPopulations.largestCount(students: options.students)
        {
            throw HPMError(
                .argument,
                "option 'sub_populations' is \(subPopulations); allowed in a population of \(options.students): 1 to \(SubPopulations.largestCount(students: options.students)), so that each has two students")
        }
        if algorithm.search != .none { try Self.requireSearchable(space, algorithm) }
        let count = options.students
        let teacherKind = options.teacherKind
        try Memory.require(
            elements: [
                (count, space.dimension, Self.bytesOfCoordinate(algorithm)),
                (algorithm.search == .none ? 0 : 3 * SearchMemory.capacity, space.dimension, 16),
                (count, 1, MemoryLayout<Student>.size + MemoryLayout<Round.Task>.size + 64),
                Teacher.elements(teacherKind, dimension: space.dimension, units: options.teacherUnits),
                (algorithm.surrogateCapacity, space.dimension, 16),
            ],
            "a population of \(count) students with \(space.dimension) hyperparameters")

        let seed = UInt64(options.seed)
        self.space = space
        self.options = options
        students = (0..<count).map { Student(point: space.start(of: $0, seed: seed)) }
        gradients = Array(repeating: .nan, count: count * space.dimension)
        round = .all(.train, students: count)
        if algorithm.hyperTraining != .none {
            let optimizer = options.hyperOptimizer ?? algorithm.optimizer
            hyperTraining = HyperTraining(
                optimizer: optimizer, pooled: algorithm.hyperTraining == .pooled,
                learningRate: options.hyperLearningRate ?? algorithm.learningRate(optimizer),
                coordinates: algorithm.coordinates, students: count,
                dimension: space.dimension)
        }
        if teacherKind != .absent {
            teacher = Teacher(teacherKind, dimension: space.dimension, options: options)
        }
        if algorithm.trials == .bayesian {
            bayesianTrials = BayesianTrials(space: space, students: count)
        }
        if case .bandit = algorithm.perturbation {
            bandit = PopulationBandit(space: space, students: count)
        }
        if case .scoreFunction = algorithm.perturbation {
            scoreFunctionTeacher = ScoreFunctionTeacher(
                space: space, scale: options.mutationScale ?? algorithm.defaultMutationScale,
                choiceProbability: algorithm.choiceProbability,
                learningRate: options.teacherLearningRate)
        }
        if algorithm.search == .memetic {
            search = MemeticSearch(space: space, students: count, seed: seed)
            shareFixedValues()
        }
    }

    /// Every student starts with the fixed values of student 0: they search one function.
    private mutating func shareFixedValues() {
        let first = students[0].point
        for student in students.indices {
            var point = students[student].point
            for parameter in space.parameters where parameter.update == .fixed {
                for index in parameter.indices {
                    point.natural[index] = first.natural[index]
                    point.latent[index] = first.latent[index]
                }
            }
            students[student] = Student(point: point)
        }
    }

    /// A search follows derivatives everywhere, so all that it is to move must be real.
    private static func requireSearchable(
        _ space: SearchSpace, _ algorithm: Algorithm
    ) throws(HPMError) {
        for parameter in space.parameters where !parameter.kind.isReal && parameter.update != .fixed {
            throw HPMError(
                .argument,
                "'\(parameter.name)' is of kind \(parameter.kind); allowed with algorithm \(algorithm.name): real parameters and blocks, others only where their update is fixed")
        }
    }

    /// What the run has cost so far. Costs are summed in student order, so that the sum, on which the
    /// teacher's cap depends, is the same whatever the order of the reports.
    public var budget: Budget {
        var budget = closedBudget
        for case let task? in round.tasks where task.isReported {
            budget.addCost(task, round.action)
        }
        return budget
    }

    /// A number of the account, by its name: `training_rounds`, or one of ``Budget/names``.
    ///
    /// - Throws: `argument` for an unknown name; the message lists them.
    public func count(_ counter: String) throws(HPMError) -> Double {
        counter == "training_rounds" ? Double(trainingRounds) : try budget.count(counter)
    }

    /// Of each student and dimension: its point in both coordinates, the reported one, the hypergradient,
    /// five moments, and what an exploit keeps until it is over; a search's pairs, points and scratch.
    static func bytesOfCoordinate(_ algorithm: Algorithm) -> Int {
        algorithm.search == .none ? 128 : 512
    }

    public var size: Int { students.count }
    public var dimension: Int { space.dimension }

    var coordinates: Coordinates { options.algorithm.coordinates }
    /// The sign that makes lower losses better.
    var sign: Double { options.direction == .minimize ? 1 : -1 }

    /// Whether every student has made the training reports that `steps` asks for.
    public var isFinished: Bool { options.steps > 0 && trainingRounds >= options.steps }

    /// The actions that ``next(_:)`` can answer, wait and stop apart.
    public var possibleActions: Set<Action> {
        var actions: Set<Action> = [.train]
        if options.algorithm.trials != .none, options.trial > 0 { actions.insert(.restart) }
        if replacesStudents {
            actions.insert(.clone)
            if teacher != nil, options.teacherEvaluations != 0, options.teacherShare > 0 {
                actions.insert(.evaluate)
            }
        }
        return actions
    }

    private var replacesStudents: Bool {
        switch options.algorithm.selection {
        case .none: false
        case .truncation, .subPopulations:
            Selection.count(share: options.truncation, students: size) > 0
        }
    }

    /// nil where the algorithm has none.
    var subPopulations: SubPopulations? {
        guard case .subPopulations = options.algorithm.selection, let count = options.subPopulations
        else { return nil }
        return SubPopulations(
            count: count, students: size, frequencyRatio: options.frequencyRatio)
    }

    /// The hyperparameters that a student holds now, in natural units.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    public func hyperparameters(of student: Int) -> [Double] {
        students[student].point.natural
    }

    /// The student to keep: of those whose latest training loss is finite, the one with the best.
    ///
    /// - Throws: `noResult` before there is one.
    /// - Complexity: O(population).
    public func best() throws(HPMError) -> (student: Int, loss: Double) {
        let losses = students.map { $0.loss ?? .infinity }
        guard let best = losses.indices.min(by: { (losses[$0], $0) < (losses[$1], $1) }),
            losses[best].isFinite
        else { throw Self.noResult }
        return (best, sign * losses[best])
    }

    private static let noResult = HPMError(
        .noResult, "no student has a finite training loss yet; report one first")

    /// The hyperparameters with which the best student made its latest training report; where the
    /// algorithm starts trials, those of the best trial, also if it has ended. Of `memetic` the point
    /// with the lowest E + sigma / sqrt(c) of all that the run has seen, and E, the estimate of its loss
    /// from c values; before a finite loss came with a finite hypergradient, the lowest loss.
    ///
    /// - Throws: `noResult` before there is one.
    public func bestHyperparameters() throws(HPMError) -> (hyperparameters: [Double], loss: Double) {
        guard let report = bestReport else { throw Self.noResult }
        return (report.hyperparameters, sign * report.loss)
    }

    /// nil before any finite loss.
    var bestReport: Report? {
        let best = try? best()
        let living = best.map {
            Report(hyperparameters: students[$0.student].reported, loss: sign * $0.loss)
        }
        if let known = search?.best {
            return Report(hyperparameters: known.point.natural, loss: known.value)
        }
        guard let living else { return bestOfTrials }
        guard let ended = bestOfTrials, ended.loss <= living.loss else { return living }
        return ended
    }

    /// Sets where a student starts.
    ///
    /// - Throws: `argument` for a student, a length or a value that is not allowed; `order` once the
    ///   student's first `next` was answered.
    public mutating func setInitial(
        _ student: Int, _ hyperparameters: some Collection<Double>
    ) throws(HPMError) {
        try requireStudent(student)
        guard hyperparameters.count == dimension else {
            throw HPMError(
                .argument,
                "there are \(hyperparameters.count) hyperparameters; allowed: \(dimension), the space's dimension")
        }
        guard !students[student].hasBegun else {
            throw HPMError(
                .order, "student \(student) has begun; its start is set before its first next")
        }
        let point = try space.point(natural: hyperparameters)
        students[student].point = point
        students[student].reported = point.natural
    }

    /// From now on `next` answers stop; reports of tasks that are out are accepted.
    public mutating func stop() {
        isStopRequested = true
    }

    func requireStudent(_ student: Int) throws(HPMError) {
        guard students.indices.contains(student) else {
            throw HPMError(
                .argument, "student is \(student); allowed: 0 to \(size - 1), the population's size less 1")
        }
    }
}

extension Population {
    /// What a student is to do next. Asked twice without a report it answers the same.
    ///
    /// - Parameter student: From 0, below ``size``; anything else is a programming error.
    /// - Complexity: O(dimension).
    public mutating func next(_ student: Int) -> Assignment {
        var hyperparameters = Array(repeating: 0.0, count: dimension)
        let answer = hyperparameters.withUnsafeMutableBufferPointer { next(student, into: $0) }
        return Assignment(
            action: answer.action, source: answer.source, hyperparameters: hyperparameters)
    }

    /// As ``next(_:)``, into memory of the caller.
    ///
    /// - Parameter hyperparameters: At least the space's dimension.
    public mutating func next(
        _ student: Int, into hyperparameters: UnsafeMutableBufferPointer<Double>
    ) -> (action: Action, source: Int) {
        students[student].hasBegun = true
        guard !isFinished, !isStopRequested else {
            copyHyperparameters(of: student, into: hyperparameters)
            return (.stop, student)
        }
        guard let task = round.tasks[student], !task.isReported else {
            copyHyperparameters(of: student, into: hyperparameters)
            return (.wait, student)
        }
        if task.begun == nil { round.tasks[student]?.begun = MonotonicClock.seconds() }
        round.tasks[student]?.isOut = true
        if let point = task.point {
            copy(point.natural, into: hyperparameters)
        } else {
            copyHyperparameters(of: task.parent ?? task.source, into: hyperparameters)
        }
        return (round.action, task.source)
    }

    /// The hyperparameters that a student holds now, into memory of the caller.
    public func copyHyperparameters(
        of student: Int, into hyperparameters: UnsafeMutableBufferPointer<Double>
    ) {
        copy(students[student].point.natural, into: hyperparameters)
    }

    private func copy(_ values: [Double], into target: UnsafeMutableBufferPointer<Double>) {
        for index in values.indices { target[index] = values[index] }
    }
}
