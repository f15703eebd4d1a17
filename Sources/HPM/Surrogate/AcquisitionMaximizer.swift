/// Finds the point that is worth most to be tried: many candidates, drawn from a counter-based stream
/// uniformly and around good points, the best few refined: reals by ``BoxMinimizer``, integers and
/// choices by their neighbours. The same to the bit for equal arguments.
///
/// - Complexity: A prediction for each candidate, one with its gradient for each evaluation of a
///   refinement. Of both there are fewer where points x (points + 8 dimension) is large: no more than
///   ``effort`` divided by it, but ``leastEvaluations``.
struct AcquisitionMaximizer {
    let process: GaussianProcess
    let acquisition: Acquisition
    let space: SearchSpace
    /// What may be moved; of any kind.
    let targets: [MutationTarget]
    /// Further coordinates of the kernel, which stay.
    var context: [Double] = []
    var time = 0.0

    private static let uniformCandidates = 512
    private static let localCandidates = 256
    private static let refined = 6
    private static let evaluations = 40
    static let effort = 1 << 27
    static let leastEvaluations = 32
    /// Candidates that are predicted together.
    private static let batch = 8
    /// Neighbours that are tried of one refined point in a pass.
    private static let neighbours = 64

    private struct Candidate {
        var point: Point
        var value: Double
    }

    /// - Parameters:
    ///   - base: Gives the values of all that is no target.
    ///   - incumbents: Good points, to look around at.
    func best(from base: Point, around incumbents: [Point], _ random: inout RandomStream) -> Point {
        guard !targets.isEmpty else { return base }
        let spans = space.spans
        var leaders: [Candidate] = []
        func consider(_ candidate: Candidate) {
            // A NaN is never among the leaders.
            let place = leaders.firstIndex { candidate.value > $0.value } ?? leaders.count
            guard place < Self.refined, !candidate.value.isNaN else { return }
            leaders.insert(candidate, at: place)
            if leaders.count > Self.refined { leaders.removeLast() }
        }
        let affordable = Self.affordable(points: process.count, dimension: space.dimension)
        let uniform = min(Self.uniformCandidates, affordable)
        let local = incumbents.isEmpty ? 0 : min(Self.localCandidates, affordable)
        for first in stride(from: 0, to: uniform + local, by: Self.batch) {
            let points = (first..<min(first + Self.batch, uniform + local)).map { number in
                number < uniform
                    ? drawn(from: base, spans, &random)
                    : moved(base, near: incumbents[(number - uniform) % incumbents.count], spans, &random)
            }
            for (point, prediction) in zip(points, process.predict(points.map { row($0) }, time: time)) {
                consider(Candidate(point: point, value: acquisition.value(prediction)))
            }
        }
        var gradients = affordable
        for index in leaders.indices { refine(&leaders[index], spans, &gradients, &random) }
        let best = leaders.max { $0.value < $1.value }
        return best?.point ?? drawn(from: base, spans, &random)
    }

    /// Fewer where each costs more, so that a proposal takes a bounded time.
    static func affordable(points: Int, dimension: Int) -> Int {
        max(leastEvaluations, effort / max(1, points * (points + 8 * dimension)))
    }

    private func row(_ point: Point) -> [Double] { space.kernelRow(point) + context }

    private func value(_ point: Point) -> Double {
        acquisition.value(process.predict(row(point), time: time))
    }

    private func drawn(
        from base: Point, _ spans: [ParameterSpan], _ random: inout RandomStream
    ) -> Point {
        var (natural, latent) = (base.natural, base.latent)
        natural.withUnsafeMutableBufferPointer { natural in
            latent.withUnsafeMutableBufferPointer { latent in
                for target in targets {
                    (natural[target.index], latent[target.index]) =
                        spans[target.parameter].place(random.uniform())
                }
            }
        }
        return Point(natural: natural, latent: latent)
    }

    /// A Gaussian step of a length between 0.001 and 0.3, in all coordinates or a few.
    private func moved(
        _ base: Point, near incumbent: Point, _ spans: [ParameterSpan], _ random: inout RandomStream
    ) -> Point {
        let length = 0.3 * Elementary.pow(10, -2.5 * random.uniform())
        let share = random.uniform() < 0.5 ? 1 : max(0.2, min(1, 3 / Double(targets.count)))
        var (natural, latent) = (base.natural, base.latent)
        natural.withUnsafeMutableBufferPointer { natural in
            latent.withUnsafeMutableBufferPointer { latent in
                for target in targets {
                    let (index, span) = (target.index, spans[target.parameter])
                    let isMoved = random.uniform() < share
                    // Logarithm and cosine of a step that is not taken are left out, its random numbers are not.
                    let step = isMoved ? length * random.normal() : 0
                    if !isMoved { random.skipNormal() }
                    if !isMoved || span.kind == .choice && step.magnitude < 0.1 {
                        (natural[index], latent[index]) = (incumbent.natural[index], incumbent.latent[index])
                    } else if span.kind == .choice {
                        (natural[index], latent[index]) = span.place(random.uniform())
                    } else {
                        (natural[index], latent[index]) = span.place(
                            GaussianMutator.reflect(incumbent.latent[index] + step))
                    }
                }
            }
        }
        return Point(natural: natural, latent: latent)
    }

    /// - Parameter gradients: How many may still be computed.
    private func refine(
        _ candidate: inout Candidate, _ spans: [ParameterSpan], _ gradients: inout Int,
        _ random: inout RandomStream
    ) {
        for _ in 0..<3 {
            climb(&candidate, spans, &gradients)
            guard stepAside(&candidate, spans, &random) else { return }
        }
    }

    /// Along the gradient of the real coordinates.
    private func climb(_ candidate: inout Candidate, _ spans: [ParameterSpan], _ gradients: inout Int) {
        let reals = targets.filter { spans[$0.parameter].isReal }
        guard !reals.isEmpty, gradients > 0 else { return }
        var row = row(candidate.point)
        let minimizer = BoxMinimizer(
            low: reals.map { _ in 0 }, high: reals.map { _ in 1 }, firstStep: 0.05,
            evaluations: min(Self.evaluations, gradients))
        let start = reals.map { candidate.point.latent[$0.index] }
        let result = minimizer.minimize(from: start) { values, gradient in
            for (target, value) in zip(reals, values) { row[target.index] = value }
            gradients -= 1
            let prediction = process.predictWithGradient(row, time: time)
            let acquired = acquisition.derivatives(prediction)
            let byVariance = acquired.byDeviation / (2 * prediction.variance.squareRoot())
            for (place, target) in reals.enumerated() {
                gradient[place] =
                    -(acquired.byMean * prediction.meanGradient[target.index]
                        + byVariance * prediction.varianceGradient[target.index])
            }
            return -acquired.value
        }
        guard -result.value > candidate.value else { return }
        for (target, value) in zip(reals, result.point) {
            (candidate.point.natural[target.index], candidate.point.latent[target.index]) =
                spans[target.parameter].place(value)
        }
        candidate.value = -result.value
    }

    /// To better neighbours in the other coordinates.
    ///
    /// - Returns: Whether there was one.
    private func stepAside(
        _ candidate: inout Candidate, _ spans: [ParameterSpan], _ random: inout RandomStream
    ) -> Bool {
        let others = targets.filter { !spans[$0.parameter].isReal }
        guard !others.isEmpty else { return false }
        var isImproved = false
        let first = random.index(below: others.count)
        var left = Self.neighbours
        for number in others.indices {
            let target = others[(first + number) % others.count]
            let parameter = space.parameters[target.parameter]
            let present = candidate.point.natural[target.index]
            var alternatives: [Double] = []
            if parameter.kind == .integer {
                alternatives = [present - 1, present + 1]
            } else if parameter.labels.count <= Self.neighbours / 4 {
                alternatives = parameter.labels.indices.map(Double.init)
            } else {
                alternatives = (0..<Self.neighbours / 4).map { _ in
                    Double(random.index(below: parameter.labels.count))
                }
            }
            for natural in alternatives
            where natural != present && natural >= parameter.low && natural <= parameter.high {
                guard left > 0 else { return isImproved }
                left -= 1
                var point = candidate.point
                point.setNatural(natural, at: target.index, of: parameter)
                let value = value(point)
                if value > candidate.value {
                    candidate = Candidate(point: point, value: value)
                    isImproved = true
                }
            }
        }
        return isImproved
    }
}
