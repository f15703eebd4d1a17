/// Adam with a count for each coordinate, since a coordinate without a derivative in a report takes
/// no part in it:
///
///     m = 0.9 m + 0.1 g;  v = 0.99 v + 0.01 g^2
///     direction = (m / (1 - 0.9^c)) / (sqrt(v / (1 - 0.99^c)) + 1e-12)
///
/// Source: Kingma and Ba, 'Adam', ICLR 2015, algorithm 1; the constants are those of HPM's
/// hyper-training here, where a run is some hundred steps.
struct Adam: Equatable, Sendable {
    static let firstDecay = 0.9
    static let secondDecay = 0.99
    static let epsilon = 1e-12

    /// Row-major: students x dimension.
    var first: [Double]
    var second: [Double]
    var counts: [UInt32]

    init(count: Int) {
        first = Array(repeating: 0, count: count)
        second = Array(repeating: 0, count: count)
        counts = Array(repeating: 0, count: count)
    }

    mutating func grow(to count: Int) {
        let joined = count - first.count
        first += Array(repeating: 0, count: joined)
        second += Array(repeating: 0, count: joined)
        counts += Array(repeating: 0, count: joined)
    }

    mutating func copy(from source: Int, to student: Int, dimension: Int) {
        first.copyRow(source, to: student, width: dimension)
        second.copyRow(source, to: student, width: dimension)
        counts.copyRow(source, to: student, width: dimension)
    }

    /// Takes gradients in and gives the directions of neighbouring coordinates.
    ///
    /// - Parameters:
    ///   - start: The place of the first in the arrays.
    ///   - gradients: `count` of them; NaN: takes no part.
    ///   - directions: Receives `count` directions; where a coordinate takes no part, 0.
    mutating func directions(
        from start: Int, count: Int, _ gradients: UnsafePointer<Double>,
        into directions: UnsafeMutablePointer<Double>
    ) {
        first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
                counts.withUnsafeMutableBufferPointer { counts in
                    guard let m = first.baseAddress, let v = second.baseAddress,
                        let c = counts.baseAddress
                    else { return }
                    Self.directions(
                        count, gradients, m + start, v + start, c + start, into: directions)
                }
            }
        }
    }

    @inline(__always)
    static func directions(
        _ count: Int, _ gradients: UnsafePointer<Double>, _ m: UnsafeMutablePointer<Double>,
        _ v: UnsafeMutablePointer<Double>, _ c: UnsafeMutablePointer<UInt32>,
        into directions: UnsafeMutablePointer<Double>
    ) {
        Lanes.each(below: count) { index, isPair in
            let gradient = gradients.lanes(index, isPair)
            let isGuided = gradient.isNumber
            let corrections = Self.count(index, isPair, isGuided, c)
            directions.store(step(index, isPair, gradient, isGuided, m, v, corrections), index, isPair)
        }
    }

    /// Counts a report of two coordinates and gives their bias corrections.
    @inline(__always)
    static func count(
        _ index: Int, _ isPair: Bool, _ isGuided: Lanes.Mask, _ counts: UnsafeMutablePointer<UInt32>
    ) -> BiasCorrections.OfLanes {
        let other = isPair ? index &+ 1 : index
        if isGuided[0], counts[index] < .max { counts[index] &+= 1 }
        if other != index, isGuided[1], counts[other] < .max { counts[other] &+= 1 }
        return BiasCorrections.OfLanes(counts[index], counts[other])
    }

    /// The moments and the direction of two coordinates; 0 where one takes no part.
    @inline(__always)
    static func step(
        _ index: Int, _ isPair: Bool, _ gradient: Lanes, _ isGuided: Lanes.Mask,
        _ m: UnsafeMutablePointer<Double>, _ v: UnsafeMutablePointer<Double>,
        _ corrections: BiasCorrections.OfLanes
    ) -> Lanes {
        let (oldMean, oldSquare) = (m.lanes(index, isPair), v.lanes(index, isPair))
        let mean = firstDecay * oldMean + (1 - firstDecay) * gradient
        let square = secondDecay * oldSquare + (1 - secondDecay) * gradient * gradient
        m.store(mean.or(oldMean, isGuided), index, isPair)
        v.store(square.or(oldSquare, isGuided), index, isPair)
        return ((mean / corrections.first) / ((square / corrections.second).root + epsilon))
            .or(Lanes(), isGuided)
    }
}

extension Adam {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(first)
        encoder.put(second)
        encoder.put(counts)
    }

    mutating func decode(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let gradients = -Gradient.largest...Gradient.largest
        first = try decoder.doubles(count: first.count, in: gradients, "the moments")
        second = try decoder.doubles(
            count: second.count, in: 0...SnapshotDecoder.finite.upperBound, "the moments")
        counts = try decoder.counts(count: counts.count, "the counts")
    }
}
