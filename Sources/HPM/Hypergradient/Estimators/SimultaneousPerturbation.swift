/// Simultaneous perturbation (SPSA): differences of the response along random sign vectors,
///
///     dF/dh ~ mean over samples of d (F(h + c d) - F(h - c d)) / 2c,   d_i = 1 or -1
///
/// 2 evaluations of the response a sample, whatever the number of hyperparameters. Unbiased up to
/// O(c^2); the standard error falls as 1 / sqrt(samples). Divides by the steps as rounding leaves them;
/// one of 0 is an error that names the hyperparameter.
///
/// Source: Spall, 'Multivariate stochastic approximation using a simultaneous perturbation gradient
/// approximation', IEEE Transactions on Automatic Control 37, 1992, equation 2.2.
public struct SimultaneousPerturbation: Estimator {
    public static let name = "spsa"
    public let step: Double
    public let samples: Int
    public let seed: UInt64

    /// - Parameter step: c, in the units of h.
    public init(step: Double, samples: Int = 1, seed: UInt64 = 0) throws(HPMError) {
        try EstimatorSettings.requirePositive(step, "step")
        try EstimatorSettings.requireCount(samples, "samples")
        self.step = step
        self.samples = samples
        self.seed = seed
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireResponse()
        try problem.hyperparameters.require(.random)
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.hyperparameters
        let direction = try derivatives.makeHyperparameters()
        let above = try derivatives.makeHyperparameters()
        let below = try derivatives.makeHyperparameters()
        var rest: H.Vector?
        try space.scale(result, by: 0)
        var sums = try space.numbers(of: h).map { Array(repeating: 0.0, count: $0.count) }
        for sample in 0..<samples {
            try space.randomize(direction, seed: RandomSeed.derived(from: seed, student: sample, event: 0), .rademacher)
            try space.copyShifted(h, by: step, direction, to: above)
            try space.copyShifted(h, by: -step, direction, to: below)
            if sums == nil, rest == nil { rest = try derivatives.makeHyperparameters() }
            let taken = try stepTaken(from: below, to: above, direction, scratch: rest, in: space)
            guard let taken else {
                derivatives.certificate.status = .nonfinite
                return
            }
            let difference = try derivatives.response(above) - derivatives.response(below)
            switch taken {
            case .components(let steps):
                // As good as every sum has as many.
                for index in steps.indices { sums?[index] += difference / steps[index] }
            case .nearly:
                // 1 / t = (2 s - t) / s^2 but for the square of the difference, s = 2 c d.
                try space.add(-1, below, to: above)
                let slope = difference / (2 * step) / Double(samples)
                try space.add(2 * slope, direction, to: result)
                try space.add(-slope / (2 * step), above, to: result)
            }
        }
        if let sums { try space.write(sums.map { $0 / Double(samples) }, to: result) }
        derivatives.certificate.iterations = samples
    }

    /// The steps that are really taken, which rounding makes others than 2 c d.
    private enum StepTaken {
        case components([Double])
        /// None is off by a thousandth.
        case nearly
    }

    /// - Returns: nil where a number is not finite.
    /// - Throws: `argument`, naming the hyperparameter where the space can tell, for a step that is lost.
    private func stepTaken<Space: VectorSpace>(
        from below: Space.Vector, to above: Space.Vector, _ direction: Space.Vector,
        scratch rest: Space.Vector?, in space: Space
    ) throws(HPMError) -> StepTaken? {
        guard let rest else {
            guard let lower = try space.numbers(of: below), let upper = try space.numbers(of: above)
            else { return nil }
            let steps = zip(upper, lower).map { $0 - $1 }
            guard steps.allSatisfy({ $0.isFinite }) else { return nil }
            if let lost = steps.firstIndex(of: 0) {
                throw FiniteDifferences.lostStep(step, hyperparameter: lost, lower[lost])
            }
            return .components(steps)
        }
        try space.copy(above, to: rest)
        try space.add(-1, below, to: rest)
        try space.add(-2 * step, direction, to: rest)
        let difference = try space.norm(rest)
        guard difference.isFinite else { return nil }
        guard difference <= 1e-3 * 2 * step else {
            throw HPMError(
                .argument,
                "step is \(step), of which \(difference) is lost in the rounding of the hyperparameters; allowed: steps that change every one of them alike, or vectors with the operations read and write, by which each change is measured")
        }
        return .nearly
    }
}
