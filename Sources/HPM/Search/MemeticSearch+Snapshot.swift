private let losses = -2 * LocalSearch.largestLoss...2 * LocalSearch.largestLoss
/// Differences and residuals of losses.
private let differences = -1e303...1e303
private let residualRange = 0...1e303

extension MemeticSearch {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(memory.points) { $1.encode(into: &$0) }
        for flag in hasDerivative { encoder.put(flag) }
        encoder.put(repeatability.rawValue)
        encoder.put(count: failedRepeats)
        for search in searches { search.encode(into: &encoder) }
        encoder.put(bestRejected) { $1.encode(into: &$0) }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        try decodeSearch(&decoder, students)
        bestRejected = try decoder.knownReport(in: students.space)
    }

    mutating func decodeSearch(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        let space = students.space
        memory.points = try decoder.array(minimumSize: 40, "the memory") {
            (decoder) throws(HPMError) in
            try space.decodeKnownPoint(&decoder)
        }
        guard memory.points.count <= SearchMemory.capacity else {
            throw SnapshotDecoder.damaged("the memory has \(memory.points.count) points")
        }
        for index in hasDerivative.indices { hasDerivative[index] = try decoder.bool() }
        repeatability = try decoder.member("a repeatability")
        failedRepeats = try decoder.index(
            below: Self.mostFailedRepeats + 1, "a number of second calls")
        for student in searches.indices {
            try searches[student].decode(&decoder, in: space, box)
        }
        let kinds = searches.compactMap(\.step?.kind)
        let repeating = kinds.count { $0 == .repeating }
        guard repeating <= (repeatability == .unknown ? 1 : 0),
            repeatability == .noisy || !kinds.contains(.inNoise)
        else { throw SnapshotDecoder.damaged("\(repeating) searches make a second call") }
    }
}

extension KnownPoint {
    func encode(into encoder: inout SnapshotEncoder) {
        point.encode(into: &encoder)
        encoder.put(loss)
        encoder.put(value)
        encoder.put(count: count)
    }
}

extension SearchSpace {
    fileprivate func decodeKnownPoint(
        _ decoder: inout SnapshotDecoder
    ) throws(HPMError) -> KnownPoint {
        var known = KnownPoint(
            point: try decodePoint(&decoder), loss: try decoder.double(in: losses, "a loss"))
        known.value = try decoder.double(in: losses, "an estimate")
        known.count = try decoder.index(below: LocalSearch.largestCount + 1, "a count")
        guard known.count > 0 else { throw SnapshotDecoder.damaged("a count is 0") }
        return known
    }
}

extension LocalSearch {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(iterate) { encoder, iterate in
            iterate.known.encode(into: &encoder)
            encoder.put(iterate.gradient)
        }
        encoder.put(step) { encoder, step in
            encoder.put(step.direction)
            encoder.put(step.tolerance)
            encoder.put(step.kind.rawValue)
        }
        encoder.put(best) { $1.encode(into: &$0) }
        encoder.put(pairs.steps) { $0.put($1) }
        encoder.put(pairs.changes) { $0.put($1) }
        encoder.put(residuals)
        encoder.put(lastTolerance)
        encoder.put(radius)
        encoder.put(rate)
        encoder.put(count: age)
        encoder.put(count: reversals)
        encoder.put(count: restarts)
    }

    fileprivate mutating func decode(
        _ decoder: inout SnapshotDecoder, in space: SearchSpace, _ box: SearchBox
    ) throws(HPMError) {
        let gradients = -Gradient.largest...Gradient.largest
        let dimension = space.dimension
        iterate = try decoder.optional { (decoder) throws(HPMError) in
            Iterate(
                known: try space.decodeKnownPoint(&decoder),
                gradient: try decoder.doubles(count: dimension, in: gradients, "a gradient"))
        }
        step = try decoder.optional { (decoder) throws(HPMError) in
            Step(
                direction: try decoder.doubles(
                    count: dimension, in: -2 * box.largestRadius...2 * box.largestRadius, "a step"),
                tolerance: try decoder.double(in: residualRange, "a tolerance"),
                kind: try decoder.member("a kind of step"))
        }
        best = try decoder.optional { (decoder) throws(HPMError) in
            try space.decodeKnownPoint(&decoder)
        }
        guard (iterate == nil) == (step == nil), (iterate == nil) == (best == nil) else {
            throw SnapshotDecoder.damaged("a search has begun by halves")
        }
        pairs.steps = try decoder.array(minimumSize: 8, "the steps") { (decoder) throws(HPMError) in
            try decoder.doubles(count: dimension, in: -1...1, "a step")
        }
        pairs.changes = try decoder.array(minimumSize: 8, "the changes") {
            (decoder) throws(HPMError) in
            try decoder.doubles(
                count: dimension, in: -2 * Gradient.largest...2 * Gradient.largest, "a change")
        }
        guard pairs.steps.count == pairs.changes.count, pairs.steps.count <= LocalSearch.pairCapacity
        else { throw SnapshotDecoder.damaged("a search has \(pairs.steps.count) steps") }
        let count = try decoder.count(ofSize: 8, "the residuals")
        guard count <= LocalSearch.residualCount else {
            throw SnapshotDecoder.damaged("a search has \(count) residuals")
        }
        var residuals: [Double] = []
        for _ in 0..<count {
            residuals.append(try decoder.double(in: residualRange, "a residual"))
        }
        self.residuals = residuals
        lastTolerance = try decoder.double(in: residualRange, "a tolerance")
        radius = try decoder.double(in: 0...box.largestRadius, "a radius")
        rate = try decoder.double(in: differences, "a rate")
        age = try decoder.index(below: Int.max / 2, "an age")
        reversals = try decoder.index(below: Int.max / 2, "a number of turns")
        restarts = try decoder.index(below: Int.max / 2, "a number of searches")
    }
}
