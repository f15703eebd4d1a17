/// The hyperparameters that a population tunes, with their bounds and scales.
///
///     var space = SearchSpace()
///     try space.addReal("learning rate", low: 1e-4, high: 1, scale: .log)
///     try space.addInteger("batch size", low: 16, high: 256, scale: .log)
///     try space.addChoice("optimizer", labels: ["sgd", "adam"])
///     try space.addBlock("example weight", count: 500, low: 0, high: 1)
///
/// Values cross the interface in natural units as `Double`, blocks flattened, in the order in which
/// they were added; integers are whole, choices are indices of their labels.
///
/// - Complexity: A block is O(1) in memory, whatever its count.
public struct SearchSpace: Equatable, Sendable {
    public private(set) var parameters: [Hyperparameter] = []
    /// By the bytes of the name: two strings of other bytes that look alike are two names.
    private var positions: [[UInt8]: Int] = [:]

    public init() {}

    /// The number of values: the length of every array of hyperparameters.
    public var dimension: Int {
        parameters.last.map { $0.offset + $0.count } ?? 0
    }

    /// Adds a real parameter.
    ///
    /// - Parameter initial: Where student 0 starts; nil: drawn, as for all other students.
    /// - Throws: `argument` for an empty or taken name or one that holds a NUL, bounds that are not
    ///   finite, reversed or outside the scale's domain, an initial value outside the bounds. Nothing is added.
    public mutating func addReal(
        _ name: String, low: Double, high: Double, scale: Scale = .linear, initial: Double? = nil
    ) throws(HPMError) {
        try addReals(name, .real, count: 1, low: low, high: high, scale: scale, initial: initial)
    }

    /// Adds `count` real parameters that share bounds, scale and name.
    ///
    /// - Throws: As ``addReal(_:low:high:scale:initial:)``, and for a count below 1.
    public mutating func addBlock(
        _ name: String, count: Int, low: Double, high: Double, scale: Scale = .linear,
        initial: Double? = nil
    ) throws(HPMError) {
        guard count >= 1 else {
            throw HPMError(.argument, "count of '\(name)' is \(count); allowed: 1 or more")
        }
        try addReals(
            name, .block, count: count, low: low, high: high, scale: scale, initial: initial)
    }

    private mutating func addReals(
        _ name: String, _ kind: Hyperparameter.Kind, count: Int, low: Double, high: Double,
        scale: Scale, initial: Double?
    ) throws(HPMError) {
        let map = try boundedMap(name, low: low, high: high, scale: scale, margin: 0)
        try append(
            name, kind, count: count, low: low, high: high, map: map, initial: initial)
    }

    /// Adds an integer parameter. It is mutated, never descended.
    ///
    /// - Throws: As ``addReal(_:low:high:scale:initial:)``, and for bounds that are not whole or are
    ///   beyond 2^53.
    public mutating func addInteger(
        _ name: String, low: Double, high: Double, scale: Scale = .linear, initial: Double? = nil
    ) throws(HPMError) {
        if scale == .logit {
            throw HPMError(
                .argument, "scale of '\(name)' is logit; allowed for an integer: linear or log")
        }
        for (bound, value) in [("low", low), ("high", high)] where value.isFinite {
            guard value == value.rounded(), value.magnitude <= 0x1p53 else {
                throw HPMError(
                    .argument,
                    "\(bound) of '\(name)' is \(value); allowed: whole numbers, at most 2^53 in size")
            }
        }
        let map = try boundedMap(name, low: low, high: high, scale: scale, margin: 0.5)
        try append(name, .integer, count: 1, low: low, high: high, map: map, initial: initial)
    }

    /// Adds a choice among labels. It is mutated, never descended.
    ///
    /// - Throws: `argument` for an empty or taken name or one that holds a NUL, fewer than two labels, an
    ///   empty label, one that holds a NUL or two alike, an initial index that no label has.
    public mutating func addChoice(
        _ name: String, labels: [String], initial: Int? = nil
    ) throws(HPMError) {
        guard labels.count >= 2 else {
            throw HPMError(
                .argument, "'\(name)' has \(labels.count) labels; allowed: 2 or more")
        }
        var seen: Set<[UInt8]> = []
        for label in labels {
            guard !label.isEmpty else {
                throw HPMError(.argument, "a label of '\(name)' is empty")
            }
            try requireText(label, "a label of '\(name)'")
            guard seen.insert(Array(label.utf8)).inserted else {
                throw HPMError(.argument, "label '\(label)' of '\(name)' is given twice")
            }
        }
        let high = Double(labels.count - 1)
        try append(
            name, .choice, count: 1, low: 0, high: high,
            map: LatentMap(scale: .linear, low: -0.5, high: high + 0.5),
            initial: initial.map(Double.init), labels: labels)
    }

    /// Says who may move a parameter.
    ///
    /// - Throws: `argument` for an unknown name, and for a hypergradient on an integer or a choice.
    public mutating func setUpdate(_ update: Update, of name: String) throws(HPMError) {
        let parameter = try parameter(named: name)
        if !parameter.kind.isReal && (update == .hypergradient || update == .both) {
            throw HPMError(
                .argument,
                "'\(name)' is \(parameter.kind == .integer ? "an integer" : "a choice") and has no hypergradient; allowed: automatic, mutate, fixed")
        }
        if let position = positions[Array(name.utf8)] { parameters[position].update = update }
    }

    /// Says what a parameter is to the training.
    ///
    /// - Throws: `argument` for an unknown name, and for a learning rate that is not real or may be negative.
    public mutating func setRole(_ role: Role, of name: String) throws(HPMError) {
        let parameter = try parameter(named: name)
        if role == .learningRate && !parameter.kind.isReal {
            throw HPMError(
                .argument,
                "'\(name)' is \(parameter.kind == .integer ? "an integer" : "a choice"); allowed as a learning rate: a real parameter or a block"
            )
        }
        // What is taken down by a factor is the rate itself, not its logarithm.
        if role == .learningRate && parameter.low < 0 {
            throw HPMError(
                .argument,
                "low of '\(name)' is \(parameter.low); allowed for a learning rate: 0 or more (for its logarithm take scale log)")
        }
        if let position = positions[Array(name.utf8)] { parameters[position].role = role }
    }

    /// - Throws: `argument` for an unknown name.
    public func parameter(named name: String) throws(HPMError) -> Hyperparameter {
        guard let position = positions[Array(name.utf8)] else {
            let known = parameters.prefix(20).map { "'\($0.name)'" }.joined(separator: ", ")
            throw HPMError(
                .argument,
                "no parameter is named '\(name)'; \(known.isEmpty ? "the space is empty" : "there are: \(known)\(parameters.count > 20 ? ", ..." : "")")")
        }
        return parameters[position]
    }

    private func boundedMap(
        _ name: String, low: Double, high: Double, scale: Scale, margin: Double
    ) throws(HPMError) -> LatentMap {
        for (bound, value) in [("low", low), ("high", high)] where !value.isFinite {
            throw HPMError(.argument, "\(bound) of '\(name)' is \(value); allowed: finite numbers")
        }
        guard low < high else {
            throw HPMError(
                .argument, "low of '\(name)' is \(low) and high is \(high); allowed: low below high")
        }
        if scale != .linear && low <= 0 {
            throw HPMError(
                .argument, "low of '\(name)' is \(low); allowed with scale \(scale): above 0")
        }
        if scale == .logit && high >= 1 {
            throw HPMError(
                .argument, "high of '\(name)' is \(high); allowed with scale logit: below 1")
        }
        let map = LatentMap(scale: scale, low: low - margin, high: high + margin)
        guard map.isUsable else {
            throw HPMError(
                .argument,
                "low of '\(name)' is \(low) and high is \(high); allowed: bounds whose distance on the scale is a finite number above 0")
        }
        return map
    }

    /// In C a text ends at a NUL.
    private func requireText(_ text: String, _ what: String) throws(HPMError) {
        if text.utf8.contains(0) {
            throw HPMError(.argument, "\(what) holds a NUL; allowed: any other text")
        }
    }

    private mutating func append(
        _ name: String, _ kind: Hyperparameter.Kind, count: Int, low: Double, high: Double,
        map: LatentMap, initial: Double?, labels: [String] = []
    ) throws(HPMError) {
        guard !name.isEmpty else {
            throw HPMError(.argument, "name is empty; allowed: any other text")
        }
        try requireText(name, "name")
        guard positions[Array(name.utf8)] == nil else {
            throw HPMError(.argument, "name '\(name)' is taken; allowed: each name once")
        }
        let (end, overflow) = dimension.addingReportingOverflow(count)
        guard !overflow, end <= Int.max / 16 else {
            throw HPMError(.memory, "count of '\(name)' is \(count): the space's dimension overflows")
        }
        let parameter = Hyperparameter(
            name: name, labels: labels, initial: initial,
            span: ParameterSpan(
                kind: kind, indices: dimension..<end, low: low, high: high, map: map,
                update: .automatic))
        if let initial, let complaint = parameter.complaint(about: initial) {
            throw HPMError(.argument, "initial of '\(name)' is \(initial); \(complaint)")
        }
        positions[Array(name.utf8)] = parameters.count
        parameters.append(parameter)
    }
}
