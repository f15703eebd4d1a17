/// The state of a student's weights and optimizer after one of its training reports.
struct Checkpoint: Hashable, Sendable {
    var student: Int
    /// From 1; 0: before the first.
    var report: Int
}

/// What a population knows of its students: arrays over students, matrices row-major, students x dimension.
/// Hyperparameters move through one door, ``move(_:_:_:)``.
struct Students: Sendable {
    let space: SearchSpace
    let spans: [ParameterSpan]
    let dimension: Int
    private(set) var count = 0

    /// Of each student its natural values, then its latent ones. Both are kept, so that a value that was given
    /// is handed back to the bit and a move in latent coordinates loses nothing to the map.
    private(set) var places: [Double] = []
    /// The hyperparameters of the latest training report, in natural units.
    var reported: [Double] = []
    /// The hypergradients of the latest training report in the algorithm's coordinates; NaN: not guided.
    var gradients: [Double] = []
    /// The latest training loss, lower is better; infinite where it was not finite, nil before the first and
    /// from the decision to clone, and after a restart: those weights have not been judged.
    var losses: [Double?] = []
    /// Whether any training report ever held a derivative.
    var hasDerivatives = false
    /// Whether hyper-training has something to follow.
    var areGuided: Bool { hasDerivatives && spans.contains(where: \.isDescended) }
    /// The training reports of each.
    var reports: [Int] = []
    /// Whose state, after which of its training reports, the weights of each are.
    var checkpoints: [Checkpoint] = []
    /// Whether its first task was begun.
    var hasBegun: [Bool] = []
    private(set) var isRetired: [Bool] = []
    /// Those that are not retired, ascending.
    private(set) var living: [Int] = []
    var journal = EventJournal()

    init(space: SearchSpace) {
        self.space = space
        spans = space.spans
        dimension = space.dimension
    }

    mutating func append(_ point: Point) {
        places += point.natural
        places += point.latent
        reported += point.natural
        gradients += Array(repeating: .nan, count: dimension)
        losses.append(nil)
        reports.append(0)
        checkpoints.append(Checkpoint(student: count, report: 0))
        hasBegun.append(false)
        isRetired.append(false)
        living.append(count)
        count += 1
    }

    /// Where it starts; nobody moved it there.
    mutating func start(_ student: Int, at point: Point) {
        work { $0.set(student, point) }
        for index in 0..<dimension { reported[student * dimension + index] = point.natural[index] }
    }

    mutating func retire(_ student: Int) {
        isRetired[student] = true
        losses[student] = nil
        living.removeAll { $0 == student }
    }

    /// Infinite where there is none.
    func loss(_ student: Int) -> Double { losses[student] ?? .infinity }

    /// Whether it can be a source.
    func isFinite(_ student: Int) -> Bool { loss(student).isFinite }

    func point(_ student: Int) -> Point {
        let start = 2 * student * dimension
        return Point(
            natural: Array(places[start..<start + dimension]),
            latent: Array(places[start + dimension..<start + 2 * dimension]))
    }

    func latent(_ student: Int, _ index: Int) -> Double {
        places[(2 * student + 1) * dimension + index]
    }

    func copyNatural(of student: Int, into target: UnsafeMutableBufferPointer<Double>) {
        places.withUnsafeBufferPointer { places in
            guard let source = places.baseAddress, let target = target.baseAddress else { return }
            target.update(from: source + 2 * student * dimension, count: dimension)
        }
    }

    func isGuided(_ student: Int, _ index: Int) -> Bool {
        !gradients[student * dimension + index].isNaN
    }

    func gradient(_ student: Int) -> ArraySlice<Double> {
        gradients[student * dimension..<(student + 1) * dimension]
    }

    func reportedHyperparameters(_ student: Int) -> [Double] {
        Array(reported[student * dimension..<(student + 1) * dimension])
    }

    /// The student with the lowest finite loss; of equal ones the first.
    ///
    /// - Complexity: O(students).
    var best: Int? {
        var best: Int?
        for student in living where isFinite(student) {
            if best.map({ loss(student) < loss($0) }) ?? true { best = student }
        }
        return best
    }

    /// Students whose present weights were judged, from best to worst; equal ones in their order.
    ///
    /// - Complexity: O(students log students).
    var ranking: [Int] {
        living.filter { losses[$0] != nil }.sorted { (loss($0), $0) < (loss($1), $1) }
    }
}

// MARK: Moves

extension Students {
    /// Who moves hyperparameters, by the name that an event has.
    enum Mover {
        case hyperStep(StaticString)
        case mutation(StaticString)
        /// A clone takes its parent's, a restart other ones: events of their own say so.
        case decision

        var kind: Event.Kind? {
            switch self {
            case .hyperStep: .moved
            case .mutation: .mutated
            case .decision: nil
            }
        }

        var part: StaticString? {
            switch self {
            case .hyperStep(let part), .mutation(let part): part
            case .decision: nil
            }
        }
    }

    /// The values of all students while some of them move.
    struct Places {
        private let base: UnsafeMutablePointer<Double>
        let dimension: Int

        fileprivate init(base: UnsafeMutablePointer<Double>, dimension: Int) {
            self.base = base
            self.dimension = dimension
        }

        func natural(_ student: Int) -> UnsafeMutablePointer<Double> { base + 2 * student * dimension }
        func latent(_ student: Int) -> UnsafeMutablePointer<Double> {
            base + (2 * student + 1) * dimension
        }

        /// Integers and choices are rounded, so their latent coordinate is that of the rounded value.
        func set(_ student: Int, latent value: Double, at index: Int, of span: ParameterSpan) {
            let moved = span.natural(value)
            natural(student)[index] = moved
            latent(student)[index] = span.isReal ? value : span.map.latent(moved)
        }

        func set(_ student: Int, _ point: Point) {
            for index in 0..<dimension {
                natural(student)[index] = point.natural[index]
                latent(student)[index] = point.latent[index]
            }
        }

        func copy(_ source: Int, to student: Int) {
            if source != student { natural(student).update(from: natural(source), count: 2 * dimension) }
        }
    }

    /// The one door through which hyperparameters move: `body` moves those of `moving`, and of each of them an
    /// event says what became other, where anybody asked for it.
    mutating func move(_ moving: [Int], _ mover: Mover, _ body: (Places) -> Void) {
        guard let kind = mover.kind, journal.kinds.contains(kind) else { return work(body) }
        var before: [Double] = []
        for student in moving {
            before += places[2 * student * dimension..<(2 * student + 1) * dimension]
        }
        work(body)
        for (position, student) in moving.enumerated() {
            var event = Event(kind, student: student, report: reports[student])
            event.part = mover.part
            for index in 0..<dimension {
                let old = before[position * dimension + index]
                let new = places[2 * student * dimension + index]
                if old != new { event.changes.append(Event.Change(index: index, from: old, to: new)) }
            }
            if !event.changes.isEmpty { journal.append(event) }
        }
    }

    /// As ``move(_:_:_:)``, of one student.
    mutating func move(_ student: Int, _ mover: Mover, _ body: (Places) -> Void) {
        guard let kind = mover.kind, journal.kinds.contains(kind) else { return work(body) }
        move([student], mover, body)
    }

    private mutating func work(_ body: (Places) -> Void) {
        places.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { body(Places(base: base, dimension: dimension)) }
        }
    }

    /// As ``move(_:_:_:)``, of one student to a point.
    mutating func place(_ student: Int, _ point: Point, _ mover: Mover) {
        move(student, mover) { $0.set(student, point) }
    }

    /// A clone takes its parent's hyperparameters and its source's hypergradient; its weights are to be judged.
    mutating func becomeClone(_ student: Int, of source: Int, parent: Int) {
        work { $0.copy(parent, to: student) }
        gradients.copyRow(source, to: student, width: dimension)
        losses[student] = nil
        checkpoints[student] = checkpoints[source]
    }
}

// MARK: Reports

extension Students {
    /// What a hypergradient held.
    struct Components {
        var finite = 0
        var infinite = 0
    }

    /// Stores a training report: the loss, where it was made, and the hypergradient in the algorithm's
    /// coordinates (chain rule).
    ///
    /// - Parameters:
    ///   - loss: Lower is better; infinite where it was not finite.
    ///   - sign: -1 where the loss is maximized.
    /// - Complexity: O(dimension).
    mutating func store(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?, sign: Double,
        _ coordinates: Coordinates
    ) -> Components {
        losses[student] = loss
        let dimension = dimension
        let spans = spans
        return places.withUnsafeBufferPointer { places in
            reported.withUnsafeMutableBufferPointer { reported in
                gradients.withUnsafeMutableBufferPointer { gradients in
                    guard let natural = places.baseAddress.map({ $0 + 2 * student * dimension }),
                        let reported = reported.baseAddress, let gradients = gradients.baseAddress
                    else { return Components() }
                    (reported + student * dimension).update(from: natural, count: dimension)
                    return Self.pullBack(
                        hypergradient, at: natural, sign: sign, coordinates, spans,
                        into: gradients + student * dimension, dimension)
                }
            }
        }
    }

    /// Writes a hypergradient in an algorithm's coordinates; NaN where there is no derivative: where it was NaN
    /// or infinite, in integers and choices, and everywhere for nil.
    static func pullBack(
        _ hypergradient: UnsafeBufferPointer<Double>?, at natural: UnsafePointer<Double>, sign: Double,
        _ coordinates: Coordinates, _ spans: [ParameterSpan],
        into target: UnsafeMutablePointer<Double>, _ dimension: Int
    ) -> Components {
        var components = Components()
        guard let hypergradient = hypergradient?.baseAddress else {
            target.update(repeating: .nan, count: dimension)
            return components
        }
        for span in spans {
            for index in span.indices {
                let component = hypergradient[index]
                if component.isInfinite { components.infinite += 1 }
                guard span.isReal, component.isFinite else {
                    target[index] = .nan
                    continue
                }
                components.finite += 1
                let slope = coordinates == .natural ? 1 : span.map.slope(atNatural: natural[index])
                // 0 stays 0 also where the slope is beyond a double.
                target[index] = component == 0 ? 0 : Gradient.limited(sign * component * slope)
            }
        }
        return components
    }
}
