/// Hyper-training of `hpm`: a student moves in its own Adam direction where students truly differ, in one
/// shared by the population where they see the same slope through noise.
///
/// With N = G / (|G| + 1e-12), so that students weigh the same, for each coordinate:
///
///     student:     P = 0.9 P + 0.1 N,  R = 0.99 R + 0.01 N^2,  p = P / (1 - 0.9^c)
///     population:  Q, Z likewise from the mean of N over the students
///     noise of p:  nu = mean_k max(R / (1 - 0.99^c) - p^2, 0) 0.1 (1 + 0.9^c) / (1.9 (1 - 0.9^c))
///     spread:      tau = max(var_k(p; K - 1) - nu, 0)
///     own share:   b = tau / (tau + nu + 1e-12)         (empirical Bayes)
///     shared:      A = (Q / (1 - 0.9^t)) / (sqrt(Z / (1 - 0.99^t)) + 1e-12)
///     direction:   b a + (1 - b) A,  a the student's own Adam direction
///
/// c counts the student's reports that held the coordinate, t the population's rounds that did. A
/// student that is alone in a coordinate has no population to differ from: b = 1.
///
/// Under the asynchronous schedule a report moves its student alone, and Q and Z at each report, by weights that
/// are those of a round over the K living students: Q += (0.1 / K) (N - Q), Z += (0.01 / K) (M^2 - Z), M the
/// mean of the latest N of all students whose last report held the coordinate, with the corrections
/// 1 - (1 - 0.1 / K)^t and 1 - (1 - 0.01 / K)^t, t the reports. (With N^2 in place of M^2 noise would shrink the
/// shared direction by up to the root of K.) nu and tau are over the latest P and R of the same students.
///
/// It is an attention of each student over the population's hypergradients whose weights are
/// estimated from ordinary reports, at no extra cost.
struct PooledDescent: Part {
    let learningRate: Double
    let isSynchronous: Bool
    var adam: Adam
    /// P and R of each student, row-major: students x dimension.
    var mean: [Double]
    var square: [Double]
    /// Q and Z, and t of each coordinate.
    var sharedMean: [Double]
    var sharedSquare: [Double]
    var rounds: [UInt32]
    private let dimension: Int
    /// Neighbouring parameters that are descended, with the coordinates that they have together.
    private let stretches: [(indices: Range<Int>, spans: [ParameterSpan])]
    private var workspace = Workspace()
    /// Scratch of one student's step.
    private var directions: [Double] = []

    private static let floor = 1e-12

    init(_ setup: Setup) {
        let (students, dimension) = (setup.students, setup.dimension)
        learningRate = setup.options.hyperLearningRate
        isSynchronous = setup.isSynchronous
        adam = Adam(count: students * dimension)
        mean = Array(repeating: 0, count: students * dimension)
        square = mean
        sharedMean = Array(repeating: 0, count: dimension)
        sharedSquare = sharedMean
        rounds = Array(repeating: 0, count: dimension)
        self.dimension = dimension
        stretches = Self.stretches(setup.space.spans)
        workspace.reserve(students: students)
        if !isSynchronous { directions = Array(repeating: 0, count: dimension) }
    }

    private static func stretches(
        _ spans: [ParameterSpan]
    ) -> [(indices: Range<Int>, spans: [ParameterSpan])] {
        var stretches: [(indices: Range<Int>, spans: [ParameterSpan])] = []
        for span in spans where span.isDescended {
            if let last = stretches.last, last.indices.upperBound == span.indices.lowerBound {
                stretches[stretches.count - 1] = (
                    last.indices.lowerBound..<span.indices.upperBound, last.spans + [span])
            } else {
                stretches.append((span.indices, [span]))
            }
        }
        return stretches
    }

    /// - Complexity: O(cohort x dimension); under the asynchronous schedule O(students x dimension).
    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        if isSynchronous { step(cohort, &students) } else { cohort.forEach { stepOne($0, &students) } }
    }

    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {
        adam.copy(from: source, to: student, dimension: dimension)
        mean.copyRow(source, to: student, width: dimension)
        square.copyRow(source, to: student, width: dimension)
    }

    mutating func grow(_ students: Students) {
        adam.grow(to: students.count * dimension)
        let joined = students.count * dimension - mean.count
        mean += Array(repeating: 0, count: joined)
        square += Array(repeating: 0, count: joined)
        workspace.reserve(students: students.count)
    }
}

extension PooledDescent {
    /// Scratch of one tile: neighbouring coordinates, worked on for all students before the next ones.
    private struct Workspace {
        static let elements = 16_384
        private(set) var width = 0
        /// Of each student and coordinate: its own direction, and p.
        var own: [Double] = []
        var smoothed: [Double] = []
        /// Of each coordinate: how many students hold it, sums over them, and what the direction is mixed from.
        var guided: [Double] = []
        var signs: [Double] = []
        var centers: [Double] = []
        var noises: [Double] = []
        var deviations: [Double] = []
        var ownShare: [Double] = []
        var shared: [Double] = []

        mutating func reserve(students: Int) {
            width = min(max(Self.elements / max(students, 1), 8), 512)
            own = Array(repeating: 0, count: students * width)
            smoothed = own
            guided = Array(repeating: 0, count: width)
            (signs, centers, noises, deviations) = (guided, guided, guided, guided)
            (ownShare, shared) = (guided, guided)
        }
    }

    /// The arrays of a step, as memory.
    private struct Memory {
        let gradients: UnsafePointer<Double>
        let adam: (first: UnsafeMutablePointer<Double>, second: UnsafeMutablePointer<Double>, counts: UnsafeMutablePointer<UInt32>)
        let mean: UnsafeMutablePointer<Double>
        let square: UnsafeMutablePointer<Double>
        let sharedMean: UnsafeMutablePointer<Double>
        let sharedSquare: UnsafeMutablePointer<Double>
        let rounds: UnsafeMutablePointer<UInt32>
    }

    /// Moves all students of a round.
    private mutating func step(_ cohort: [Int], _ students: inout Students) {
        var work = Workspace()
        swap(&work, &workspace)
        let stretches = stretches
        let width = work.width
        let (dimension, learningRate) = (dimension, learningRate)
        withMemory(students.gradients) { memory in
            students.move(cohort, .hyperStep("pooled-descent")) { places in
                for stretch in stretches {
                    var start = stretch.indices.lowerBound
                    while start < stretch.indices.upperBound {
                        let tile = start..<min(start + width, stretch.indices.upperBound)
                        Self.update(tile, cohort, memory, dimension, &work)
                        Self.descend(
                            tile, cohort, memory, stretch.spans, places, learningRate, &work)
                        start = tile.upperBound
                    }
                }
            }
        }
        swap(&work, &workspace)
    }

    /// Takes the gradients of a tile in, and leaves each student's own direction, and how it is to be mixed.
    private static func update(
        _ tile: Range<Int>, _ cohort: [Int], _ memory: Memory, _ dimension: Int, _ work: inout Workspace
    ) {
        let count = tile.count
        let width = work.width
        work.guided.withUnsafeMutableBufferPointer { guided in
        work.signs.withUnsafeMutableBufferPointer { signs in
        work.centers.withUnsafeMutableBufferPointer { centers in
        work.noises.withUnsafeMutableBufferPointer { noises in
        work.deviations.withUnsafeMutableBufferPointer { deviations in
        work.own.withUnsafeMutableBufferPointer { own in
        work.smoothed.withUnsafeMutableBufferPointer { smoothed in
        work.ownShare.withUnsafeMutableBufferPointer { ownShare in
        work.shared.withUnsafeMutableBufferPointer { shared in
            guard let guided = guided.baseAddress, let signs = signs.baseAddress,
                let centers = centers.baseAddress, let noises = noises.baseAddress,
                let deviations = deviations.baseAddress, let own = own.baseAddress,
                let smoothed = smoothed.baseAddress, let ownShare = ownShare.baseAddress,
                let shared = shared.baseAddress
            else { return }
            for sums in [guided, signs, centers, noises, deviations] {
                sums.update(repeating: 0, count: count)
            }
            for (position, student) in cohort.enumerated() {
                let row = student * dimension + tile.lowerBound
                let gradients = memory.gradients + row
                takeIn(
                    count, gradients, memory, row, own + position * width, smoothed + position * width,
                    guided, signs, centers, noises)
            }
            for index in 0..<count { centers[index] /= max(guided[index], 1) }
            for (position, student) in cohort.enumerated() {
                let gradients = memory.gradients + student * dimension + tile.lowerBound
                let smoothed = smoothed + position * width
                for index in stride(from: 0, to: count, by: 2) {
                    let deviation = smoothed.lanes(index, count) - centers.lanes(index, count)
                    let isGuided = gradients.lanes(index, count).isNumber
                    let sum = deviations.lanes(index, count) + (deviation * deviation).or(Lanes(), isGuided)
                    deviations.store(sum, index, count)
                }
            }
            mix(tile, memory, guided, signs, noises, deviations, ownShare, shared)
        } } } } } } } } }
    }

    /// The direction, P, R and p of one student, and the sums over students.
    @inline(__always)
    private static func takeIn(
        _ count: Int, _ gradients: UnsafePointer<Double>, _ memory: Memory, _ row: Int,
        _ own: UnsafeMutablePointer<Double>, _ smoothed: UnsafeMutablePointer<Double>,
        _ guided: UnsafeMutablePointer<Double>, _ signs: UnsafeMutablePointer<Double>,
        _ centers: UnsafeMutablePointer<Double>, _ noises: UnsafeMutablePointer<Double>
    ) {
        let (m, v, c) = (memory.adam.first + row, memory.adam.second + row, memory.adam.counts + row)
        let (mean, square) = (memory.mean + row, memory.square + row)
        BiasCorrections.withTable { firstTable, secondTable in
            for index in stride(from: 0, to: count, by: 2) {
                let gradient = gradients.lanes(index, count)
                let isGuided = gradient.isNumber
                let (first, second) = Adam.count(index, count, isGuided, c, firstTable, secondTable)
                own.store(
                    Adam.step(index, count, gradient, isGuided, m, v, first, second), index, count)

                let sign = gradient / (gradient.size + floor)
                let (oldMean, oldSquare) = (mean.lanes(index, count), square.lanes(index, count))
                let newMean = 0.9 * oldMean + 0.1 * sign
                let newSquare = 0.99 * oldSquare + 0.01 * sign * sign
                let value = newMean / first
                let noise =
                    (newSquare / second - value * value).positive * (0.1 * (2 - first) / (1.9 * first))
                mean.store(newMean.or(oldMean, isGuided), index, count)
                square.store(newSquare.or(oldSquare, isGuided), index, count)
                smoothed.store(value, index, count)
                func add(_ term: Lanes, to sums: UnsafeMutablePointer<Double>) {
                    sums.store(sums.lanes(index, count) + term.or(Lanes(), isGuided), index, count)
                }
                add(Lanes(repeating: 1), to: guided)
                add(sign, to: signs)
                add(value, to: centers)
                add(noise, to: noises)
            }
        }
    }

    /// The shared direction of each coordinate and how much of its own a student keeps.
    private static func mix(
        _ tile: Range<Int>, _ memory: Memory, _ guided: UnsafePointer<Double>,
        _ signs: UnsafePointer<Double>, _ noises: UnsafePointer<Double>,
        _ deviations: UnsafePointer<Double>, _ ownShare: UnsafeMutablePointer<Double>,
        _ shared: UnsafeMutablePointer<Double>
    ) {
        for (place, coordinate) in tile.enumerated() where guided[place] > 0 {
            let count = guided[place]
            if memory.rounds[coordinate] < .max { memory.rounds[coordinate] += 1 }
            let first = BiasCorrections.first(memory.rounds[coordinate])
            let second = BiasCorrections.second(memory.rounds[coordinate])
            let sign = signs[place] / count
            memory.sharedMean[coordinate] = 0.9 * memory.sharedMean[coordinate] + 0.1 * sign
            memory.sharedSquare[coordinate] = 0.99 * memory.sharedSquare[coordinate] + 0.01 * sign * sign
            guard count > 1 else {
                (ownShare[place], shared[place]) = (1, 0)
                continue
            }
            let noise = noises[place] / count
            let spread = max(deviations[place] / (count - 1) - noise, 0)
            ownShare[place] = spread / (spread + noise + floor)
            shared[place] =
                (memory.sharedMean[coordinate] / first)
                / ((memory.sharedSquare[coordinate] / second).squareRoot() + floor)
        }
    }

    private static func descend(
        _ tile: Range<Int>, _ cohort: [Int], _ memory: Memory, _ spans: [ParameterSpan],
        _ places: Students.Places, _ rate: Double, _ work: inout Workspace
    ) {
        let width = work.width
        work.own.withUnsafeMutableBufferPointer { own in
        work.ownShare.withUnsafeBufferPointer { ownShare in
        work.shared.withUnsafeBufferPointer { shared in
            guard let own = own.baseAddress, let ownShare = ownShare.baseAddress,
                let shared = shared.baseAddress
            else { return }
            for (position, student) in cohort.enumerated() {
                let directions = own + position * width
                for index in stride(from: 0, to: tile.count, by: 2) {
                    let own = directions.lanes(index, tile.count)
                    let share = ownShare.lanes(index, tile.count)
                    let mixed = share * own + (1 - share) * shared.lanes(index, tile.count)
                    directions.store(own.or(mixed, share .== 1), index, tile.count)
                }
                let gradients = memory.gradients + student * places.dimension
                places.descendLatent(
                    student, tile, gradients, UnsafePointer(directions) - tile.lowerBound, rate)
                let (natural, latent) = (places.natural(student), places.latent(student))
                for span in spans where span.indices.overlaps(tile) {
                    span.map.naturals(latent, span.indices.clamped(to: tile), into: natural) {
                        gradients[$0] == gradients[$0]
                    }
                }
            }
        } } }
    }

    private mutating func withMemory(_ gradients: [Double], _ body: (Memory) -> Void) {
        gradients.withUnsafeBufferPointer { gradients in
        adam.first.withUnsafeMutableBufferPointer { first in
        adam.second.withUnsafeMutableBufferPointer { second in
        adam.counts.withUnsafeMutableBufferPointer { counts in
        mean.withUnsafeMutableBufferPointer { mean in
        square.withUnsafeMutableBufferPointer { square in
        sharedMean.withUnsafeMutableBufferPointer { sharedMean in
        sharedSquare.withUnsafeMutableBufferPointer { sharedSquare in
        rounds.withUnsafeMutableBufferPointer { rounds in
            guard let gradients = gradients.baseAddress, let first = first.baseAddress,
                let second = second.baseAddress, let counts = counts.baseAddress,
                let mean = mean.baseAddress, let square = square.baseAddress,
                let sharedMean = sharedMean.baseAddress, let sharedSquare = sharedSquare.baseAddress,
                let rounds = rounds.baseAddress
            else { return }
            body(
                Memory(
                    gradients: gradients, adam: (first, second, counts), mean: mean, square: square,
                    sharedMean: sharedMean, sharedSquare: sharedSquare, rounds: rounds))
        } } } } } } } } }
    }
}

// MARK: The asynchronous schedule

extension PooledDescent {
    /// Moves one student by its report.
    private mutating func stepOne(_ student: Int, _ students: inout Students) {
        let row = student * dimension
        let living = students.living
        let weight = 1 / Double(max(living.count, 1))
        let spans = students.spans
        let gradients = students.gradients
        var directions: [Double] = []
        swap(&directions, &self.directions)
        defer { swap(&directions, &self.directions) }
        for span in spans where span.isDescended {
            let start = row + span.indices.lowerBound
            gradients.withUnsafeBufferPointer { gradients in
                directions.withUnsafeMutableBufferPointer { directions in
                    guard let gradients = gradients.baseAddress, let directions = directions.baseAddress
                    else { return }
                    adam.directions(
                        from: start, count: span.indices.count, gradients + start,
                        into: directions + span.indices.lowerBound)
                }
            }
            for index in span.indices where !gradients[row + index].isNaN {
                directions[index] = pooled(
                    student, index, directions[index], gradients, living, weight)
            }
        }
        students.move(student, .hyperStep("pooled-descent")) { places in
            gradients.withUnsafeBufferPointer { gradients in
                directions.withUnsafeBufferPointer { directions in
                    guard let gradients = gradients.baseAddress, let directions = directions.baseAddress
                    else { return }
                    for span in spans where span.isDescended {
                        places.descend(
                            student, span.indices, span, gradients + row, directions, learningRate,
                            .latent)
                    }
                }
            }
        }
    }

    /// - Complexity: O(students).
    private mutating func pooled(
        _ student: Int, _ coordinate: Int, _ own: Double, _ gradients: [Double], _ living: [Int],
        _ weight: Double
    ) -> Double {
        let place = student * dimension + coordinate
        let sign = gradients[place] / (gradients[place].magnitude + Self.floor)
        mean[place] = 0.9 * mean[place] + 0.1 * sign
        square[place] = 0.99 * square[place] + 0.01 * sign * sign
        if rounds[coordinate] < .max { rounds[coordinate] += 1 }
        sharedMean[coordinate] += 0.1 * weight * (sign - sharedMean[coordinate])

        var (count, signs, center, noise) = (0.0, 0.0, 0.0, 0.0)
        for other in living {
            guard let (value, variance) = smoothed(other, coordinate, gradients) else { continue }
            let gradient = gradients[other * dimension + coordinate]
            count += 1
            signs += gradient / (gradient.magnitude + Self.floor)
            center += value
            noise += variance
        }
        let mean = signs / count
        sharedSquare[coordinate] += 0.01 * weight * (mean * mean - sharedSquare[coordinate])
        guard count > 1 else { return own }
        center /= count
        noise /= count
        var deviations = 0.0
        for other in living {
            guard let (value, _) = smoothed(other, coordinate, gradients) else { continue }
            deviations += (value - center) * (value - center)
        }
        let spread = max(deviations / (count - 1) - noise, 0)
        let ownShare = spread / (spread + noise + Self.floor)
        let reports = Double(rounds[coordinate])
        let first = 1 - Elementary.pow(1 - 0.1 * weight, reports)
        let second = 1 - Elementary.pow(1 - 0.01 * weight, reports)
        let shared =
            (sharedMean[coordinate] / first)
            / ((sharedSquare[coordinate] / second).squareRoot() + Self.floor)
        return ownShare * own + (1 - ownShare) * shared
    }

    /// p of a student and its noise; nil where its last report did not hold the coordinate.
    private func smoothed(
        _ student: Int, _ coordinate: Int, _ gradients: [Double]
    ) -> (value: Double, noise: Double)? {
        let place = student * dimension + coordinate
        if gradients[place].isNaN || adam.counts[place] == 0 { return nil }
        let first = BiasCorrections.first(adam.counts[place])
        let second = BiasCorrections.second(adam.counts[place])
        let value = mean[place] / first
        let noise =
            max(square[place] / second - value * value, 0) * (0.1 * (2 - first) / (1.9 * first))
        return (value, noise)
    }
}

extension PooledDescent {
    func encode(into encoder: inout SnapshotEncoder) {
        adam.encode(into: &encoder)
        encoder.put(mean)
        encoder.put(square)
        encoder.put(sharedMean)
        encoder.put(sharedSquare)
        encoder.put(rounds)
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        try adam.decode(&decoder)
        mean = try decoder.doubles(count: mean.count, in: -2...2, "the pooled signs")
        square = try decoder.doubles(count: square.count, in: 0...2, "the pooled squares")
        sharedMean = try decoder.doubles(count: dimension, in: -2...2, "the shared signs")
        sharedSquare = try decoder.doubles(count: dimension, in: 0...2, "the shared squares")
        rounds = try decoder.counts(count: dimension, "the rounds")
    }
}
