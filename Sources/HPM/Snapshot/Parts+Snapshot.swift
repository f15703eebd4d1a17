private let finite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude

extension SearchSpace {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(parameters) { encoder, parameter in
            encoder.put(parameter.name)
            encoder.put(parameter.kind.rawValue)
            encoder.put(count: parameter.count)
            encoder.put(parameter.labels) { $0.put($1) }
            encoder.put(parameter.scale.rawValue)
            encoder.put(parameter.low)
            encoder.put(parameter.high)
            encoder.put(parameter.initial) { $0.put($1) }
            encoder.put(parameter.update.rawValue)
        }
    }

    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self.init()
        do throws(HPMError) {
            for _ in 0..<(try decoder.count(ofSize: 43, "the space")) {
                try decodeParameter(&decoder)
            }
        } catch {
            throw error.code == .memory || error.code == .snapshot
                ? error : SnapshotDecoder.damaged(error.message)
        }
    }

    private mutating func decodeParameter(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let name = try decoder.string()
        let kind = Hyperparameter.Kind(rawValue: try decoder.integer(UInt8.self))
        let count = try decoder.index(below: Int.max, "a block's count")
        let labels = try decoder.array(minimumSize: 8, "the labels") { (decoder) throws(HPMError) in
            try decoder.string()
        }
        let scale = Scale(rawValue: try decoder.integer(Int32.self))
        let low = try decoder.double()
        let high = try decoder.double()
        let initial = try decoder.optional { (decoder) throws(HPMError) in
            try decoder.double(in: finite, "an initial value")
        }
        let update = Update(rawValue: try decoder.integer(Int32.self))
        guard let kind, let scale, let update else {
            throw SnapshotDecoder.damaged("a parameter is of no known kind")
        }
        switch kind {
        case .real:
            try addReal(name, low: low, high: high, scale: scale, initial: initial)
        case .block:
            try addBlock(name, count: count, low: low, high: high, scale: scale, initial: initial)
        case .integer:
            try addInteger(name, low: low, high: high, scale: scale, initial: initial)
        case .choice:
            try addChoice(name, labels: labels, initial: initial.flatMap { Int(exactly: $0) })
        }
        try setUpdate(update, of: name)
    }

    func decodeNatural(_ decoder: inout SnapshotDecoder) throws(HPMError) -> [Double] {
        let values = try decoder.doubles(count: dimension, in: finite, "the hyperparameters")
        for parameter in parameters {
            for index in parameter.indices where parameter.complaint(about: values[index]) != nil {
                throw SnapshotDecoder.damaged("'\(parameter.name)' is \(values[index])")
            }
        }
        return values
    }

    func decodePoint(_ decoder: inout SnapshotDecoder) throws(HPMError) -> Point {
        Point(
            natural: try decodeNatural(&decoder),
            latent: try decoder.doubles(count: dimension, in: 0...1, "the latent coordinates"))
    }
}

extension Options {
    func encode(into encoder: inout SnapshotEncoder) {
        let texts = OptionKey.all.compactMap { key in text(of: key).map { (key.name, $0) } }
        encoder.put(texts) {
            $0.put($1.0)
            $0.put($1.1)
        }
    }

    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self.init()
        for _ in 0..<(try decoder.count(ofSize: 16, "the options")) {
            let key = try decoder.string()
            let value = try decoder.string()
            do throws(HPMError) {
                try set(key, to: value)
            } catch {
                throw SnapshotDecoder.damaged(error.message)
            }
        }
    }

    /// The value as ``set(_:to:)`` reads it; nil where the algorithm decides.
    private func text(of key: OptionKey) -> String? {
        switch key.access {
        case .integer(let path, _): "\(self[keyPath: path])"
        case .real(let path, _): "\(self[keyPath: path])"
        case .optionalInteger(let path, _): self[keyPath: path].map { "\($0)" }
        case .optionalReal(let path, _): self[keyPath: path].map { "\($0)" }
        case .word(_, let get, _): get(self)
        }
    }
}

extension Point {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(natural)
        encoder.put(latent)
    }
}

extension Student {
    func encode(into encoder: inout SnapshotEncoder) {
        point.encode(into: &encoder)
        encoder.put(reported)
        encoder.put(loss) { $0.put($1) }
        encoder.put(hasBegun)
        encoder.put(mutation) { encoder, mutation in
            mutation.parent.encode(into: &encoder)
            for isMoved in mutation.moved { encoder.put(isMoved) }
        }
    }

    init(_ decoder: inout SnapshotDecoder, in space: SearchSpace) throws(HPMError) {
        self.init(point: try space.decodePoint(&decoder))
        reported = try space.decodeNatural(&decoder)
        loss = try decoder.optional { (decoder) throws(HPMError) in
            try decoder.double(in: -Double.greatestFiniteMagnitude...Double.infinity, "a loss")
        }
        hasBegun = try decoder.bool()
        mutation = try decoder.optional { (decoder) throws(HPMError) in
            let parent = try space.decodePoint(&decoder)
            var moved: [Bool] = []
            for _ in 0..<space.dimension { moved.append(try decoder.bool()) }
            return TaughtMutation(parent: parent, moved: moved)
        }
    }
}

extension HyperTraining {
    func encode(into encoder: inout SnapshotEncoder) {
        if let adam {
            encoder.put(adam.first)
            encoder.put(adam.second)
            encoder.put(adam.counts)
        }
        if let pool {
            encoder.put(pool.mean)
            encoder.put(pool.square)
            encoder.put(pool.sharedMean)
            encoder.put(pool.sharedSquare)
            encoder.put(pool.rounds)
        }
    }

    /// Reads the moments of the optimizer that the options have made.
    mutating func decode(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        if let size = adam?.first.count {
            let gradients = -Gradient.largest...Gradient.largest
            adam?.first = try decoder.doubles(count: size, in: gradients, "the moments")
            adam?.second = try decoder.doubles(count: size, in: 0...finite.upperBound, "the moments")
            adam?.counts = try decoder.counts(count: size, "the counts")
        }
        if let size = pool?.mean.count, let dimension = pool?.rounds.count {
            pool?.mean = try decoder.doubles(count: size, in: -2...2, "the pooled signs")
            pool?.square = try decoder.doubles(count: size, in: 0...2, "the pooled squares")
            pool?.sharedMean = try decoder.doubles(count: dimension, in: -2...2, "the shared signs")
            pool?.sharedSquare = try decoder.doubles(count: dimension, in: 0...2, "the shared squares")
            pool?.rounds = try decoder.counts(count: dimension, "the rounds")
        }
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

extension ScoreFunctionTeacher {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(means)
        encoder.put(logScales)
        encoder.put(labelLogits)
        encoder.put(keepLogits)
        encoder.put(baseline)
        encoder.put(variance)
    }

    mutating func decode(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let logits = -Self.largestLogit...Self.largestLogit
        means = try decoder.doubles(
            count: means.count, in: -Self.largestMean...Self.largestMean, "the policy's means")
        logScales = try decoder.doubles(
            count: logScales.count, in: Self.logScaleRange, "the policy's scales")
        labelLogits = try decoder.doubles(count: labelLogits.count, in: logits, "the policy's labels")
        keepLogits = try decoder.doubles(count: keepLogits.count, in: logits, "the policy's labels")
        baseline = try decoder.double(in: -1...1, "a baseline")
        variance = try decoder.double(in: 0...4, "a variance")
    }
}

extension MutationDraw {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: source)
        encoder.put(parent)
        encoder.put(draws)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int, in space: SearchSpace) throws(HPMError) {
        source = try decoder.index(below: students, "a source")
        parent = try space.decodeNatural(&decoder)
        draws = try decoder.doubles(
            count: space.dimension, in: finite, allowingNaN: true, "a draw")
        let normal = -ScoreFunctionTeacher.largestDraw...ScoreFunctionTeacher.largestDraw
        for parameter in space.parameters {
            for index in parameter.indices where !draws[index].isNaN {
                let isPossible =
                    parameter.kind == .choice
                    ? parameter.complaint(about: draws[index]) == nil : normal.contains(draws[index])
                guard isPossible else { throw SnapshotDecoder.damaged("a draw is \(draws[index])") }
            }
        }
    }
}

extension Round {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(action.rawValue)
        encoder.put(tasks) { encoder, task in
            encoder.put(task) { encoder, task in
                encoder.put(count: task.source)
                encoder.put(task.point) { $1.encode(into: &$0) }
                encoder.put(task.isOut)
                encoder.put(task.isReported)
                encoder.put(task.reportedTrainingCost) { $0.put($1) }
                encoder.put(task.hypergradientCost)
                encoder.put(task.gradient)
            }
        }
    }

    init(_ decoder: inout SnapshotDecoder, students: Int, in space: SearchSpace) throws(HPMError) {
        guard let action = Action(rawValue: try decoder.integer(Int32.self)),
            action != .wait, action != .stop
        else { throw SnapshotDecoder.damaged("a round is of no known kind") }
        let tasks = try decoder.array(minimumSize: 1, "a round") { (decoder) throws(HPMError) in
            try decoder.optional { (decoder) throws(HPMError) in
                var task = Task(source: try decoder.index(below: students, "a source"))
                task.point = try decoder.optional { (decoder) throws(HPMError) in
                    try space.decodePoint(&decoder)
                }
                task.isOut = try decoder.bool()
                task.isReported = try decoder.bool()
                task.reportedTrainingCost = try decoder.optional { (decoder) throws(HPMError) in
                    try decoder.double(in: 0...Population.largestCost, "a cost")
                }
                task.hypergradientCost = try decoder.double(in: 0...Population.largestCost, "a cost")
                task.gradient = try decoder.doubles(
                    count: action == .evaluate && task.isReported ? space.dimension : 0,
                    in: -Gradient.largest...Gradient.largest, allowingNaN: true, "an evaluation")
                return task
            }
        }
        self.init(action, tasks)
        missing = tasks.count { $0.map { !$0.isReported } ?? false }
        guard tasks.count == students, missing > 0 else {
            throw SnapshotDecoder.damaged("a round has \(tasks.count) tasks, \(missing) of them open")
        }
    }
}

extension Budget {
    func encode(into encoder: inout SnapshotEncoder) {
        for value in reports { encoder.put(count: value) }
        encoder.put(seconds)
        encoder.put(count: hypergradientReports)
        encoder.put([trainingCost, hypergradientCost, teacherCost])
        encoder.put(count: nonfiniteLosses)
        encoder.put(count: nonfiniteHypergradients)
        encoder.put(count: clones)
    }

    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self.init()
        let limit = Int.max / 2
        for index in reports.indices { reports[index] = try decoder.index(below: limit, "a count") }
        seconds = try decoder.doubles(count: seconds.count, in: 0...1e100, "the times")
        hypergradientReports = try decoder.index(below: limit, "a count")
        let costs = try decoder.doubles(count: 3, in: 0...1e200, "the costs")
        (trainingCost, hypergradientCost, teacherCost) = (costs[0], costs[1], costs[2])
        nonfiniteLosses = try decoder.index(below: limit, "a count")
        nonfiniteHypergradients = try decoder.index(below: limit, "a count")
        clones = try decoder.index(below: limit, "a count")
    }
}
