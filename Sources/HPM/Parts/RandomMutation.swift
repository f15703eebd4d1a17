/// Mutation at random: a mutator moves reals and integers, choices are drawn anew with a probability.
struct RandomMutation: Part {
    let name: StaticString
    let mutator: any Mutator
    /// 0: clones stay as they are.
    let scale: Double
    let choiceProbability: Double
    let guided: GuidedTargets
    let seed: UInt64

    static let options = ["mutation_scale"]

    /// u + scale N(0, 1), reflected into [0, 1].
    static func gaussian(
        _ setup: Setup, choiceProbability: Double, guided: GuidedTargets
    ) -> RandomMutation {
        let scale = setup.options.mutationScale
        return RandomMutation(
            name: "gaussian", mutator: GaussianMutator(scale: scale), scale: scale,
            choiceProbability: choiceProbability, guided: guided, seed: setup.seed)
    }

    /// The natural value times 1 - scale or 1 + scale; drawn anew with a probability.
    ///
    /// - Parameter scale: nil: the option `mutation_scale`.
    static func factors(
        _ setup: Setup, scale: Double? = nil, resampling: Double = 0, guided: GuidedTargets
    ) -> RandomMutation {
        let scale = scale ?? setup.options.mutationScale
        return RandomMutation(
            name: "factors", mutator: FactorMutator(scale: scale, resampling: resampling), scale: scale,
            choiceProbability: 0.25, guided: guided, seed: setup.seed)
    }

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        guard scale > 0 else { return }
        for clone in clones {
            var random = RandomStream(
                seed: seed, purpose: .mutation, student: clone.student,
                event: students.reports[clone.student])
            var point = students.point(clone.student)
            mutator.mutate(
                &point, at: students.mutationTargets(of: clone.student, guided), in: students.space,
                &random)
            point.redrawChoices(choiceProbability, in: students.space, &random)
            students.place(clone.student, point, .mutation(name))
        }
    }
}
