/// The natural value times 1 - scale or 1 + scale, drawn for each coordinate, or, with probability
/// `resampling`, drawn anew.
///
/// Source: Jaderberg et al., 'Population Based Training of Neural Networks', 2017, section 4.1.1
/// (factors of 0.8 and 1.2, resampling with 0.25).
struct FactorMutator: Mutator {
    let scale: Double
    let resampling: Double

    func mutate(
        _ clone: inout Point, at targets: [MutationTarget], in space: SearchSpace,
        _ random: inout RandomStream
    ) {
        for target in targets {
            let parameter = space.parameters[target.parameter]
            let draw = random.uniform()
            let anew = random.uniform()
            if draw < resampling {
                clone.mutate(toLatent: anew, at: target.index, of: parameter)
            } else {
                clone.mutate(
                    byFactor: anew < 0.5 ? 1 - scale : 1 + scale, at: target.index, of: parameter)
            }
        }
    }
}
