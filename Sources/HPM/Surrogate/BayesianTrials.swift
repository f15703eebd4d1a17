/// Bayesian optimisation over trials: the values of a new one are where a Gaussian process, fitted to
/// the results of those that have ended, expects the greatest improvement.
///
/// A Matérn 5/2 kernel with a length scale for each coordinate (for each parameter, or one for all,
/// where there are more than ``SearchSpace/ownLengthScales``); hyperparameters by maximum a posteriori;
/// expected improvement below the lowest fitted mean ('plug-in', Picheny, Wagner and Ginsbourger 2013).
/// The students of a round are proposed in student order, each conditioned on those before it, whose
/// results are taken to be what is predicted for them (Kriging believer).
///
/// Of more than ``capacity`` results the latest half and the best of the others are kept, so that a
/// proposal's cost is bounded: O(capacity^3).
///
/// Sources: Jones, Schonlau and Welch 1998; Snoek, Larochelle and Adams, 'Practical Bayesian
/// optimization of machine learning algorithms', NeurIPS 2012; Ginsbourger, Le Riche and Carraro,
/// 'Kriging is well-suited to parallelize optimization', 2010, section 4.2.
struct BayesianTrials: Equatable, Sendable {
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

    /// Ends every student's trial.
    mutating func end(_ students: [Student], in space: SearchSpace) {
        for (number, student) in students.enumerated() {
            ended.append(space.kernelRow(student.point), value: results[number])
            if firstResults.count < Self.firstTrials { firstResults.append(results[number]) }
            results[number] = .infinity
            endedCount += 1
            if ended.count > Self.capacity {
                let old = 0..<ended.count - Self.capacity / 2
                let worst = old.max { ended.values[$0] < ended.values[$1] }
                ended.remove(at: worst ?? 0)
            }
        }
    }

    /// Where the students' next trials are made, in student order.
    ///
    /// - Parameter drawn: Values drawn for each, which the first trials have.
    mutating func proposals(
        drawn: [Point], from students: [Student], in space: SearchSpace, seed: UInt64, event: Int
    ) -> [Point] {
        var targets: [MutationTarget] = []
        for (position, parameter) in space.parameters.enumerated() where parameter.update != .fixed {
            for index in parameter.indices {
                targets.append(MutationTarget(parameter: position, index: index))
            }
        }
        let first = max(4, min(targets.count + 2, 12))
        var points = drawn
        let modelled = (0..<points.count).filter { endedCount + $0 >= first && $0 < Self.proposals }
        guard let begin = modelled.first, !targets.isEmpty, let model = fitted(in: space) else {
            return points
        }
        var process = model.process
        var best = model.best
        for student in 0..<begin { believe(points[student], &process, &best, in: space) }
        for student in modelled {
            var random = RandomStream(
                seed: seed, purpose: .proposal, student: student, event: event)
            let maximizer = AcquisitionMaximizer(
                process: process,
                acquisition: .expectedImprovement(below: best - Self.leastImprovement), space: space,
                targets: targets)
            let point = maximizer.best(
                from: students[student].point, around: model.incumbents, &random)
            // What another student of the round tries already says less than a place that is drawn.
            if !points[..<student].contains(where: { $0.natural == point.natural }) {
                points[student] = point
            }
            believe(points[student], &process, &best, in: space)
        }
        return points
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
        let ranking = Selection.ranking(standardized.values)
        let best = process.fittedValues.min() ?? 0
        return (
            process, best, ranking.prefix(4).map { space.point(kernelRow: standardized.row($0)) }
        )
    }
}
