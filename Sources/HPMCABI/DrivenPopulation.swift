import HPM
import HPMStore

/// A population behind a handle: with the problems of its students, its clock, its file and those who listen to it.
struct DrivenPopulation: HandleValue, PopulationHolder {
    static var tag: UInt { 4 }
    static var typeName: String { "hpm_population" }
    static var argument: String { "population" }

    var population: Population
    /// Whether ``hpm_population_run`` drives it.
    var isRunning = false
    /// By student: where hypergradients come from, and the latest certificate.
    var problems: [Int: StudentProblem] = [:]
    var certificates: [Int: Certificate] = [:]
    var stopwatch = Stopwatch()
    var listeners = Listeners()
    /// The file that its run is kept in, if any.
    private(set) var store: RunStore?
    let turn = Turn()
    /// Whether somebody has the turn: until it is over every change waits, also where nobody listens any more.
    var isTurnTaken = false
    var pendingStop = PendingStop.none

    init(_ population: Population, in store: RunStore? = nil) {
        self.population = population
        self.store = store
        keepEvents()
    }

    /// Events that somebody wants are made, all others are not.
    mutating func keepEvents() {
        population.keptEvents = store == nil ? listeners.kinds : .all
    }

    func requireStore() throws(HPMError) -> RunStore {
        guard let store else {
            throw HPMError(
                .unsupported, "the population's run is in no file; open it by hpm_run_open, with ':memory:' for one that ends with the process")
        }
        return store
    }

    func requireIdle(_ function: StaticString?) throws(HPMError) {
        if isRunning, let function {
            throw HPMError(
                .busy, "population is inside hpm_population_run; \(function) is allowed after it")
        }
    }

    /// - Parameter time: Now, where it is known.
    mutating func perform(_ input: Input, at time: Double? = nil) {
        stopwatch.note(input, population, at: time)
        population.perform(input)
    }

    mutating func perform(_ inputs: Inputs) {
        switch inputs {
        case .none: break
        case .one(let input): perform(input)
        case .beginnings:
            let time = MonotonicClock.seconds()
            for student in 0..<population.size {
                if let beginning = population.beginning(of: student) {
                    perform(.begin(student: student, beginning), at: time)
                }
            }
        case .reports(let losses, let hypergradients):
            let time = MonotonicClock.seconds()
            for student in 0..<population.size {
                if let input = population.reportInput(student, losses, hypergradients) {
                    perform(input, at: time)
                }
            }
        }
    }
}

/// A stop that a callback of the one who has the turn asked for.
enum PendingStop {
    case none, asked
    /// What is asked for meanwhile is the same stop.
    case underWay
}

/// What one call is made of.
enum Inputs {
    case none
    case one(Input)
    /// The tasks that all students begin.
    case beginnings
    /// The reports of all students that have a task out.
    case reports(UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>?)

    /// One by one, as they will be applied.
    func list(_ population: Population) -> [Input] {
        switch self {
        case .none: return []
        case .one(let input): return [input]
        case .beginnings:
            // Each depends on those before it.
            var begun = population
            var inputs: [Input] = []
            for student in 0..<population.size {
                guard let beginning = begun.beginning(of: student) else { continue }
                let input = Input.begin(student: student, beginning)
                inputs.append(input)
                begun.perform(input)
            }
            return inputs
        case .reports(let losses, let hypergradients):
            return (0..<population.size).compactMap { population.reportInput($0, losses, hypergradients) }
        }
    }

    func check(_ population: Population) throws(HPMError) {
        switch self {
        case .none, .beginnings: break
        case .one(let input): try population.check(input)
        case .reports(let losses, let hypergradients):
            try population.checkReports(losses: losses, hypergradients: hypergradients)
        }
    }
}

/// The time between `next` and report, by kind of task. It is measured where the calls come in and is no part of a
/// population's state.
struct Stopwatch: Sendable {
    /// By student; NaN: no task of it has begun.
    private var begun: [Double] = []
    private var seconds = [0.0, 0.0, 0.0, 0.0]

    static let counters = [
        "training_seconds", "clone_seconds", "teacher_seconds", "restart_seconds",
    ]

    /// nil: no counter of times.
    func seconds(_ counter: String) -> Double? {
        Self.counters.firstIndex(of: counter).map { seconds[$0] }
    }

    mutating func note(_ input: Input, _ population: Population, at time: Double? = nil) {
        switch input {
        case .begin(let student, _):
            if begun.count < population.size {
                begun += Array(repeating: .nan, count: population.size - begun.count)
            }
            begun[student] = time ?? MonotonicClock.seconds()
        case .report(let student, _, _, _):
            guard student < begun.count, !begun[student].isNaN,
                let action = population.openAction(of: student)
            else { return }
            seconds[Int(action.rawValue)] += max((time ?? MonotonicClock.seconds()) - begun[student], 0)
            begun[student] = .nan
        case .release(let student), .retire(let student):
            if student < begun.count { begun[student] = .nan }
        case .cost, .start, .stop, .grow, .steps, .bounds:
            break
        }
    }
}
