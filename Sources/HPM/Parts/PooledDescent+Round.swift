/// The synchronous schedule: all students of a round at once, in tiles of neighbouring coordinates, two at a time.
extension PooledDescent {
    /// Scratch of one tile: neighbouring coordinates, worked on for all students before the next ones.
    struct Workspace {
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
    mutating func step(_ cohort: [Int], _ students: inout Students) {
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
                Lanes.each(below: count) { index, isPair in
                    let deviation = smoothed.lanes(index, isPair) - centers.lanes(index, isPair)
                    let isGuided = gradients.lanes(index, isPair).isNumber
                    let sum = deviations.lanes(index, isPair) + (deviation * deviation).or(Lanes(), isGuided)
                    deviations.store(sum, index, isPair)
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
        @inline(__always)
        func takeIn(
            _ index: Int, _ isPair: Bool, _ gradient: Lanes, _ isGuided: Lanes.Mask,
            _ corrections: BiasCorrections.OfLanes
        ) {
            own.store(Adam.step(index, isPair, gradient, isGuided, m, v, corrections), index, isPair)
            let sign = gradient / (gradient.size + floor)
            let (oldMean, oldSquare) = (mean.lanes(index, isPair), square.lanes(index, isPair))
            let newMean = 0.9 * oldMean + 0.1 * sign
            let newSquare = 0.99 * oldSquare + 0.01 * sign * sign
            let value = newMean / corrections.first
            let noise = (newSquare / corrections.second - value * value).positive * corrections.variance
            mean.store(newMean.or(oldMean, isGuided), index, isPair)
            square.store(newSquare.or(oldSquare, isGuided), index, isPair)
            smoothed.store(value, index, isPair)
            @inline(__always)
            func add(_ term: Lanes, to sums: UnsafeMutablePointer<Double>) {
                sums.store(sums.lanes(index, isPair) + term.or(Lanes(), isGuided), index, isPair)
            }
            add(Lanes(repeating: 1), to: guided)
            add(sign, to: signs)
            add(value, to: centers)
            add(noise, to: noises)
        }
        if let reports = commonCount(count, gradients, c) {
            // The usual case: nothing is looked up for each coordinate, and nothing is masked.
            let next = reports < .max ? reports &+ 1 : reports
            let corrections = BiasCorrections.OfLanes(next, next)
            Lanes.each(below: count) { index, isPair in
                takeIn(
                    index, isPair, gradients.lanes(index, isPair), Lanes.Mask(repeating: true), corrections)
            }
            c.update(repeating: next, count: count)
        } else {
            Lanes.each(below: count) { index, isPair in
                let gradient = gradients.lanes(index, isPair)
                let isGuided = gradient.isNumber
                takeIn(index, isPair, gradient, isGuided, Adam.count(index, isPair, isGuided, c))
            }
        }
    }

    /// The reports that all coordinates have had; nil where they differ, or one has no derivative now.
    @inline(__always)
    private static func commonCount(
        _ count: Int, _ gradients: UnsafePointer<Double>, _ counts: UnsafePointer<UInt32>
    ) -> UInt32? {
        let first = counts[0]
        var differs: UInt32 = 0
        for index in 0..<count { differs |= counts[index] ^ first }
        guard differs == 0 else { return nil }
        var areNumbers = Lanes.Mask(repeating: true)
        Lanes.each(below: count) { index, isPair in
            areNumbers = areNumbers .& gradients.lanes(index, isPair).isNumber
        }
        return areNumbers == Lanes.Mask(repeating: true) ? first : nil
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
            let rounds = memory.rounds[coordinate]
            let sign = signs[place] / count
            memory.sharedMean[coordinate] = 0.9 * memory.sharedMean[coordinate] + 0.1 * sign
            memory.sharedSquare[coordinate] = 0.99 * memory.sharedSquare[coordinate] + 0.01 * sign * sign
            guard count > 1 else {
                (ownShare[place], shared[place]) = (1, 0)
                continue
            }
            ownShare[place] = Self.ownShare(
                deviations: deviations[place], count: count, noise: noises[place] / count)
            shared[place] = direction(
                memory.sharedMean[coordinate] / BiasCorrections.first(rounds),
                memory.sharedSquare[coordinate] / BiasCorrections.second(rounds))
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
                Lanes.each(below: tile.count) { index, isPair in
                    let own = directions.lanes(index, isPair)
                    let share = ownShare.lanes(index, isPair)
                    let mixed = share * own + (1 - share) * shared.lanes(index, isPair)
                    directions.store(own.or(mixed, share .== 1), index, isPair)
                }
                let gradients = memory.gradients + student * places.dimension
                places.descendLatent(
                    student, tile, gradients, UnsafePointer(directions) - tile.lowerBound, rate)
                let (natural, latent) = (places.natural(student), places.latent(student))
                for span in spans where span.indices.overlaps(tile) {
                    span.map.naturals(
                        latent, span.indices.clamped(to: tile), into: natural, guidedBy: gradients)
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
