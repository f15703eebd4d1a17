import HPM
import HPMStore
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A folder that is there while a test runs.
struct Folder: ~Copyable {
    let path: String

    init() {
        var name = Array("/tmp/hpm-run-XXXXXX".utf8CString)
        mkdtemp(&name)
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["", "-wal", "-shm", "-writer"] { unlink(path + "/run.db" + name) }
        rmdir(path)
    }

    var file: String { path + "/run.db" }
}

/// The loss of a student is a function of its hyperparameters and of how long it has trained.
private func loss(_ h: [Double], _ report: Int) -> (Double, [Double]) {
    (h.reduce(0) { $0 + $1 * $1 } + 1 / Double(report + 1), h.map { 2 * $0 })
}

private func space(_ dimension: Int = 3) throws -> SearchSpace {
    var space = SearchSpace()
    try space.addReal("x", low: -5, high: 5)
    if dimension > 1 { try space.addBlock("block", count: dimension - 1, low: -2, high: 2) }
    return space
}

private func options(_ algorithm: String, schedule: Schedule = .synchronous, steps: Int = 12) throws -> Options {
    var options = Options()
    try options.set("algorithm", to: algorithm)
    options.population = 5
    options.steps = steps
    options.interval = 2
    options.seed = 4
    options.schedule = schedule
    return options
}

extension Population {
    /// One task of one student; false where there is none.
    fileprivate mutating func serve(_ student: Int) throws -> Bool {
        let task = next(student)
        switch task.action {
        case .wait: return true
        case .stop: return false
        default:
            let (loss, hypergradient) = loss(task.hyperparameters, reports(of: student))
            try report(student, loss: loss, hypergradient: hypergradient)
            return true
        }
    }

    fileprivate mutating func finish() throws {
        while try (0..<size).map({ try serve($0) }).contains(true) {}
    }
}

private func serve(_ run: inout Run, _ student: Int) throws -> Bool {
    let task = try run.next(student)
    switch task.action {
    case .wait: return true
    case .stop: return false
    default:
        let (loss, hypergradient) = loss(task.hyperparameters, run.population.reports(of: student))
        try run.report(student, loss: loss, hypergradient: hypergradient)
        return true
    }
}

@Suite struct RunTests {
    /// Opened anew after every few calls, also with tasks out, a run is the one that is not disturbed, to the bit.
    @Test(arguments: Algorithm.all.map(\.name), [Schedule.synchronous, .asynchronous])
    func goesOnWhereItWas(_ algorithm: String, _ schedule: Schedule) throws {
        let folder = Folder()
        let options = try options(algorithm, schedule: schedule)
        var undisturbed = try Population(space: try space(), options: options)
        try undisturbed.finish()
        var isDone = false
        var session = 0
        while !isDone {
            session += 1
            var run = try Run(folder.file, space: try space(), options: options)
            var isStopped = true
            for student in 0..<run.population.size where try serve(&run, student) { isStopped = false }
            isDone = isStopped
            // One task is out when the file is closed.
            if session.isMultiple(of: 2) { _ = try run.next(session % run.population.size) }
        }
        let run = try Run(folder.file, space: nil)
        #expect(run.population.snapshot() == undisturbed.snapshot())
    }

    @Test func scheduleIsThatOfTheReportsThatWentIn() throws {
        for dimension in [3, 300] {
            let folder = Folder()
            var run = try Run(folder.file, space: try space(dimension), options: try options("hpm", schedule: .asynchronous))
            var trained: [Lineage.Ancestor: ([Double], Double)] = [:]
            var isDone = false
            while !isDone {
                isDone = true
                for student in 0..<run.population.size {
                    let task = try run.next(student)
                    if task.action == .stop { continue }
                    isDone = false
                    let number = run.population.reports(of: student) + 1
                    let (loss, hypergradient) = loss(task.hyperparameters, number)
                    if task.action == .train {
                        trained[Lineage.Ancestor(student: student, report: number)] = (task.hyperparameters, loss)
                    }
                    try run.report(student, loss: loss, hypergradient: hypergradient)
                }
            }
            let best = try run.population.best().student
            let schedule = try run.schedule(of: best)
            #expect(schedule.count == run.population.age(of: best))
            for (place, step) in schedule.steps.enumerated() {
                let ancestor = run.population.lineage.ancestor(
                    of: best, reports: run.population.reports(of: best), at: place + 1)
                #expect(step.ancestor == ancestor)
                let (hyperparameters, loss) = try #require(trained[ancestor])
                #expect(step.hyperparameters == hyperparameters && step.loss == loss)
            }
            #expect(try HyperparameterSchedule(encoded: schedule.encoded()) == schedule)
            var damaged = schedule.encoded()
            damaged[damaged.count / 2] ^= 1
            #expect(throws: HPMError.self) { try HyperparameterSchedule(encoded: damaged) }
            #expect(throws: HPMError.self) { try HyperparameterSchedule(encoded: Array(schedule.encoded().dropLast())) }
        }
    }

    @Test func differencesAreNamed() throws {
        let folder = Folder()
        do { _ = try Run(folder.file, space: try space(), options: try options("hpm")) }
        func message(_ space: SearchSpace?, _ options: Options, _ overrides: RunStore.Overrides = []) -> String {
            do throws(HPMError) {
                _ = try Run(folder.file, space: space, options: options, overrides: overrides)
                return "opened"
            } catch { return error.message }
        }
        #expect(message(nil, Options()) == "opened")
        var other = SearchSpace()
        try other.addReal("x", low: -5, high: 6)
        #expect(message(other, Options()).contains("high of 'x' is 6.0, not 5.0"))
        var more = try space()
        try more.addReal("y", low: 0, high: 1)
        #expect(message(more, Options()).contains("'y' is added"))
        #expect(message(nil, try options("pbt")).contains("option 'algorithm' is pbt, and hpm"))
        var prolonged = try options("hpm", steps: 20)
        #expect(message(nil, prolonged).contains("option 'steps' is 20, and 12"))
        #expect(message(nil, prolonged, .steps) == "opened")
        #expect(message(nil, try options("hpm"), .steps).contains("20 or more"))
        prolonged.population = 7
        #expect(message(nil, prolonged, .population) == "opened")
        prolonged.population = 3
        #expect(message(nil, prolonged, .population) == "opened")
        let run = try Run(folder.file, space: nil)
        #expect(run.population.size == 7 && (0..<7).count { !run.population.isRetired($0) } == 3)
        #expect(run.population.options.steps == 20)
    }

    @Test func oneWriterAtATime() throws {
        let folder = Folder()
        let first = try Run(folder.file, space: try space())
        do throws(HPMError) {
            _ = try Run(folder.file, space: nil)
            Issue.record("a second writer was let in")
        } catch {
            #expect(error.code == .storage && error.message.contains("already in this process, since 20"))
        }
        _ = first.population
    }

    @Test func inMemory() throws {
        var run = try Run(":memory:", space: try space(), options: try options("pbt"))
        #expect(try serve(&run, 0))
        let second = try Run(":memory:", space: try space())
        #expect(run.population.reports(of: 0) == 1 && second.population.reports(of: 0) == 0)
        #expect(throws: HPMError.self) { try Run("", space: try space()) }
        #expect(throws: HPMError.self) { try Run("/nowhere/run.db", space: try space()) }
        #expect(throws: HPMError.self) { try Run(":memory:", space: nil) }
    }
}
