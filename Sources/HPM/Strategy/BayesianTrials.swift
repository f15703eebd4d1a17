/// Bayesian optimisation over trials: the values of a new one are where a Gaussian process, fitted to
/// the results of those that have ended, expects the greatest improvement.
///
/// A Matérn 5/2 kernel with a length scale for each coordinate (for each parameter, or one for all,
/// where there are more than ``SearchSpace/ownLengthScales``); hyperparameters by maximum a posteriori;
/// expected improvement below the lowest fitted mean ('plug-in', Picheny, Wagner and Ginsbourger 2013).
/// The students of a round are proposed in student order, each conditioned on those before it, whose
/// results are taken to be what is predicted for them (Kriging believer); where each is alone, under the
/// asynchronous schedule, on the trials of all others.
///
/// Of more than ``capacity`` results the latest half and the best of the others are kept, so that a
/// proposal's cost is bounded: O(capacity^3).
///
/// Sources: Jones, Schonlau and Welch 1998; Snoek, Larochelle and Adams, 'Practical Bayesian
/// optimization of machine learning algorithms', NeurIPS 2012; Ginsbourger, Le Riche and Carraro,
/// 'Kriging is well-suited to parallelize optimization', 2010, section 4.2.
struct BayesianTrials: TrialProposals {
    static let capacity = 256
    static let firstTrials = 16
    /// Improvements are expected below the best value by so much, in standard deviations of the losses:
    /// calls do not go into digits that nobody asks for while other places are unknown.
    static let leastImprovement = 1e-3
    /// Students of a round that are proposed by the model; the others are drawn.
    static let proposals = 64

    var ended: Observations
    /// The results of the first trials, which say what an ordinary loss is.
    var firstResults: [Double] = []
    /// Trials that have ended, kept or not.
    var endedCount = 0
    /// The last finite loss of each student's present trial, lower is better; infinite before there is
    /// one.
    var results: [Double]
    /// Those of the kernel, with which the next search for them begins; empty before the first.
    var hyperparameters: [Double] = []
    /// How many trials had ended at the last search from the start.
    var searchedCount = 0

    init(_ setup: Setup) {
        self.init(space: setup.space, students: setup.students)
    }

    init(space: SearchSpace, students: Int) {
        ended = Observations(width: space.dimension)
        results = Array(repeating: .infinity, count: students)
    }

    static func kernel(_ space: SearchSpace) -> CovarianceKernel {
        space.kernel(.matern, isShared: false)
    }

    mutating func report(_ student: Int, loss: Double) {
        if loss.isFinite { results[student] = loss }
    }

    /// Ends the trials of some students.
    mutating func end(_ cohort: [Int], _ students: Students) {
        for student in cohort {
            ended.append(
                students.space.kernelRow(students.point(student)), value: results[student])
            if firstResults.count < Self.firstTrials { firstResults.append(results[student]) }
            results[student] = .infinity
            endedCount += 1
            if ended.count > Self.capacity {
                let old = 0..<ended.count - Self.capacity / 2
                let worst = old.max { ended.values[$0] < ended.values[$1] }
                ended.remove(at: worst ?? 0)
            }
        }
    }

    /// Where the next trials of a cohort are made, in its order. Trials of others that go on meanwhile are
    /// believed to bring what is predicted for them.
    ///
    /// - Parameter drawn: Values drawn for each of the cohort, which the first trials have.
    mutating func proposals(
        of cohort: [Int], drawn: [Point], _ students: Students, seed: UInt64
    ) -> [Point] {
        let space = students.space
        var targets: [MutationTarget] = []
        for (position, span) in students.spans.enumerated() where span.update != .fixed {
            for index in span.indices {
                targets.append(MutationTarget(parameter: position, index: index))
            }
        }
        let first = max(4, min(targets.count + 2, 12))
        var points = drawn
        let modelled = cohort.indices.filter { endedCount + $0 >= first && $0 < Self.proposals }
        guard let begin = modelled.first, !targets.isEmpty, let model = fitted(in: space) else {
            return points
        }
        var process = model.process
        var best = model.best
        let pending = students.living.filter { !cohort.contains($0) }.prefix(Self.proposals)
            .map { students.point($0) }
        for point in pending { believe(point, &process, &best, in: space) }
        for position in 0..<begin { believe(points[position], &process, &best, in: space) }
        for position in modelled {
            let student = cohort[position]
            var random = RandomStream(
                seed: seed, purpose: .proposal, student: student, event: students.reports[student])
            let maximizer = AcquisitionMaximizer(
                process: process,
                acquisition: .expectedImprovement(below: best - Self.leastImprovement), space: space,
                targets: targets)
            let point = maximizer.best(
                from: students.point(student), around: model.incumbents, &random)
            // What another student tries already says less than a place that is drawn.
            if !(pending + points[..<position]).contains(where: { $0.natural == point.natural }) {
                points[position] = point
            }
            believe(points[position], &process, &best, in: space)
        }
        return points
    }

    mutating func grow(_ students: Students) {
        results += Array(repeating: .infinity, count: students.count - results.count)
    }

    private func believe(
        _ point: Point, _ process: inout GaussianProcess, _ best: inout Double, in space: SearchSpace
    ) {
        let row = space.kernelRow(point)
        let mean = process.predict(row).mean
        process.append(row, value: mean)
        // Else a place that is believed to be better would be proposed again.
        best = min(best, mean)
    }

    /// nil before any finite result.
    private mutating func fitted(
        in space: SearchSpace
    ) -> (process: GaussianProcess, best: Double, incumbents: [Point])? {
        guard let scale = ValueScale(ended.values, quantile: 0.25, of: firstResults) else {
            return nil
        }
        let kernel = Self.kernel(space)
        var standardized = ended
        standardized.values = scale.standardized(ended.values)
        let likelihood = MarginalLikelihood(
            kernel: kernel, observations: standardized, values: standardized.values)
        // From the start while there are few results, later each time that there are a fifth more.
        if hyperparameters.isEmpty || Double(endedCount) >= 1.2 * Double(searchedCount) {
            searchedCount = endedCount
            let found = likelihood.maximize(from: kernel.start, evaluations: 40)
            var best = found
            if !hyperparameters.isEmpty {
                let other = likelihood.maximize(from: hyperparameters, evaluations: 15)
                if other.value > found.value { best = other }
            }
            hyperparameters = best.hyperparameters
        } else {
            hyperparameters = likelihood.maximize(from: hyperparameters, evaluations: 8).hyperparameters
        }
        guard let process = GaussianProcess(
            kernel: kernel, hyperparameters: hyperparameters, observations: standardized)
        else { return nil }
        let ranking = Ranking.of(standardized.values)
        let best = process.fittedValues.min() ?? 0
        return (
            process, best, ranking.prefix(4).map { space.point(kernelRow: standardized.row($0)) }
        )
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

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        let space = students.space
        ended = try Observations(
            &decoder, width: space.dimension, capacity: Self.capacity, in: space)
        firstResults = try decoder.array(minimumSize: 8, "the first results") {
            (decoder) throws(HPMError) in
            try decoder.double(in: SnapshotDecoder.losses, "a result")
        }
        guard firstResults.count <= Self.firstTrials else {
            throw SnapshotDecoder.damaged("there are \(firstResults.count) first results")
        }
        endedCount = try decoder.index(below: Int.max / 2, "the number of trials")
        results = try decoder.doubles(count: results.count, in: SnapshotDecoder.losses, "the results")
        let kernel = Self.kernel(space)
        hyperparameters = try decoder.array(minimumSize: 8, "the kernel") {
            (decoder) throws(HPMError) in
            try decoder.double(in: SnapshotDecoder.finite, "a hyperparameter of the kernel")
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
