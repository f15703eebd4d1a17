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
struct PopulationBandit: Equatable, Sendable {
    static let capacity = 256
    /// Clones of an exploit that are chosen by the model; the others are drawn.
    static let choices = 64

    /// Of each interval: coordinates, and the loss before it; when it began, in intervals; the change of
    /// loss for each report.
    var history: Observations
    /// The loss at which each student's present interval began; infinite: none.
    var startLosses: [Double]
    /// The number of the training report at which it began.
    var startReports: [Int]

    init(space: SearchSpace, students: Int) {
        history = Observations(width: space.dimension + 1)
        startLosses = Array(repeating: .infinity, count: students)
        startReports = Array(repeating: 0, count: students)
    }

    static func kernel(_ space: SearchSpace) -> CovarianceKernel {
        space.kernel(.timeVarying, isShared: true, context: 1)
    }

    /// An interval ends: its change enters the history, and the next one begins. The first begins at the
    /// first report, before which no loss is known.
    mutating func endInterval(_ students: [Student], report: Int, interval: Int, in space: SearchSpace) {
        for (number, student) in students.enumerated() {
            let loss = student.loss ?? .infinity
            let start = startLosses[number]
            if start.isFinite, report > startReports[number] {
                let reports = Double(report - startReports[number])
                // Differences of the largest numbers overflow.
                let largest = Double.greatestFiniteMagnitude
                let change = min(max(loss / reports - start / reports, -largest), largest)
                history.append(
                    space.kernelRow(student.point) + [start],
                    time: Double(startReports[number] / interval),
                    value: loss.isFinite ? change : .infinity)
                if history.count > Self.capacity { history.remove(at: 0) }
            }
            startLosses[number] = loss
            startReports[number] = report
        }
    }

    mutating func becomeClone(_ student: Int, of source: Int) {
        startLosses[student] = startLosses[source]
        startReports[student] = startReports[source]
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
