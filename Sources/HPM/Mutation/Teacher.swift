/// The teacher of HPM and its relatives: a network that maps the hyperparameters h of a parent to those
/// of its mutated child and is trained by the hypergradient G at the child.
///
///     h' = (1 + c) h,  c = squash(z)                     elementwise product
///     attention:   z = W a,      a = softmax(V x)
///     perceptron:  z = W a,      a = tanh(V x + b)
///     linear:      z = W x + b
///
///     with r = G(h') h squash'(z), q = W^T r and s the derivatives with respect to the scores of a,
///     for softmax s = a (q - a.q):
///     dL/dW = r a^T,  dL/dV = s x^T,  dL/db = s;         linear: dL/dW = r x^T,  dL/db = r
///
/// W is dimension x units, V units x dimension, for `linear` W is dimension x dimension; x is h, or h
/// scaled to unit size. The squashing and the activation of the units are options. A step is the
/// gradient times the learning rate, with r divided by its norm, so that of the attention's W it is
/// |a| times the rate long. A coordinate with h = 0 stays there and teaches nothing.
///
/// The attention's weights are N(0, 0.1^2) at first. A perceptron and a linear teacher see sums that
/// grow with the number of their inputs, which softmax does not: the weights of a layer start as
/// N(0, 0.1^2 / inputs), those of hidden units as N(0, 1 / inputs), b as 0, and a layer's step is
/// divided by its inputs, so that no step moves c by more than about the learning rate.
///
/// Source: Tao et al., 'Learning to Mutate with Hypergradient Guided Population', NeurIPS 2020, the
/// attention teacher; the gradients follow from the chain rule, and the weights at first, the input and
/// the normalised step are this library's.
public struct Teacher: Equatable, Sendable {
    public let kind: TeacherKind
    public let dimension: Int
    public let units: Int
    public let learningRate: Double
    public let squashing: Squashing
    public let activation: TeacherActivation
    /// Larger numbers could overflow inside the network.
    public static let largestInput = 1e100

    /// W, row-major.
    var values: [Double]
    /// V, row-major; empty for `linear`.
    var queries: [Double]
    /// b; empty for `attention`.
    var biases: [Double]

    init(
        _ kind: TeacherKind = .attention, dimension: Int, units: Int, learningRate: Double,
        squashing: Squashing = .tanh, activation: TeacherActivation? = nil, seed: UInt64
    ) {
        self.kind = kind
        self.dimension = dimension
        self.units = units
        self.learningRate = learningRate
        self.squashing = squashing
        self.activation = activation ?? kind.defaultActivation
        var random = RandomStream(seed: seed, purpose: .teacher)
        func weights(_ count: Int, _ deviation: Double) -> [Double] {
            (0..<count).map { _ in deviation * random.normal() }
        }
        switch kind {
        case .attention, .absent:
            values = weights(dimension * units, 0.1)
            queries = weights(units * dimension, 0.1)
            biases = []
        case .perceptron:
            values = weights(dimension * units, 0.1 / Double(units).squareRoot())
            queries = weights(units * dimension, 1 / Double(dimension).squareRoot())
            biases = Array(repeating: 0, count: units)
        case .linear:
            values = weights(dimension * dimension, 0.1 / Double(dimension).squareRoot())
            queries = []
            biases = Array(repeating: 0, count: dimension)
        }
    }

    /// With the kind, the parts and the size that `options` ask for.
    init(_ kind: TeacherKind, dimension: Int, options: ResolvedOptions) {
        self.init(
            kind, dimension: dimension, units: options.teacherUnits,
            learningRate: options.teacherLearningRate, squashing: options.teacherSquashing,
            activation: options.teacherActivation, seed: UInt64(options.seed))
    }

    /// A teacher on its own, of the kind that `options` ask for (`attention` where they ask for none).
    ///
    /// - Throws: `argument` for a dimension below 1, for an option that is not allowed and for
    ///   `teacher` = `none`; `memory` where it does not fit.
    public init(dimension: Int, options: Options = Options()) throws(HPMError) {
        guard dimension >= 1 else {
            throw HPMError(.argument, "dimension is \(dimension); allowed: 1 or more")
        }
        try options.validate()
        let kind = options.teacher ?? .attention
        var given = options
        given.teacher = kind
        let options = given.resolved()
        if kind == .absent {
            throw HPMError(
                .argument,
                "option 'teacher' is none; allowed for a teacher: attention, perceptron, linear")
        }
        try Memory.require(
            elements: [Self.elements(kind, dimension: dimension, units: options.teacherUnits)],
            "a teacher of \(dimension) hyperparameters and \(options.teacherUnits) units")
        self.init(kind, dimension: dimension, options: options)
    }

    /// What its weights take, for ``Memory/require(elements:_:)``.
    static func elements(
        _ kind: TeacherKind, dimension: Int, units: Int
    ) -> (rows: Int, columns: Int, bytes: Int) {
        switch kind {
        case .absent: (0, 0, 0)
        case .attention: (dimension, units, 16)
        // With the biases.
        case .perceptron: (dimension, units, 24)
        case .linear: (dimension, dimension, 16)
        }
    }

    /// The mutated child of a parent.
    ///
    /// - Parameter parent: `dimension` numbers of at most ``largestInput`` in size.
    /// - Complexity: O(dimension x units), for `linear` O(dimension^2).
    public func child(of parent: [Double]) -> [Double] {
        precondition(parent.count == dimension, "the parent has another dimension than the teacher")
        let changes = changes(features(parent))
        return zip(parent, changes).map { $0 * (1 + $1) }
    }

    /// One gradient step down the loss at the child that ``child(of:)`` gives.
    ///
    /// - Parameter gradient: `dimension` numbers; those that are not finite take no part, and none
    ///   counts as more than 1e150.
    /// - Returns: Whether there was anything to learn.
    /// - Complexity: O(dimension x units), for `linear` O(dimension^2).
    @discardableResult
    public mutating func learn(parent: [Double], gradientAtChild gradient: [Double]) -> Bool {
        precondition(parent.count == dimension && gradient.count == dimension)
        let limited = gradient.map { $0.isFinite ? Gradient.limited($0) : .nan }
        guard let lesson = lesson(parent: parent, input: parent, limited, where: { _, _ in true })
        else { return false }
        learn(lesson)
        return true
    }

    /// A gradient step: W changes by -rate r f^T with the features f, V by -rate s x^T, b by -rate s.
    struct Lesson {
        let residual: [Double]
        let features: [Double]
        let slopes: [Double]
        let input: [Double]
    }

    /// What there is to learn from the gradient at the child that this teacher made; nil: nothing.
    ///
    /// - Parameter isLearned: Whether a coordinate takes part, given its index and its child.
    func lesson(
        parent: [Double], input: [Double], _ gradient: [Double], where isLearned: (Int, Double) -> Bool
    ) -> Lesson? {
        let features = features(input)
        let changes = changes(features)
        var residual = Array(repeating: 0.0, count: dimension)
        var largest = 0.0
        for index in 0..<dimension where !gradient[index].isNaN {
            let change = changes[index]
            guard isLearned(index, parent[index] * (1 + change)) else { continue }
            residual[index] =
                Gradient.limited(gradient[index] * parent[index]) * squashing.slope(at: change)
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
        for index in 0..<dimension { residual[index] /= norm }
        return Lesson(
            residual: residual, features: features, slopes: slopes(residual, features), input: input)
    }

    /// The derivatives with respect to what b is added to: for `linear` r, else those of the scores.
    private func slopes(_ residual: [Double], _ features: [Double]) -> [Double] {
        if kind == .linear { return residual }
        var pulled = Array(repeating: 0.0, count: units)
        for index in 0..<dimension {
            for unit in 0..<units {
                pulled[unit] += values[index * units + unit] * residual[index]
            }
        }
        return activation.pullBack(pulled, at: features)
    }

    mutating func learn(_ lesson: Lesson) {
        let width = lesson.features.count
        Self.step(&values, lesson.residual, lesson.features, rate: rate(inputs: width))
        if kind != .linear {
            Self.step(&queries, lesson.slopes, lesson.input, rate: rate(inputs: dimension))
        }
        for index in biases.indices {
            biases[index] = Self.limited(biases[index] - learningRate * lesson.slopes[index])
        }
    }

    private func rate(inputs: Int) -> Double {
        kind == .attention ? learningRate : learningRate / Double(inputs)
    }

    /// weights -= rate rows columns^T.
    private static func step(
        _ weights: inout [Double], _ rows: [Double], _ columns: [Double], rate: Double
    ) {
        for row in rows.indices {
            for column in columns.indices {
                let place = row * columns.count + column
                weights[place] = limited(weights[place] - rate * rows[row] * columns[column])
            }
        }
    }

    /// What W is multiplied with: a, for `linear` x.
    func features(_ input: [Double]) -> [Double] {
        if kind == .linear { return input }
        var scores = Array(repeating: 0.0, count: units)
        for unit in 0..<units {
            for index in 0..<dimension {
                scores[unit] += queries[unit * dimension + index] * input[index]
            }
            if kind == .perceptron { scores[unit] += biases[unit] }
            scores[unit] = Self.limited(scores[unit])
        }
        activation.activate(&scores)
        return scores
    }

    /// c = squash(z).
    func changes(_ features: [Double]) -> [Double] {
        let width = features.count
        return (0..<dimension).map { index in
            var sum = 0.0
            for unit in 0..<width { sum += values[index * width + unit] * features[unit] }
            if kind == .linear { sum += biases[index] }
            return squashing(sum)
        }
    }

    /// Where nothing bounds what is inside the network, this does: products of such numbers are finite.
    static func limited(_ value: Double) -> Double {
        min(max(value, -largestInput), largestInput)
    }
}

extension Teacher {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(values)
        if kind != .linear { encoder.put(queries) }
        if kind != .attention { encoder.put(biases) }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let weights = -1e150...1e150
        values = try decoder.doubles(count: values.count, in: weights, "the teacher")
        if kind != .linear {
            queries = try decoder.doubles(count: queries.count, in: weights, "the teacher")
        }
        if kind != .attention {
            biases = try decoder.doubles(count: biases.count, in: weights, "the teacher")
        }
    }
}
