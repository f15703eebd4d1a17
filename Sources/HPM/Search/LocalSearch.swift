/// The local search of one student: limited-memory BFGS in a trust region that knows how noisy its
/// values are. One step is one call.
///
/// 1. The projected gradient g: components of G that point out of the box at a bound are 0.
/// 2. p = -H g; without pairs, or where p is no descent direction, p = -D g / |g|; cut to |p| <= D.
/// 3. Predicted decrease: -p.g / 2. Tolerance: the lower quartile of the last five residuals
///    |F' - F - (G + G').s / 2|, since the trapezoid rule's error vanishes with the step and noise does
///    not.
/// 4. A predicted decrease below the tolerance is noise: p / (1 + j / 2), accepted in any case; j counts
///    the new gradients that point back along p (Kesten, 'Accelerated stochastic approximation', 1958).
///    The first time that this happens in a population the next call is made where the search stands: where
///    value and gradient come again to the bit there is no noise, and the tolerance is 0 from then on.
/// 5. Elsewhere accepted where F' < E + tolerance; a long accepted step doubles D, a rejected one takes
///    it to 0.35 min(D, |s|).
/// 6. The estimate E of the loss is a mean along the steps that are made in noise, else the latest value;
///    where it is further from that than noise explains it is given up: steps that overlooked some
///    roughness leave an estimate that no shorter step would reach.
/// 7. With a tolerance of 0 a predicted decrease below one unit in the last place of F, which no loss could
///    show, ends the search.
struct LocalSearch: Equatable, Sendable {
    /// Steps before a search may end.
    static let patience = 5
    /// How many steps at the present rate a search is given to reach the best known value.
    static let lookAhead = 20.0
    static let residualCount = 5
    static let largestCount = 200
    /// Turns after which a search in noise may end.
    static let largestReversals = 20
    /// Values beyond this are as this: sums of them do not overflow.
    static let largestLoss = 1e300

    /// Where the search stands.
    struct Iterate: Equatable, Sendable {
        var known: KnownPoint
        /// G in latent units, 0 for coordinates that do not descend.
        var gradient: [Double]
    }

    /// A step that is out.
    struct Step: Equatable, Sendable {
        /// p.
        var direction: [Double]
        var tolerance: Double
        var kind: Kind

        enum Kind: UInt8 {
            case descending, inNoise
            /// A second call where the search stands, before a step in noise.
            case repeating
        }

        var isInNoise: Bool { kind == .inNoise }
    }

    static let pairCapacity = 10

    /// nil while the first point is out.
    var iterate: Iterate?
    var step: Step?
    /// The best of this search.
    var best: KnownPoint?
    /// Gradients are the user's and may be noisy, so that fewer pairs are taken than of a function that is known
    /// in closed form.
    var pairs = QuasiNewton(capacity: pairCapacity, leastCosine: 1e-10)
    /// The latest ones, oldest first.
    var residuals: [Double] = [] {
        didSet {
            let isFull = residuals.count == Self.residualCount
            let sorted = isFull ? residuals.sorted() : []
            ownTolerance = isFull ? sorted[Self.residualCount / 4] : nil
            medianResidual = isFull ? sorted[Self.residualCount / 2] : nil
        }
    }
    /// The tolerance of a student that has residuals enough; it and the median are asked for by every
    /// other student's report.
    private(set) var ownTolerance: Double?
    private(set) var medianResidual: Double?
    /// The tolerance that its latest step was judged with, for when no student has residuals enough; a
    /// restart keeps it: the noise is the function's.
    var lastTolerance = 0.0
    /// D.
    var radius: Double
    /// The smoothed decrease of a step.
    var rate = 0.0
    /// Steps that were reported.
    var age = 0
    /// j.
    var reversals = 0
    /// Searches of the student before this one.
    var restarts = 0

    init(box: SearchBox) {
        radius = box.firstRadius
    }

    /// A new search of the same student.
    mutating func restart(box: SearchBox) {
        var fresh = LocalSearch(box: box)
        fresh.restarts = restarts + 1
        fresh.lastTolerance = lastTolerance
        self = fresh
    }

    /// Plans the next step.
    ///
    /// - Returns: Where it ends, in latent coordinates; nil where there is none: the search is spent.
    /// - Complexity: O(pairs x dimension).
    mutating func plan(tolerance: Double, box: SearchBox) -> [Double]? {
        step = nil
        guard let known = iterate?.known else { return nil }
        iterate?.known = known.credible(tolerance)
        guard let iterate else { return nil }
        let latent = iterate.known.point.latent
        var gradient = iterate.gradient
        box.dropOutward(&gradient, at: latent, sign: -1)
        let norm = Vector.norm(gradient)
        guard norm > 0 else { return nil }

        var direction = pairs.product(with: gradient).map { -$0 }
        box.dropOutward(&direction, at: latent, sign: 1)
        let isDescent = Vector.dot(direction, gradient) < 0 && Vector.norm(direction).isFinite
        if pairs.isEmpty || !isDescent {
            direction = gradient.map { -($0 / norm) * radius }
        }
        let length = Vector.norm(direction)
        if length > radius {
            for index in direction.indices { direction[index] *= radius / length }
        }
        let decrease = -Vector.dot(direction, gradient) / 2
        if tolerance == 0, decrease < known.loss.ulp { return nil }
        let isInNoise = decrease < tolerance
        if isInNoise {
            let scale = 1 / (1 + Double(reversals) / 2)
            for index in direction.indices { direction[index] *= scale }
        }
        var target = latent
        for index in target.indices {
            target[index] = min(max(target[index] + direction[index], 0), 1)
        }
        guard target != latent else { return nil }
        step = Step(
            direction: direction, tolerance: tolerance, kind: isInNoise ? .inNoise : .descending)
        return target
    }

    var isRepeating: Bool { step?.kind == .repeating }

    /// Plans a second call where the search stands, in place of the step that is planned.
    mutating func planRepeat() -> [Double]? {
        step?.kind = .repeating
        return iterate?.known.point.latent
    }

    /// Takes the first point's report.
    mutating func begin(at point: Point, loss: Double, gradient: [Double]) {
        let known = KnownPoint(point: point, loss: loss)
        iterate = Iterate(known: known, gradient: gradient)
        best = known
    }

    /// Takes the report of the step that is out.
    ///
    /// - Parameters:
    ///   - loss: Finite, or nil where it or the gradient was not: the step is rejected.
    ///   - common: The population's tolerance, by which the best is judged.
    /// - Complexity: O(dimension).
    mutating func advance(
        to point: Point, loss: Double?, gradient: [Double], common: Double, box: SearchBox
    ) {
        guard var iterate, let step else { return }
        age += 1
        let movement = zip(point.latent, iterate.known.point.latent).map { $0 - $1 }
        let length = Vector.norm(movement)
        let oldValue = iterate.known.value
        var isAccepted = false
        if let loss {
            let trapezoid =
                (Vector.dot(iterate.gradient, movement) + Vector.dot(gradient, movement)) / 2
            let residual = (loss - iterate.known.loss - trapezoid).magnitude
            residuals = residuals.suffix(Self.residualCount - 1) + [residual]
            if step.isInNoise {
                isAccepted = true
                if Vector.dot(step.direction, gradient) > 0 { reversals += 1 }
            } else {
                pairs.append(
                    step: movement, change: zip(gradient, iterate.gradient).map { $0 - $1 })
                isAccepted = loss < oldValue + step.tolerance
                if isAccepted && length >= 0.8 * radius {
                    radius = min(2 * radius, box.largestRadius)
                }
            }
            if isAccepted {
                iterate.known.estimate(loss, predicted: oldValue + trapezoid, step: step)
                iterate.known.point = point
                iterate.known.loss = loss
                iterate.gradient = gradient
                self.iterate = iterate
                keepBest(iterate.known, isInNoise: step.isInNoise, common: common)
            }
        }
        if !isAccepted { radius = 0.35 * min(radius, length) }
        rate = 0.7 * rate + 0.3 * (oldValue - iterate.known.value)
    }

    private mutating func keepBest(_ known: KnownPoint, isInNoise: Bool, common: Double) {
        guard let best else { return self.best = known }
        if known.bound(common) < best.bound(common) || isInNoise && known.count > best.count {
            self.best = known
        }
    }
}

extension KnownPoint {
    /// The estimate after an accepted step.
    fileprivate mutating func estimate(
        _ loss: Double, predicted: Double, step: LocalSearch.Step
    ) {
        if step.isInNoise, (loss - predicted).magnitude < Self.surprise * step.tolerance {
            value = (Double(count) * predicted + loss) / Double(count + 1)
            count = min(count + 1, LocalSearch.largestCount)
        } else {
            value = loss
            count = 1
        }
    }
}
