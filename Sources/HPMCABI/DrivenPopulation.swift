import HPM

/// A population behind a handle: with the problems of its students, its clock, and those who listen to it.
struct DrivenPopulation: HandleValue {
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
    let turn = Turn()

    init(_ population: Population) {
        self.population = population
    }

    func requireIdle(_ function: StaticString?) throws(HPMError) {
        if isRunning, let function {
            throw HPMError(
                .busy, "population is inside hpm_population_run; \(function) is allowed after it")
        }
    }

    mutating func perform(_ input: Input) {
        stopwatch.note(input, population)
        population.perform(input)
    }

    mutating func perform(_ inputs: Inputs) {
        switch inputs {
        case .none: break
        case .one(let input): perform(input)
        case .many(let inputs): for input in inputs { perform(input) }
        }
    }

    /// A number of the population's account, times included.
    func count(_ counter: String) throws(HPMError) -> Double {
        if let seconds = stopwatch.seconds(counter) { return seconds }
        return try population.count(counter)
    }
}

/// What one call is made of.
enum Inputs {
    case none
    case one(Input)
    case many([Input])

    var bytes: [UInt8] {
        switch self {
        case .none: []
        case .one(let input): InputLog.encoded(input)
        case .many(let inputs): inputs.flatMap { InputLog.encoded($0) }
        }
    }

    func check(_ population: Population) throws(HPMError) {
        if case .one(let input) = self { try population.check(input) }
    }
}

/// The time between `next` and report, by kind of task. It is measured where the calls come in and is no part of a
/// population's state.
struct Stopwatch: Sendable {
    private var begun: [Int: Double] = [:]
    private var seconds = [0.0, 0.0, 0.0, 0.0]

    private static let counters = [
        "training_seconds", "clone_seconds", "teacher_seconds", "restart_seconds",
    ]

    /// nil: no counter of times.
    func seconds(_ counter: String) -> Double? {
        Self.counters.firstIndex(of: counter).map { seconds[$0] }
    }

    mutating func note(_ input: Input, _ population: Population) {
        switch input {
        case .begin(let student, _):
            begun[student] = MonotonicClock.seconds()
        case .report(let student, _, _, _):
            guard let start = begun.removeValue(forKey: student),
                let action = population.openAction(of: student)
            else { return }
            seconds[Int(action.rawValue)] += max(MonotonicClock.seconds() - start, 0)
        case .release(let student), .retire(let student):
            begun[student] = nil
        case .cost, .start, .stop, .grow, .steps:
            break
        }
    }
}
