import HPM

/// A population whose run is kept in a file: what is reported survives the process.
///
///     var run = try Run("run.db", space: space, options: options)
///     let task = try run.next(student)
///     try run.report(student, loss: loss, hypergradient: hypergradient)
///     let schedule = try run.schedule(of: run.population.best().student)
///
/// Opened anew it goes on where it was. One owner at a time, in one process; it closes the file at its end.
public struct Run: ~Copyable {
    /// As it is now; to be read. What changes it goes through this run.
    public private(set) var population: Population
    private let store: RunStore

    /// Opens the run of a file, or begins one.
    ///
    /// - Throws: As ``RunStore/open(_:space:options:overrides:library:)``.
    public init(
        _ path: String, space: SearchSpace?, options: Options = Options(), overrides: RunStore.Overrides = [],
        durability: RunStore.Durability = .process
    ) throws(HPMError) {
        let opened = try RunStore.open(path, space: space, options: options, overrides: overrides)
        try opened.store.set(durability)
        (store, population) = opened
    }

    deinit {
        store.close(population)
    }

    /// What a student is to do, as ``Population/next(_:)-(Int)``.
    ///
    /// - Throws: `argument` for a student that is not there; `storage`.
    public mutating func next(_ student: Int) throws(HPMError) -> Assignment {
        guard student >= 0, student < population.size else {
            throw HPMError(.argument, "student is \(student); allowed: 0 to \(population.size - 1)")
        }
        if let beginning = population.beginning(of: student) { try apply(.begin(student: student, beginning)) }
        return population.assignment(student)
    }

    /// Reports on the task of a student, as ``Population/report(_:loss:hypergradient:)``.
    ///
    /// - Throws: As that, and `storage`; then nothing has changed.
    public mutating func report(
        _ student: Int, loss: Double = .nan, hypergradient: [Double]? = nil
    ) throws(HPMError) {
        guard let hypergradient else {
            return try apply(try population.reportInput(student, loss: loss, nil))
        }
        let result = hypergradient.withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in try apply(try population.reportInput(student, loss: loss, buffer)) }
        }
        try result.get()
    }

    /// Stores an input, then applies it.
    ///
    /// - Throws: As ``Population/check(_:)``, and `storage`; then nothing has changed.
    public mutating func apply(_ input: Input) throws(HPMError) {
        try population.check(input)
        var changed = population
        try store.write(
            RunStore.records([input]),
            apply: { changed.changes(by: [input]) { $0.perform(input) } }, undo: { changed = $0 })
        population = changed
        store.keepSnapshot { population }
    }

    /// A number of one's own, beside the student's reports.
    ///
    /// - Throws: `storage`.
    public mutating func logMetric(_ name: String, _ value: Double, student: Int) throws(HPMError) {
        try store.logMetric(
            student: student, report: population.reportUnderWay(of: student), name: name, value: value)
    }

    /// The schedule that trained the weights that a student holds now.
    ///
    /// - Throws: As ``RunStore/schedule(of:in:)``.
    public func schedule(of student: Int) throws(HPMError) -> HyperparameterSchedule {
        try store.schedule(of: student, in: population)
    }
}

/// What holds a population, and can say what inputs did to it.
public protocol PopulationHolder {
    var population: Population { get set }
}

extension PopulationHolder {
    /// Applies inputs that were checked, and says what they did.
    ///
    /// - Parameter perform: Applies them.
    public mutating func changes(by inputs: [Input], _ perform: (inout Self) -> Void) -> RunStore.Change {
        var change = RunStore.Change()
        for input in inputs {
            switch input {
            case .report(let student, _, _, _) where population.openAction(of: student) == .train:
                change.hyperparameters[student] = population.assignment(student).hyperparameters
            case .retire(let student):
                change.retired.append(Lineage.Ancestor(student: student, report: population.reports(of: student)))
            case .bounds(let space): change.space = space
            default: break
            }
        }
        let clones = population.lineage.clones.count
        perform(&self)
        change.events = population.takeEvents()
        change.clones = population.lineage.clones[clones...]
        return change
    }
}

extension Population: PopulationHolder {
    public var population: Population {
        get { self }
        set { self = newValue }
    }
}
