/// The teacher of HPM: a network that maps the hyperparameters of a parent to those of its mutated
/// child and is trained by the hypergradient at the child.
///
///     h' = (1 + c) h,  c = tanh(W softmax(V x))         elementwise product
///     with a = softmax(V x), r = G(h') h (1 - c^2), q = W^T r:
///     dL/dW = r a^T,  dL/dV = (a (q - a.q)) x^T
///
/// W is dimension x units, V units x dimension, both N(0, 0.1^2) at first; x is h, or h scaled to
/// unit size. A step has the length of the learning rate times a, since r is divided by its norm.
///
/// Source: Tao et al., 'Learning to Mutate with Hypergradient Guided Population', NeurIPS 2020, the
/// teacher network; the gradients follow from the chain rule.
public struct AttentionTeacher: Equatable, Sendable {
    public let dimension: Int
    public let units: Int
    public let learningRate: Double
    /// Larger numbers could overflow inside the network.
    public static let largestInput = 1e100

    /// W, row-major.
    var values: [Double]
    /// V, row-major.
    var queries: [Double]

    init(dimension: Int, units: Int, learningRate: Double, seed: UInt64) {
        self.dimension = dimension
        self.units = units
        self.learningRate = learningRate
        var random = RandomStream(seed: seed, purpose: .teacher)
        values = (0..<dimension * units).map { _ in 0.1 * random.normal() }
        queries = (0..<units * dimension).map { _ in 0.1 * random.normal() }
    }

    /// A teacher on its own, with the seed, the units and the learning rate of `options`.
    ///
    /// - Throws: `argument` for a dimension below 1, for an option that is not allowed and for
    ///   `teacher` = `none`; `memory` where it does not fit.
    public init(dimension: Int, options: Options = Options()) throws(HPMError) {
        guard dimension >= 1 else {
            throw HPMError(.argument, "dimension is \(dimension); allowed: 1 or more")
        }
        try options.validate()
        if options.teacher == .absent {
            throw HPMError(.argument, "option 'teacher' is none; allowed for a teacher: attention")
        }
        try Memory.require(
            elements: [(dimension, options.teacherUnits, 16)],
            "a teacher of \(dimension) hyperparameters and \(options.teacherUnits) units")
        self.init(
            dimension: dimension, units: options.teacherUnits,
            learningRate: options.teacherLearningRate, seed: UInt64(options.seed))
    }

    /// The mutated child of a parent.
    ///
    /// - Parameter parent: `dimension` numbers of at most ``largestInput`` in size.
    /// - Complexity: O(dimension x units).
    public func child(of parent: [Double]) -> [Double] {
        precondition(parent.count == dimension, "the parent has another dimension than the teacher")
        let changes = changes(attention(parent))
        return zip(parent, changes).map { $0 * (1 + $1) }
    }

    /// One gradient step down the loss at the child that ``child(of:)`` gives.
    ///
    /// - Parameter gradient: `dimension` numbers; those that are not finite take no part, and none
    ///   counts as more than 1e150.
    /// - Returns: Whether there was anything to learn.
    /// - Complexity: O(dimension x units).
    @discardableResult
    public mutating func learn(parent: [Double], gradientAtChild gradient: [Double]) -> Bool {
        precondition(parent.count == dimension && gradient.count == dimension)
        let limited = gradient.map { $0.isFinite ? Gradient.limited($0) : .nan }
        guard let lesson = lesson(parent: parent, input: parent, limited, where: { _, _ in true })
        else { return false }
        learn(lesson)
        return true
    }

    /// A gradient step: W changes by -rate r a^T, V by -rate s x^T with s = a (q - a.q).
    struct Lesson {
        let residual: [Double]
        let attention: [Double]
        let slopes: [Double]
        let input: [Double]
    }

    /// What there is to learn from the gradient at the child that this teacher made; nil: nothing.
    ///
    /// - Parameter isLearned: Whether a coordinate takes part, given its index and its child.
    func lesson(
        parent: [Double], input: [Double], _ gradient: [Double], where isLearned: (Int, Double) -> Bool
    ) -> Lesson? {
        let attention = attention(input)
        let changes = changes(attention)
        var residual = Array(repeating: 0.0, count: dimension)
        var largest = 0.0
        for index in 0..<dimension where !gradient[index].isNaN {
            let change = changes[index]
            guard isLearned(index, parent[index] * (1 + change)) else { continue }
            residual[index] =
                Gradient.limited(gradient[index] * parent[index]) * (1 - change * change)
            largest = max(largest, residual[index].magnitude)
        }
        guard largest > 0 else { return nil }
        // Scaled by its largest component first, so that no square overflows.
        var norm = 0.0
        for index in 0..<dimension {
            residual[index] /= largest
            norm += residual[index] * residual[index]
        }
        norm = norm.squareRoot()

        var pulled = Array(repeating: 0.0, count: units)
        for index in 0..<dimension {
            residual[index] /= norm
            for unit in 0..<units {
                pulled[unit] += values[index * units + unit] * residual[index]
            }
        }
        var mean = 0.0
        for unit in 0..<units { mean += attention[unit] * pulled[unit] }
        return Lesson(
            residual: residual, attention: attention,
            slopes: (0..<units).map { attention[$0] * (pulled[$0] - mean) }, input: input)
    }

    mutating func learn(_ lesson: Lesson) {
        for index in 0..<dimension {
            for unit in 0..<units {
                values[index * units + unit] -=
                    learningRate * lesson.residual[index] * lesson.attention[unit]
            }
        }
        for unit in 0..<units {
            for index in 0..<dimension {
                queries[unit * dimension + index] -=
                    learningRate * lesson.slopes[unit] * lesson.input[index]
            }
        }
    }

    /// a = softmax(V x).
    func attention(_ input: [Double]) -> [Double] {
        var scores = Array(repeating: 0.0, count: units)
        for unit in 0..<units {
            for index in 0..<dimension {
                scores[unit] += queries[unit * dimension + index] * input[index]
            }
        }
        let highest = scores.max() ?? 0
        var total = 0.0
        for unit in 0..<units {
            scores[unit] = Elementary.exp(scores[unit] - highest)
            total += scores[unit]
        }
        for unit in 0..<units { scores[unit] /= total }
        return scores
    }

    /// c = tanh(W a).
    func changes(_ attention: [Double]) -> [Double] {
        (0..<dimension).map { index in
            var sum = 0.0
            for unit in 0..<units { sum += values[index * units + unit] * attention[unit] }
            return Elementary.tanh(sum)
        }
    }
}
