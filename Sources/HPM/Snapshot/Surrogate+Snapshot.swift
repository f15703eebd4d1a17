private let finite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
private let losses = -Double.greatestFiniteMagnitude...Double.infinity

extension Observations {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: count)
        encoder.put(rows)
        encoder.put(times)
        encoder.put(values)
    }

    /// - Parameter capacity: The most that there may be.
    fileprivate init(
        _ decoder: inout SnapshotDecoder, width: Int, capacity: Int, in space: SearchSpace
    ) throws(HPMError) {
        self.init(width: width)
        let count = try decoder.index(below: capacity + 1, "the number of observations")
        // A width that is a space's dimension plus 1 times a capacity never overflows.
        rows = try decoder.doubles(count: count * width, in: finite, "the observed points")
        times = try decoder.doubles(count: count, in: 0...0x1p63, "the times of observations")
        values = try decoder.doubles(count: count, in: losses, "the observed losses")
        for parameter in space.parameters {
            let isChoice = parameter.kind == .choice
            for index in parameter.indices {
                for row in 0..<count {
                    let value = rows[row * width + index]
                    guard value >= 0, value <= (isChoice ? parameter.high : 1),
                        !isChoice || value == value.rounded()
                    else {
                        throw SnapshotDecoder.damaged("'\(parameter.name)' was observed at \(value)")
                    }
                }
            }
        }
    }
}

extension BayesianTrials {
    func encode(into encoder: inout SnapshotEncoder) {
        ended.encode(into: &encoder)
        encoder.put(firstResults)
        encoder.put(count: endedCount)
        encoder.put(results)
        encoder.put(hyperparameters)
        encoder.put(count: searchedCount)
    }

    mutating func decode(
        _ decoder: inout SnapshotDecoder, in space: SearchSpace
    ) throws(HPMError) {
        ended = try Observations(
            &decoder, width: space.dimension, capacity: Self.capacity, in: space)
        firstResults = try decoder.array(minimumSize: 8, "the first results") {
            (decoder) throws(HPMError) in
            try decoder.double(in: losses, "a result")
        }
        guard firstResults.count <= Self.firstTrials else {
            throw SnapshotDecoder.damaged("there are \(firstResults.count) first results")
        }
        endedCount = try decoder.index(below: Int.max / 2, "the number of trials")
        results = try decoder.doubles(count: results.count, in: losses, "the results")
        let kernel = Self.kernel(space)
        hyperparameters = try decoder.array(minimumSize: 8, "the kernel") {
            (decoder) throws(HPMError) in
            try decoder.double(in: finite, "a hyperparameter of the kernel")
        }
        guard hyperparameters.isEmpty || hyperparameters.count == kernel.hyperparameterCount else {
            throw SnapshotDecoder.damaged(
                "the kernel has \(hyperparameters.count) hyperparameters, not \(kernel.hyperparameterCount)")
        }
        for (value, (low, high)) in zip(hyperparameters, zip(kernel.lowest, kernel.highest)) {
            guard value >= low, value <= high else {
                throw SnapshotDecoder.damaged("a hyperparameter of the kernel is \(value)")
            }
        }
        searchedCount = try decoder.index(below: Int.max / 2, "the number of trials")
    }
}

extension PopulationBandit {
    func encode(into encoder: inout SnapshotEncoder) {
        history.encode(into: &encoder)
        encoder.put(startLosses)
        encoder.put(startReports) { $0.put(count: $1) }
    }

    mutating func decode(
        _ decoder: inout SnapshotDecoder, in space: SearchSpace
    ) throws(HPMError) {
        history = try Observations(
            &decoder, width: space.dimension + 1, capacity: Self.capacity, in: space)
        startLosses = try decoder.doubles(count: startLosses.count, in: losses, "the losses")
        let reports = try decoder.array(minimumSize: 8, "the intervals") {
            (decoder) throws(HPMError) in
            try decoder.index(below: Int.max / 2, "a report")
        }
        guard reports.count == startReports.count else {
            throw SnapshotDecoder.damaged("there are intervals of \(reports.count) students")
        }
        startReports = reports
    }
}
