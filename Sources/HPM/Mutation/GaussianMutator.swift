/// u + scale N(0, 1), reflected into [0, 1]: the mutation of `hpm`.
struct GaussianMutator: Mutator {
    let scale: Double

    func mutate(
        _ clone: inout Point, at targets: [MutationTarget], in space: SearchSpace,
        _ random: inout RandomStream
    ) {
        for target in targets {
            let moved = clone.latent[target.index] + scale * random.normal()
            clone.mutate(
                toLatent: Self.reflect(moved), at: target.index,
                of: space.parameters[target.parameter])
        }
    }

    /// Folds a number into [0, 1] at both ends: a triangle wave of period 2.
    static func reflect(_ value: Double) -> Double {
        let phase = value.magnitude.truncatingRemainder(dividingBy: 2)
        return phase > 1 ? 2 - phase : phase
    }
}
