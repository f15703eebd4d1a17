/// Simultaneous perturbation (SPSA): differences of the response along random sign vectors,
///
///     dF/dh ~ mean over samples of d (F(h + c d) - F(h - c d)) / 2c,   d_i = 1 or -1
///
/// 2 evaluations of the response a sample, whatever the number of hyperparameters. Unbiased up to
/// O(c^2); the standard error falls as 1 / sqrt(samples).
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
        try Settings.requirePositive(step, "step")
        try Settings.requireCount(samples, "samples")
        self.step = step
        self.samples = samples
        self.seed = seed
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.hyperparameters
        let direction = try derivatives.makeHyperparameters()
        let shifted = try derivatives.makeHyperparameters()
        try space.scale(result, by: 0)
        for sample in 0..<samples {
            try space.randomize(direction, seed: RandomSeed.derived(from: seed, student: sample, event: 0), .rademacher)
            let difference = try derivatives.difference(around: h, along: direction, step, in: shifted)
            try space.add(difference / Double(samples), direction, to: result)
        }
        derivatives.certificate.iterations = samples
    }
}
