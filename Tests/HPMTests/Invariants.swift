@testable import HPM

/// What must hold in a population at any time.
enum Invariants {
    /// Every violation as a sentence; empty: all is well.
    static func violations(_ population: Population) -> [String] {
        var found = boundViolations(population)
        for (number, student) in population.students.views.enumerated() {
            found += pointViolations(student.point, in: population.space, "student \(number)")
            if let loss = student.loss, loss.isNaN || loss == -.infinity {
                found.append("student \(number) has loss \(loss)")
            }
        }
        found += population.isSynchronous ? roundViolations(population) : taskViolations(population)
        found += numberViolations(population)
        found += searchViolations(population)
        for student in 0..<population.size {
            for parameter in population.space.parameters where !parameter.kind.isReal {
                if population.students.isGuided(student, parameter.offset) {
                    found.append("'\(parameter.name)' of student \(student) has a gradient")
                }
            }
        }
        if population.budget.clones != population.lineage.clones.count {
            found.append("\(population.budget.clones) clones, \(population.lineage.clones.count) in the lineage")
        }
        return found
    }

    /// The least that holds even after a crafted snapshot: what `next` hands out is in the bounds, and
    /// whole where it must be.
    static func boundViolations(_ population: Population) -> [String] {
        var found: [String] = []
        for (number, student) in population.students.views.enumerated() {
            found += boundViolations(student.point.natural, in: population.space, "student \(number)")
        }
        for (number, task) in population.tasks.enumerated() {
            if !(0..<population.size).contains(task.source) {
                found.append("the task of \(number) has source \(task.source)")
            }
            if let point = task.evaluation?.point {
                found += boundViolations(point.natural, in: population.space, "task \(number)")
            }
        }
        for known in knownPoints(population) {
            found += boundViolations(known.point.natural, in: population.space, "a known point")
        }
        return found
    }

    /// Those that a search may report or start from.
    private static func knownPoints(_ population: Population) -> [KnownPoint] {
        guard let search = population.search else { return [] }
        return search.memory.points + search.searches.compactMap(\.best)
            + search.searches.compactMap(\.iterate?.known)
    }

    static func boundViolations(
        _ natural: [Double], in space: SearchSpace, _ whose: String
    ) -> [String] {
        var found: [String] = []
        if natural.count != space.dimension { return ["\(whose) has \(natural.count) values"] }
        for parameter in space.parameters {
            for index in parameter.offset..<parameter.offset + parameter.count {
                let value = natural[index]
                let isInside = value >= parameter.low && value <= parameter.high
                let isWhole = parameter.kind.isReal || value == value.rounded(.down)
                if !isInside || !isWhole {
                    found.append("\(whose): '\(parameter.name)' is \(value)")
                }
            }
        }
        return found
    }

    /// The two coordinates of a point say the same.
    private static func pointViolations(
        _ point: Point, in space: SearchSpace, _ whose: String
    ) -> [String] {
        var found: [String] = []
        for parameter in space.parameters {
            for index in parameter.offset..<parameter.offset + parameter.count {
                let latent = point.latent[index]
                let expected = SecondMap(parameter).latent(point.natural[index])
                if !((latent - expected).magnitude < 1e-9) {
                    found.append("\(whose): '\(parameter.name)' has latent \(latent), natural \(point.natural[index])")
                }
                if !parameter.kind.isReal, point.natural[index] == 0, point.natural[index].sign == .minus {
                    found.append("\(whose): '\(parameter.name)' is -0")
                }
            }
        }
        return found
    }

    private static func roundViolations(_ population: Population) -> [String] {
        var found: [String] = []
        let tasks = population.tasks
        let action = population.roundAction
        let open = tasks.count { $0.isOpen }
        if open == 0 || open != population.missing {
            found.append("\(open) tasks are open, \(population.missing) missing")
        }
        if population.cohort != Array(Set(population.cohort)).sorted() {
            found.append("the round is \(population.cohort)")
        }
        if (action == .train || action == .restart) && population.cohort != population.students.living {
            found.append("only \(population.cohort) have a task in a round of \(action)")
        }
        for (student, task) in tasks.enumerated() {
            guard population.cohort.contains(student) else {
                if task.action != .wait { found.append("\(student), not of the round, has \(task.action)") }
                continue
            }
            if task.action != action { found.append("\(student) has \(task.action) in a round of \(action)") }
            found += detailViolations(task, student)
            if task.action == .clone {
                if population.cohort.contains(task.source) { found.append("source \(task.source) is replaced") }
                if !population.students.isFinite(task.source) {
                    found.append("source \(task.source) has no finite loss")
                }
                if task.sourceReport != population.students.reports[task.source] {
                    found.append("clone of report \(task.sourceReport) of \(task.source)")
                }
            } else if task.source != student {
                found.append("\(action) of \(student) has source \(task.source)")
            }
        }
        if action == .evaluate && population.unmutated.isEmpty {
            found.append("evaluations without clones")
        }
        return found
    }

    /// Under the asynchronous schedule: nobody waits.
    private static func taskViolations(_ population: Population) -> [String] {
        var found: [String] = []
        var tickets: Set<Int> = []
        for (student, task) in population.tasks.enumerated() {
            if population.students.isRetired[student] {
                if task.isOpen { found.append("\(student) is retired and has \(task.action)") }
                continue
            }
            if !task.isOpen || task.action == .stop { found.append("\(student) has \(task.action)") }
            if task.ticket != 0 && !tickets.insert(task.ticket).inserted {
                found.append("ticket \(task.ticket) is out twice")
            }
            found += detailViolations(task, student)
            if task.action == .clone || task.action == .evaluate {
                found += checkpointViolations(task.checkpoint, population)
            }
        }
        for queued in population.queue { found += checkpointViolations(queued.checkpoint, population) }
        if !population.unmutated.isEmpty { found.append("\(population.unmutated) are not mutated") }
        if population.queue.count > population.options.teacherEvaluations {
            found.append("\(population.queue.count) evaluations are queued")
        }
        return found
    }

    private static func checkpointViolations(_ checkpoint: Checkpoint, _ population: Population) -> [String] {
        var found: [String] = []
        if checkpoint.report < 1 || checkpoint.report > population.students.reports[checkpoint.student] {
            found.append("\(checkpoint) is asked for")
        }
        if population.isReleasable(checkpoint.student, report: checkpoint.report) {
            found.append("\(checkpoint) is asked for and releasable")
        }
        return found
    }

    private static func detailViolations(_ task: StudentTask, _ student: Int) -> [String] {
        if (task.action == .evaluate) != (task.evaluation != nil) || (task.action == .clone) != (task.clone != nil) {
            return ["\(task.action) of \(student) with \(String(describing: task.clone))"]
        }
        guard let clone = task.clone else { return [] }
        return clone.student != student || task.source == student ? ["\(student) is to become \(clone)"] : []
    }

    private static func searchViolations(_ population: Population) -> [String] {
        guard let search = population.search else { return [] }
        var found: [String] = []
        if search.memory.points.count > 20 { found.append("the memory has too many points") }
        for known in knownPoints(population) {
            found += pointViolations(known.point, in: population.space, "a known point")
            if !(1...200).contains(known.count) { found.append("a count is \(known.count)") }
        }
        for (number, left) in search.memory.points.enumerated() {
            for right in search.memory.points[..<number] where left.distance(to: right) <= 1e-2 {
                found.append("two points of the memory are \(left.distance(to: right)) apart")
            }
        }
        for (student, local) in search.searches.enumerated() {
            if (local.iterate == nil) != (local.step == nil) || (local.iterate == nil) != (local.best == nil) {
                found.append("search \(student) has begun by halves")
            }
            if local.residuals.count > 5 || local.pairs.steps.count > 10 || local.iterate == nil && local.age > 0 {
                found.append("search \(student) has too much of something")
            }
        }
        return found
    }

    /// Whatever was reported, the state holds finite numbers.
    static func numberViolations(_ population: Population) -> [String] {
        var found: [String] = []
        for (index, gradient) in population.students.gradients.enumerated() where gradient.isInfinite {
            found.append("gradient \(index) is \(gradient)")
        }
        for (number, student) in population.students.views.enumerated() {
            if !student.point.latent.allSatisfy({ $0 >= 0 && $0 <= 1 }) {
                found.append("student \(number) is at \(student.point.latent)")
            }
        }
        func requireFinite(_ values: [Double]?, _ name: String, atLeast lowest: Double = -.infinity) {
            guard let values else { return }
            if !values.allSatisfy({ $0.isFinite && $0 >= lowest }) { found.append("\(name) is not finite") }
        }
        requireFinite(population.adam?.first, "m")
        requireFinite(population.adam?.second, "v", atLeast: 0)
        requireFinite(population.pooledDescent?.mean, "P")
        requireFinite(population.pooledDescent?.square, "R", atLeast: 0)
        requireFinite(population.pooledDescent?.sharedMean, "Q")
        requireFinite(population.pooledDescent?.sharedSquare, "Z", atLeast: 0)
        for local in population.search?.searches ?? [] {
            requireFinite(local.iterate?.gradient, "G")
            requireFinite(local.step?.direction, "p")
            requireFinite(local.pairs.steps.flatMap { $0 }, "s")
            requireFinite(local.pairs.changes.flatMap { $0 }, "y")
            requireFinite(local.residuals, "residuals", atLeast: 0)
            requireFinite([local.rate], "rate")
            requireFinite([local.radius], "radius", atLeast: 0)
            if local.step.map({ !$0.tolerance.isFinite }) ?? false { found.append("tolerance") }
        }
        for known in knownPoints(population) {
            requireFinite([known.loss, known.value], "a known loss")
        }
        requireFinite(population.teacher?.values, "W")
        requireFinite(population.teacher?.queries, "V")
        requireFinite(population.teacher?.biases, "b")
        let policy = population.policy
        requireFinite(policy?.means, "m of the policy")
        requireFinite(policy?.logScales, "log sigma")
        requireFinite(policy?.labelLogits, "theta")
        requireFinite(policy?.keepLogits, "kappa")
        requireFinite(policy.map { [$0.baseline, $0.variance] }, "b and v")
        return found
    }
}

/// The maps of `docs/concepts.md`, 'Coordinates', written again, with integers and choices half a unit wider.
struct SecondMap {
    let scale: Scale
    let low: Double
    let high: Double

    init(_ parameter: Hyperparameter) {
        let margin = parameter.kind.isReal ? 0 : 0.5
        self.init(scale: parameter.scale, low: parameter.low - margin, high: parameter.high + margin)
    }

    init(scale: Scale, low: Double, high: Double) {
        self.scale = scale
        self.low = low
        self.high = high
    }

    func natural(_ u: Double) -> Double {
        switch scale {
        case .linear: return low + u * (high - low)
        case .log: return low * Elementary.pow(high / low, u)
        case .logit:
            // odds = odds(low) (odds(high) / odds(low))^u
            let first = low / (1 - low)
            let odds = first * Elementary.pow(high / (1 - high) / first, u)
            return odds / (1 + odds)
        }
    }

    func latent(_ x: Double) -> Double {
        switch scale {
        case .linear: return (x - low) / (high - low)
        case .log: return Elementary.log(x / low) / Elementary.log(high / low)
        case .logit:
            let first = low / (1 - low)
            return Elementary.log(x / (1 - x) / first) / Elementary.log(high / (1 - high) / first)
        }
    }

    /// dx/du.
    func slope(_ x: Double) -> Double {
        switch scale {
        case .linear: return high - low
        case .log: return x * Elementary.log(high / low)
        case .logit:
            return x * (1 - x) * Elementary.log(high / (1 - high) / (low / (1 - low)))
        }
    }
}
