@testable import HPM

/// A second implementation of a population, written from a specification (what `docs/concepts.md`
/// and `docs/algorithms.md` say) and not from `Population`, that follows a real one round by round: it
/// foretells everything that is not drawn at random, and what is drawn it checks against what could
/// have been.
///
/// Every contradiction becomes a sentence in `complaints`.
struct ShadowPopulation {
    struct Student {
        var natural: [Double]
        var latent: [Double]
        var loss: Double?
        var reported: [Double]
        /// In the algorithm's coordinates; NaN: not guided.
        var gradient: [Double]
        /// Adam of a student that is not pooled.
        var adam: [TextbookAdam]
        /// Where a teacher without evaluations moved it from, and which coordinates.
        var taught: (parent: Student.Place, coordinates: Set<Int>)?

        struct Place {
            var natural: [Double]
            var latent: [Double]
        }
        var place: Place { Place(natural: natural, latent: latent) }
    }

    enum Next {
        case train
        /// Or training, where no draw finds a better source.
        case clone
        case evaluate([Int: Student.Place])
        case restart
    }

    let space: SearchSpace
    let options: ResolvedOptions
    var students: [Student]
    var pools: [SecondPool]
    var teacher: SecondTeacher?
    var rounds = 0
    var next = Next.train
    var ranking: [Int] = []
    /// Clones that are still to be mutated, with what each can be: see `expectedAfterMutation`.
    var clones: [Int] = []
    /// Under `mf-pbt`, where nothing of the selection is drawn.
    var foretold: [SecondSubPopulations.Clone] = []
    var bestOfTrials: (natural: [Double], loss: Double)?
    private(set) var complaints: [String] = []

    private let parameterOf: [Hyperparameter]
    private let reals: [Int]

    init(of population: Population) {
        space = population.space
        options = population.options
        parameterOf = space.parameters.flatMap { Array(repeating: $0, count: $0.count) }
        reals = parameterOf.indices.filter { [parameterOf] in parameterOf[$0].kind.isReal }
        let dimension = space.dimension
        // The starts and the teacher's first weights are drawn; what they must be like is tested on
        // its own.
        students = population.students.views.map {
            Student(
                natural: $0.point.natural, latent: $0.point.latent, reported: $0.point.natural,
                gradient: Array(repeating: .nan, count: dimension),
                adam: Array(repeating: TextbookAdam(), count: dimension))
        }
        pools = Array(repeating: SecondPool(students: population.size), count: dimension)
        teacher = population.teacher.map { SecondTeacher($0) }
    }

    private var name: String { options.algorithm.name }
    private var isNatural: Bool { name == "hpm-paper" }
    private var sign: Double { options.direction == .minimize ? 1 : -1 }
    private var hasHyperTraining: Bool {
        !["mutation-only", "pbt", "random", "bayesian", "pb2", "mf-pbt", "reinforced"].contains(name)
    }
    private var hasExploit: Bool { !["hypergradient", "random", "bayesian"].contains(name) }
    private var hasTeacher: Bool {
        options.teacher != .absent
    }
    private var optimizer: OptimizerKind { options.hyperOptimizer }
    private var eta: Double { options.hyperLearningRate }
    private var scale: Double { options.mutationScale }
    /// Whether a mutation is more than a factor or two.
    private var isDrawn: Bool { ["hpm", "pbt", "pb2", "reinforced"].contains(name) }
    private var replacedCount: Int {
        options.truncation == 0 || students.count == 1
            ? 0 : max(1, Int((options.truncation * Double(students.count) + 1e-9).rounded(.down)))
    }

    private mutating func complain(_ what: String) {
        complaints.append("after \(rounds) reports, \(next): \(what)")
    }

    private func mayBeDescended(_ index: Int) -> Bool {
        parameterOf[index].kind.isReal
            && [.automatic, .hypergradient, .both].contains(parameterOf[index].update)
    }

    private func mayBeMutated(_ index: Int) -> Bool {
        [.automatic, .mutate, .both].contains(parameterOf[index].update)
    }

    // MARK: Moves

    private func set(_ student: inout Student, _ index: Int, natural: Double) {
        student.natural[index] = natural
        student.latent[index] = SecondMap(parameterOf[index]).latent(natural)
    }

    /// Moves a real coordinate to a value in the algorithm's coordinates, clipped.
    private func move(_ place: inout Student.Place, _ index: Int, to value: Double) {
        let parameter = parameterOf[index]
        if isNatural {
            place.natural[index] = min(max(value, parameter.low), parameter.high)
            place.latent[index] = SecondMap(parameter).latent(place.natural[index])
        } else {
            place.latent[index] = min(max(value, 0), 1)
            place.natural[index] = SecondMap(parameter).natural(place.latent[index])
        }
    }

    private func coordinate(_ place: Student.Place, _ index: Int) -> Double {
        isNatural ? place.natural[index] : place.latent[index]
    }

    private mutating func descend(_ student: Int, _ index: Int, _ direction: Double) {
        var place = students[student].place
        move(&place, index, to: coordinate(place, index) - eta * direction)
        students[student].natural = place.natural
        students[student].latent = place.latent
    }

    private mutating func hyperTrain() {
        guard hasHyperTraining else { return }
        for index in reals where mayBeDescended(index) {
            if name == "hpm" && optimizer == .adam {
                let directions = pools[index].directions(students.map { $0.gradient[index] }).final
                for student in students.indices where !directions[student].isNaN {
                    descend(student, index, directions[student])
                }
            } else {
                for student in students.indices { stepAlone(student, index) }
            }
        }
    }

    private mutating func stepAlone(_ student: Int, _ index: Int) {
        let gradient = students[student].gradient[index]
        if gradient.isNaN { return }
        let direction =
            optimizer == .sgd ? gradient : students[student].adam[index].direction(gradient)
        descend(student, index, direction)
    }

    // MARK: The teacher

    private func teacherInput(_ place: Student.Place) -> [Double] {
        guard isNatural else { return place.latent }
        return place.natural.indices.map { index in
            let parameter = parameterOf[index]
            return place.natural[index] / max(parameter.low.magnitude, parameter.high.magnitude)
        }
    }

    private func taughtCoordinates(_ student: Int) -> Set<Int> {
        Set(reals.filter { mayBeMutated($0) && !students[student].gradient[$0].isNaN })
    }

    private func child(of place: Student.Place, _ coordinates: Set<Int>) -> Student.Place {
        let values = isNatural ? place.natural : place.latent
        guard let child = teacher?.child(values, teacherInput(place)) else { return place }
        var result = place
        for index in coordinates { move(&result, index, to: child[index]) }
        return result
    }

    /// - Parameter maker: The network that made the child.
    private mutating func learn(
        from place: Student.Place, _ coordinates: Set<Int>, gradient: [Double], maker: SecondTeacher?
    ) {
        guard let maker else { return }
        let values = isNatural ? place.natural : place.latent
        let input = teacherInput(place)
        let child = maker.child(values, input)
        let learned = values.indices.map { index in
            let parameter = parameterOf[index]
            let (low, high) = isNatural ? (parameter.low, parameter.high) : (0, 1)
            let isInside = child[index] >= low && child[index] <= high
            return coordinates.contains(index) && isInside ? gradient[index] : .nan
        }
        teacher?.learn(h: values, x: input, gradient: learned, maker: maker)
    }

    // MARK: Rounds

    /// Checks what the students were told against what they should be told, and takes over what was
    /// drawn at random.
    mutating func expect(_ record: RoundRecord) {
        if case .clone = next, record.action != .clone { missedExploit() }
        switch (next, record.action) {
        case (.train, .train): expectTraining(record)
        case (.clone, .clone): expectClones(record)
        case (.evaluate(let children), .evaluate): expectEvaluations(record, children)
        case (.restart, .restart): expectRestart(record)
        default: complain("the round is \(record.action)")
        }
    }

    private mutating func expectTraining(_ record: RoundRecord) {
        if record.students.count != students.count { complain("only \(record.students) train") }
        for student in students.indices {
            if let source = record.sources[student], source != student { complain("\(student) has source \(source)") }
            guard let values = record.hyperparameters[student] else { continue }
            if clones.contains(student) {
                expectMutation(student, values)
            } else {
                compare(values, students[student].natural, "student \(student)")
            }
        }
        clones = []
    }

    private mutating func compare(_ values: [Double], _ expected: [Double], _ whose: String) {
        for index in values.indices where !isNear(values[index], expected[index], index) {
            complain("\(whose): '\(parameterOf[index].name)' is \(values[index]), not \(expected[index])")
        }
    }

    private func isNear(_ value: Double, _ other: Double, _ index: Int) -> Bool {
        if !parameterOf[index].kind.isReal { return value == other }
        let map = SecondMap(parameterOf[index])
        return (map.latent(value) - map.latent(other)).magnitude < 1e-8
    }

    /// Takes the answers to a round of training.
    mutating func train(_ responses: [Landscape.Response]) {
        rounds += 1
        for (student, response) in responses.enumerated() {
            students[student].reported = students[student].natural
            students[student].loss = response.loss.isFinite ? sign * response.loss : .infinity
            students[student].gradient = gradient(response, at: students[student].natural)
        }
        let maker = teacher
        for student in students.indices {
            guard let (parent, coordinates) = students[student].taught else { continue }
            students[student].taught = nil
            learn(
                from: parent, coordinates, gradient: students[student].gradient, maker: maker)
        }
        hyperTrain()
        planAfterTraining()
    }

    /// A hypergradient in the algorithm's coordinates.
    func gradient(_ response: Landscape.Response, at natural: [Double]) -> [Double] {
        guard let hypergradient = response.hypergradient, response.loss.isFinite else {
            return Array(repeating: .nan, count: space.dimension)
        }
        return hypergradient.indices.map { index in
            guard parameterOf[index].kind.isReal, hypergradient[index].isFinite else { return .nan }
            let slope = isNatural ? 1 : SecondMap(parameterOf[index]).slope(natural[index])
            return sign * hypergradient[index] * slope
        }
    }

    private mutating func planAfterTraining() {
        next = .train
        if options.steps > 0 && rounds >= options.steps { return }
        if ["random", "bayesian"].contains(name), options.trial > 0, rounds % options.trial == 0 {
            if let best = bestKnown { bestOfTrials = best }
            next = .restart
        }
        if hasExploit, replacedCount > 0, rounds % options.interval == 0, rounds >= options.burnIn,
            students.contains(where: { $0.loss?.isFinite ?? false })
        {
            ranking = students.indices.sorted { (loss($0), $0) < (loss($1), $1) }
            next = .clone
            if name == "mf-pbt" {
                let second = SecondSubPopulations(
                    count: options.subPopulations, ratio: options.frequencyRatio)
                foretold = second.clones(
                    students.indices.map(loss), exploit: rounds / options.interval)
                if foretold.isEmpty { next = .train }
            }
        }
    }

    private func loss(_ student: Int) -> Double { students[student].loss ?? .infinity }

    private var sources: [Int] { ranking.prefix(replacedCount).filter { loss($0).isFinite } }
    /// The worst of the population, and whoever else has no finite loss.
    private var worst: [Int] {
        students.indices.filter { ranking.suffix(replacedCount).contains($0) || !loss($0).isFinite }
    }

    /// Nobody was replaced: under `hpm` possible where each of the worst may have drawn a source that
    /// is no better.
    private mutating func missedExploit() {
        for student in worst { expectKept(student) }
        next = .train
    }

    private mutating func expectKept(_ student: Int) {
        if name != "hpm" || sources.allSatisfy({ loss($0) < loss(student) }) {
            complain("\(student) should have been replaced")
        }
    }

    private mutating func expectClones(_ record: RoundRecord) {
        if name == "mf-pbt" { return expectForetoldClones(record) }
        for student in worst where record.sources[student] == nil { expectKept(student) }
        let before = students
        let pooled = pools
        for student in record.students {
            guard let source = record.sources[student], let values = record.hyperparameters[student]
            else { continue }
            if !worst.contains(student) { complain("\(student) is replaced, not of the worst \(worst)") }
            if !sources.contains(source) { complain("\(source) is cloned, not of the best \(sources)") }
            if name == "hpm" && loss(source) >= loss(student) { complain("\(source) is no better than \(student)") }
            compare(values, before[source].natural, "the clone's parent")
            students[student] = before[source]
            students[student].reported = before[student].reported
            students[student].loss = nil
            students[student].taught = nil
            for index in pools.indices {
                pools[index] = pooled[index].copied(into: pools[index], from: source, to: student)
            }
            clones.append(student)
        }
        planEvaluations()
    }

    private mutating func expectForetoldClones(_ record: RoundRecord) {
        if record.students != foretold.map(\.student) { complain("\(record.students) are replaced, not \(foretold)") }
        let before = students
        for clone in foretold {
            let student = clone.student
            if record.sources[student] != clone.weights { complain("\(student) clones \(record.sources), not \(clone)") }
            let parent = before[clone.hyperparameters]
            compare(record.hyperparameters[student] ?? [], parent.natural, "the clone's parent")
            students[student] = before[clone.weights]
            (students[student].natural, students[student].latent) = (parent.natural, parent.latent)
            students[student].reported = before[student].reported
            students[student].loss = nil
            students[student].taught = nil
            if clone.isMutated { clones.append(student) }
        }
        planEvaluations()
    }

    private mutating func planEvaluations() {
        next = .train
        guard hasTeacher, options.teacherEvaluations != 0, !clones.isEmpty else { return }
        let wanted = min(options.teacherEvaluations, students.count)
        var children: [Int: Student.Place] = [:]
        for student in ranking.suffix(wanted) {
            let coordinates = taughtCoordinates(student)
            if !coordinates.isEmpty { children[student] = child(of: students[student].place, coordinates) }
        }
        if !children.isEmpty { next = .evaluate(children) }
    }

    private mutating func expectEvaluations(_ record: RoundRecord, _ children: [Int: Student.Place]) {
        if record.students != children.keys.sorted() { complain("\(record.students) are evaluated") }
        for student in record.students {
            guard let values = record.hyperparameters[student], let child = children[student] else { continue }
            compare(values, child.natural, "the teacher's child of \(student)")
        }
    }

    /// Takes the answers to a round of evaluations, by student.
    mutating func evaluate(_ responses: [Int: Landscape.Response]) {
        guard case .evaluate(let children) = next else { return }
        let maker = teacher
        for student in responses.keys.sorted() {
            guard let response = responses[student], let child = children[student] else { continue }
            learn(
                from: students[student].place, taughtCoordinates(student),
                gradient: gradient(response, at: child.natural), maker: maker)
        }
        next = .train
    }

    private mutating func expectRestart(_ record: RoundRecord) {
        if record.students.count != students.count { complain("only \(record.students) restart") }
        for student in students.indices {
            guard let values = record.hyperparameters[student] else { continue }
            for index in values.indices {
                let isFixed = parameterOf[index].update == .fixed
                if isFixed && values[index] != students[student].natural[index] { complain("a fixed value moved") }
                if !isFixed && name == "random" && parameterOf[index].kind.isReal && values[index] == students[student].natural[index] {
                    complain("'\(parameterOf[index].name)' is not drawn anew")
                }
                set(&students[student], index, natural: values[index])
            }
        }
    }

    mutating func restart() {
        for student in students.indices { students[student].loss = nil }
        next = .train
    }

    // MARK: Mutation

    /// Checks a mutated clone coordinate by coordinate.
    private mutating func expectMutation(_ student: Int, _ values: [Double]) {
        let parent = students[student].place
        let taught = hasTeacher ? taughtCoordinates(student) : []
        let child = hasTeacher ? child(of: parent, taught) : parent
        for index in values.indices {
            let isGuided = !students[student].gradient[index].isNaN
            let value = values[index]
            if taught.contains(index) {
                if !isNear(value, child.natural[index], index) {
                    complain("clone \(student): '\(parameterOf[index].name)' is \(value), taught \(child.natural[index])")
                }
                students[student].natural[index] = child.natural[index]
                students[student].latent[index] = child.latent[index]
                continue
            }
            let steps = name == "clone-step" && !hasTeacher && isGuided && mayBeDescended(index)
            let isPerturbed =
                mayBeMutated(index) && scale > 0
                && (!steps || parameterOf[index].update == .both)
            if isPerturbed { expectPerturbation(student, index, value, thenStep: steps) }
            if steps && !isPerturbed {
                stepAlone(student, index)
            }
            if !isNear(value, students[student].natural[index], index) {
                complain(
                    "clone \(student): '\(parameterOf[index].name)' is \(value), not \(students[student].natural[index]), from \(parent.natural[index])")
            }
        }
        if hasTeacher && options.teacherEvaluations == 0 {
            students[student].taught = (parent, taught)
        }
    }

    /// Sets a perturbed coordinate to that of the possible values that the population has.
    private mutating func expectPerturbation(
        _ student: Int, _ index: Int, _ value: Double, thenStep: Bool
    ) {
        let parent = students[student].natural[index]
        let parameter = parameterOf[index]
        switch parameter.kind {
        case .choice:
            set(&students[student], index, natural: value)
        case .integer:
            if value == parent && name != "pb2" { complain("the integer '\(parameter.name)' did not move") }
            if !isDrawn {
                let possible = [1 - scale, 1 + scale].map { factor in
                    let proposal = min(max((parent * factor).rounded(), parameter.low), parameter.high)
                    if proposal != parent { return proposal }
                    let up = (parent == 0 ? factor > 1 : parent * factor > parent) ? 1.0 : -1
                    let step = parent + up
                    return step < parameter.low || step > parameter.high ? parent - up : step
                }
                if !possible.contains(value) { complain("'\(parameter.name)' is \(value), not of \(possible)") }
            }
            set(&students[student], index, natural: value)
        case .real, .block:
            if isDrawn {
                set(&students[student], index, natural: value)
                return
            }
            let before = students[student]
            var options: [Student] = []
            for factor in [1 - scale, 1 + scale] {
                students[student] = before
                set(&students[student], index, natural: min(max(parent * factor, parameter.low), parameter.high))
                if thenStep { stepAlone(student, index) }
                options.append(students[student])
            }
            students[student] = options.first { isNear($0.natural[index], value, index) } ?? options[0]
        }
    }

    // MARK: Results

    /// What `bestHyperparameters` must give, with lower losses better.
    var bestKnown: (natural: [Double], loss: Double)? {
        let living = students.indices.filter { loss($0).isFinite }.min { (loss($0), $0) < (loss($1), $1) }
        guard let living else { return bestOfTrials }
        if let ended = bestOfTrials, ended.loss <= loss(living) { return ended }
        return (students[living].reported, loss(living))
    }

    mutating func compareBest(_ population: Population) {
        let best = try? population.bestHyperparameters()
        guard let known = bestKnown else {
            if best != nil { complain("there is a best without any report") }
            return
        }
        guard let best else { return complain("there is no best") }
        if best.loss != sign * known.loss { complain("the best is \(best.loss), not \(sign * known.loss)") }
        compare(best.hyperparameters, known.natural, "the best")
    }
}

extension SecondPool {
    /// `other` with the averages of one of the students here.
    func copied(into other: SecondPool, from source: Int, to student: Int) -> SecondPool {
        var result = other
        result.m[student] = m[source]
        result.v[student] = v[source]
        result.P[student] = P[source]
        result.R[student] = R[source]
        result.c[student] = c[source]
        return result
    }
}
