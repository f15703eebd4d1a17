/// Hyper-training: the local search that moves each student's hyperparameters along its own reported
/// hypergradient, with the optimizer's state of all students.
struct Descent: Part {
    let learningRate: Double
    let coordinates: Coordinates
    /// nil for SGD.
    var adam: Adam?
    /// Whether a clone takes one more step along the hypergradient of its source's last report.
    let stepsClones: Bool
    private var directions: [Double] = []

    static let options = ["hypergradient_interval", "hyper_optimizer", "hyper_learning_rate"]

    init(_ setup: Setup, stepsClones: Bool = false) {
        let options = setup.options
        learningRate = options.hyperLearningRate
        coordinates = setup.coordinates
        adam = options.hyperOptimizer == .adam ? Adam(count: setup.students * setup.dimension) : nil
        self.stepsClones = stepsClones
        directions = Array(repeating: 0, count: setup.dimension)
    }

    /// - Complexity: O(cohort x dimension).
    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        for student in cohort { step(student, .hyperStep("descent"), &students) }
    }

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        guard stepsClones else { return }
        for clone in clones { step(clone.student, .mutation("descent"), &students) }
    }

    private mutating func step(_ student: Int, _ mover: Students.Mover, _ students: inout Students) {
        let gradients = students.gradients
        let spans = students.spans
        let row = student * students.dimension
        let (rate, coordinates) = (learningRate, coordinates)
        students.move(student, mover) { places in
            gradients.withUnsafeBufferPointer { gradients in
                directions.withUnsafeMutableBufferPointer { directions in
                    guard let gradients = gradients.baseAddress.map({ $0 + row }),
                        let directions = directions.baseAddress
                    else { return }
                    for span in spans where span.isDescended {
                        let start = span.indices.lowerBound
                        if adam == nil {
                            for index in span.indices { directions[index] = gradients[index] }
                        } else {
                            adam?.directions(
                                from: row + start, count: span.indices.count, gradients + start,
                                into: directions + start)
                        }
                        places.descend(
                            student, span.indices, span, gradients, directions, rate, coordinates)
                    }
                }
            }
        }
    }

    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {
        adam?.copy(from: source, to: student, dimension: directions.count)
    }

    mutating func grow(_ students: Students) {
        adam?.grow(to: students.count * students.dimension)
    }

    func encode(into encoder: inout SnapshotEncoder) {
        adam?.encode(into: &encoder)
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        try adam?.decode(&decoder)
    }
}

extension Students.Places {
    /// Moves guided coordinates of one parameter against their directions, clipped to the bounds.
    ///
    /// - Parameters:
    ///   - gradients: Those of the student; NaN: not moved.
    ///   - directions: By the same indices.
    @inline(__always)
    func descend(
        _ student: Int, _ indices: Range<Int>, _ span: ParameterSpan,
        _ gradients: UnsafePointer<Double>, _ directions: UnsafePointer<Double>, _ rate: Double,
        _ coordinates: Coordinates
    ) {
        let natural = natural(student)
        let latent = latent(student)
        switch coordinates {
        case .latent:
            descendLatent(student, indices, gradients, directions, rate)
            span.map.naturals(latent, indices, into: natural, guidedBy: gradients)
        case .natural:
            for index in indices where gradients[index] == gradients[index] {
                natural[index] = span.clamp(natural[index] - rate * directions[index])
                latent[index] = span.map.latent(natural[index])
            }
        }
    }
}

extension Students.Places {
    /// As ``descend(_:_:_:_:_:_:_:)``, the latent values alone.
    @inline(__always)
    func descendLatent(
        _ student: Int, _ indices: Range<Int>, _ gradients: UnsafePointer<Double>,
        _ directions: UnsafePointer<Double>, _ rate: Double
    ) {
        let start = indices.lowerBound
        let (latent, gradients, directions) = (latent(student) + start, gradients + start, directions + start)
        Lanes.each(below: indices.count) { index, isPair in
            let old = latent.lanes(index, isPair)
            let moved = (old - rate * directions.lanes(index, isPair)).positive
            let clipped = moved.replacing(with: 1, where: moved .> 1)
            latent.store(clipped.or(old, gradients.lanes(index, isPair).isNumber), index, isPair)
        }
    }
}

extension LatentMap {
    /// ``natural(_:)`` of neighbouring coordinates, those that have a gradient.
    ///
    /// A linear map is two operations, each rounded once. `log` and `logit` take the C library's exp, whose error
    /// is below one unit in the last place; their values differ from the exact map by at most
    /// 2 + |log x| units in the last place, since the rounding of the argument is multiplied by its size.
    @inline(__always)
    func naturals(
        _ latent: UnsafePointer<Double>, _ indices: Range<Int>,
        into natural: UnsafeMutablePointer<Double>, guidedBy gradients: UnsafePointer<Double>
    ) {
        guard scale == .linear else {
            for index in indices where gradients[index] == gradients[index] {
                natural[index] = self.natural(latent[index])
            }
            return
        }
        let start = indices.lowerBound
        let (latent, natural, gradients) = (latent + start, natural + start, gradients + start)
        let (low, high) = (Lanes(repeating: low), Lanes(repeating: high))
        Lanes.each(below: indices.count) { index, isPair in
            let place = latent.lanes(index, isPair)
            let value = linear(place)
            let raised = value.replacing(with: low, where: low .>= value)
            let inside = raised.replacing(with: high, where: raised .> high)
            let ended = inside.replacing(with: high, where: place .>= 1)
            let moved = ended.replacing(with: low, where: place .<= 0)
            let isGuided = gradients.lanes(index, isPair).isNumber
            natural.store(moved.or(natural.lanes(index, isPair), isGuided), index, isPair)
        }
    }
}
