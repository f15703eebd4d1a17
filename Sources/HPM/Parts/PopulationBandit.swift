/// Population-based bandits (PB2): what a clone's real and integer parameters become is chosen by the
/// confidence bound of a Gaussian process over time, hyperparameters and the loss that training starts
/// from, fitted to the change of loss over each interval of each student.
///
/// The kernel has one length scale and forgets: (1 - ω)^(|t - t'|/2), t in intervals. Clones of one
/// exploit are chosen in order, each with those before it taken to bring what is predicted for them,
/// which lowers the deviation there and leaves the mean (Desautels, Krause and Burdick 2014).
///
/// Of the history the latest ``capacity`` intervals of students are kept, and of an exploit the first
/// ``choices`` clones are chosen, in student order; the others are drawn. So an exploit costs at most
/// O((capacity + choices)^3).
///
/// Source: Parker-Holder, Nguyen and Roberts, 'Provably efficient online hyperparameter optimization
/// with population-based bandits', NeurIPS 2020, with the constants of the authors' code in Ray Tune.
struct PopulationBandit: Part {
    static let options = ["mutation_scale"]
    static let capacity = 256
    /// Clones of an exploit that are chosen by the model; the others are drawn.
    static let choices = 64

    var allowsOtherBounds: Bool { false }

    /// Of each interval: coordinates, and the loss before it; when it began, in intervals; the change of
    /// loss for each report.
    var history: Observations
    /// The loss at which each student's present interval began; infinite: none.
    var startLosses: [Double]
    /// The number of the training report at which it began.
    var startReports: [Int]

    let interval: Int
    /// 0: clones stay as they are.
    let scale: Double
    let guided: GuidedTargets
    let seed: UInt64

    init(_ setup: Setup, guided: GuidedTargets) {
        let students = setup.students
        interval = setup.options.interval
        scale = setup.options.mutationScale
        self.guided = guided
        seed = setup.seed
        history = Observations(width: setup.dimension + 1)
        startLosses = Array(repeating: .infinity, count: students)
        startReports = Array(repeating: 0, count: students)
    }

    static func kernel(_ space: SearchSpace) -> CovarianceKernel {
        space.kernel(.timeVarying, isShared: true, context: 1)
    }

    /// An interval ends: its change enters the history, and the next one begins. The first begins at the
    /// first report, before which no loss is known.
    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        for student in cohort {
            let report = students.reports[student]
            guard report == 1 || report.isMultiple(of: interval) else { continue }
            let loss = students.loss(student)
            let start = startLosses[student]
            if start.isFinite, report > startReports[student] {
                let reports = Double(report - startReports[student])
                // Differences of the largest numbers overflow.
                let largest = Double.greatestFiniteMagnitude
                let change = min(max(loss / reports - start / reports, -largest), largest)
                history.append(
                    students.space.kernelRow(students.point(student)) + [start],
                    time: Double(startReports[student] / interval),
                    value: loss.isFinite ? change : .infinity)
                if history.count > Self.capacity { history.remove(at: 0) }
            }
            startLosses[student] = loss
            startReports[student] = report
        }
    }

    /// Its interval begins at the loss of the weights that it takes, and is counted in its own reports: its source
    /// may be ahead of it or behind.
    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {
        startLosses[student] = students.loss(source)
        startReports[student] = students.reports[student]
    }

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        guard scale > 0 else { return }
        var model = model(in: students.space)
        for (number, clone) in clones.enumerated() {
            if number == Self.choices { model = nil }
            let student = clone.student
            var random = RandomStream(
                seed: seed, purpose: .mutation, student: student, event: students.reports[student])
            let targets = students.mutationTargets(of: student, guided)
            // As before the teacher, if there is one, has moved the guided ones.
            var point = clone.parent
            if model != nil {
                // The others are chosen for the choices that they meet.
                point.redrawChoices(0.25, in: students.space, &random)
                model?.choose(
                    &point, at: targets, startLoss: startLosses[student],
                    time: Double(students.reports[student] / interval), &random)
            } else {
                FactorMutator(scale: scale, resampling: 1).mutate(
                    &point, at: targets, in: students.space, &random)
                point.redrawChoices(0.25, in: students.space, &random)
            }
            var moved = students.point(student)
            let choices = students.spans.filter { $0.kind == .choice }.flatMap(\.indices)
            for index in targets.map(\.index) + choices {
                moved.natural[index] = point.natural[index]
                moved.latent[index] = point.latent[index]
            }
            students.place(student, moved, .mutation("bandit"))
        }
    }

    mutating func grow(_ students: Students) {
        let joined = students.count - startLosses.count
        startLosses += Array(repeating: .infinity, count: joined)
        startReports += Array(repeating: 0, count: joined)
    }

    /// The model of one exploit; nil where the history says nothing yet.
    func model(in space: SearchSpace) -> Model? {
        guard let changes = ValueScale(history.values, quantile: 0.75, of: history.values) else { return nil }
        let last = history.width - 1
        let losses = (0..<history.count).map { history.rows[$0 * history.width + last] }
        let known = losses + startLosses.filter(\.isFinite)
        guard let lossScale = ValueScale(known, quantile: 0.75, of: known) else { return nil }
        let context = LossContext(scale: lossScale, known)
        var standardized = history
        standardized.values = changes.standardized(history.values).map { min(max($0, -2), 2) }
        for index in losses.indices {
            standardized.rows[index * history.width + last] = context(losses[index])
        }
        let kernel = Self.kernel(space)
        let likelihood = MarginalLikelihood(
            kernel: kernel, observations: standardized, values: standardized.values)
        let found = likelihood.maximize(from: kernel.start, evaluations: 25)
        guard let process = GaussianProcess(
            kernel: kernel, hyperparameters: found.hyperparameters, observations: standardized)
        else { return nil }
        return Model(process: process, context: context, space: space)
    }

    /// The loss that training starts from, in [0, 1].
    struct LossContext: Sendable {
        private let scale: ValueScale
        private let low: Double
        private let extent: Double

        init(scale: ValueScale, _ losses: [Double]) {
            self.scale = scale
            let scaled = losses.map { scale($0) }
            low = scaled.min() ?? 0
            extent = (scaled.max() ?? 0) - low
        }

        func callAsFunction(_ loss: Double) -> Double {
            extent > 0 && extent.isFinite ? (scale(loss) - low) / extent : 0
        }
    }

    /// Chooses the clones of one exploit.
    struct Model {
        private(set) var process: GaussianProcess
        fileprivate let context: LossContext
        let space: SearchSpace
        private let observed: Int

        fileprivate init(process: GaussianProcess, context: LossContext, space: SearchSpace) {
            self.process = process
            self.context = context
            self.space = space
            observed = process.count
        }

        /// √β, β = 0.2 log(0.4 n), at least 0: the authors' constants.
        static func deviations(observed: Int) -> Double {
            max(0, 0.2 * Elementary.log(0.4 * Double(observed))).squareRoot()
        }

        /// Moves the targets, which are real or integer.
        mutating func choose(
            _ clone: inout Point, at targets: [MutationTarget], startLoss: Double, time: Double,
            _ random: inout RandomStream
        ) {
            let context = [context(startLoss)]
            let maximizer = AcquisitionMaximizer(
                process: process,
                acquisition: .confidenceBound(deviations: Self.deviations(observed: observed)),
                space: space, targets: targets, context: context, time: time)
            clone = maximizer.best(from: clone, around: [clone], &random)
            let row = space.kernelRow(clone) + context
            process.append(row, time: time, value: process.predict(row, time: time).mean)
        }
    }
}

extension PopulationBandit {
    func encode(into encoder: inout SnapshotEncoder) {
        history.encode(into: &encoder)
        encoder.put(startLosses)
        encoder.put(startReports) { $0.put(count: $1) }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        history = try Observations(
            &decoder, width: students.dimension + 1, capacity: Self.capacity, in: students.space)
        startLosses = try decoder.doubles(count: startLosses.count, in: SnapshotDecoder.losses, "the losses")
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
