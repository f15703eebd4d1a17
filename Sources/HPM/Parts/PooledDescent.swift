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
    let dimension: Int
    /// Neighbouring parameters that are descended, with the coordinates that they have together.
    let stretches: [(indices: Range<Int>, spans: [ParameterSpan])]
    var workspace = Workspace()
    /// Scratch of one student's step.
    var directions: [Double] = []

    static let floor = 1e-12

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
    /// b, from the sum of the squared deviations of p over so many students, at least two, and nu.
    @inline(__always)
    static func ownShare(deviations: Double, count: Double, noise: Double) -> Double {
        let spread = max(deviations / (count - 1) - noise, 0)
        return spread / (spread + noise + floor)
    }

    /// A, from Q and Z with their corrections.
    @inline(__always)
    static func direction(_ mean: Double, _ square: Double) -> Double { mean / (square.squareRoot() + floor) }
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
