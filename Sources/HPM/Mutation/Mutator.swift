/// A coordinate that a mutation is to move.
struct MutationTarget: Sendable {
    /// The position of its parameter in the space.
    let parameter: Int
    /// Its index in the flattened arrays.
    let index: Int
}

/// Moves hyperparameters of a clone.
protocol Mutator: Sendable {
    /// Moves the targets, which are real or integer, from the values of the clone's parent.
    func mutate(
        _ clone: inout Point, at targets: [MutationTarget], in space: SearchSpace,
        _ random: inout RandomStream)
}

extension Point {
    /// Moves a value to a latent coordinate; an integer by at least 1.
    mutating func mutate(toLatent latent: Double, at index: Int, of parameter: Hyperparameter) {
        if parameter.kind.isReal {
            setLatent(latent, at: index, of: parameter)
        } else {
            mutate(
                towards: parameter.map.natural(latent), up: latent >= self.latent[index], at: index,
                of: parameter)
        }
    }

    /// Multiplies a value, clipped to its bounds; an integer moves by at least 1, from 0 upwards where
    /// the factor is above 1.
    mutating func mutate(byFactor factor: Double, at index: Int, of parameter: Hyperparameter) {
        let old = natural[index]
        let moved = old * factor
        if parameter.kind.isReal {
            setNatural(parameter.clamp(moved), at: index, of: parameter)
        } else {
            mutate(
                towards: moved, up: old == 0 ? factor > 1 : moved > old, at: index, of: parameter)
        }
    }

    private mutating func mutate(
        towards proposal: Double, up: Bool, at index: Int, of parameter: Hyperparameter
    ) {
        let old = natural[index]
        var new = parameter.clamp(proposal.rounded())
        if new == old {
            new = parameter.clamp(old + (up ? 1 : -1))
            if new == old { new = parameter.clamp(old + (up ? -1 : 1)) }
        }
        // Adding 0 makes -0 a plain 0.
        setNatural(new + 0, at: index, of: parameter)
    }
}
