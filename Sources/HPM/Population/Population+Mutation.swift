extension Population {
    /// Mutates the clones of an exploit, in student order.
    mutating func mutateClones() {
        var model = freshClones.isEmpty ? nil : bandit?.model(in: space)
        for (number, student) in freshClones.enumerated() {
            if number == PopulationBandit.choices { model = nil }
            mutate(student, &model)
        }
        freshClones = []
        ranking = []
    }

    private mutating func mutate(_ student: Int, _ model: inout PopulationBandit.Model?) {
        let algorithm = options.algorithm
        let parent = students[student].point
        let scale = options.mutationScale ?? algorithm.defaultMutationScale

        if scale > 0 {
            var random = RandomStream(
                seed: UInt64(options.seed), purpose: .mutation, student: student,
                event: trainingRounds)
            let targets = mutationTargets { parameter, index in
                guard isGuided(student, index) else { return true }
                if teacher != nil { return false }
                return algorithm.guidedMutation == .asOthers || parameter.update == .mutate
                    || parameter.update == .both
            }
            if model != nil {
                // The others are chosen for the choices that they meet.
                redrawChoices(of: student, algorithm.choiceProbability, &random)
                model?.choose(
                    &students[student].point, at: targets,
                    startLoss: bandit?.startLosses[student] ?? .infinity,
                    time: Double(trainingRounds / options.interval), &random)
            } else {
                perturb(student, at: targets, scale: scale, &random)
            }
        }
        if let teacher {
            // From the parent's values, which the teacher also learns from.
            var child = parent
            let targets = taughtTargets(of: student)
            teacher.mutate(&child, at: targets, coordinates, in: space)
            for target in targets {
                students[student].point.natural[target.index] = child.natural[target.index]
                students[student].point.latent[target.index] = child.latent[target.index]
            }
            if options.teacherEvaluations == 0 {
                students[student].mutation = TaughtMutation(
                    parent: parent, moved: movedByTeacher(student))
            }
        } else if algorithm.guidedMutation == .hypergradientStep {
            hyperTraining?.stepAlone(
                &students[student].point, student, gradients: gradients, in: space)
        }
    }

    private mutating func perturb(
        _ student: Int, at targets: [MutationTarget], scale: Double, _ random: inout RandomStream
    ) {
        let mutator: any Mutator
        switch options.algorithm.perturbation {
        case .gaussian:
            mutator = GaussianMutator(scale: scale)
        case .factors(let resampling):
            mutator = FactorMutator(scale: scale, resampling: resampling)
        case .bandit:
            mutator = FactorMutator(scale: scale, resampling: 1)
        case .scoreFunction:
            let source = lineage.clones.last { $0.student == student }?.source
            if let source, let teacher = scoreFunctionTeacher {
                students[student].draw = teacher.mutate(
                    &students[student].point, of: source, at: targets, in: space, &random)
            }
            return
        }
        mutator.mutate(&students[student].point, at: targets, in: space, &random)
        redrawChoices(of: student, options.algorithm.choiceProbability, &random)
    }

    private mutating func redrawChoices(
        of student: Int, _ probability: Double, _ random: inout RandomStream
    ) {
        for parameter in space.parameters
        where parameter.kind == .choice && parameter.update.allowsMutation {
            let draw = random.uniform()
            let label = random.index(below: parameter.labels.count)
            if draw < probability {
                students[student].point.setNatural(
                    Double(label), at: parameter.offset, of: parameter)
            }
        }
    }

    /// The coordinates of a student that the teacher moves.
    func taughtTargets(of student: Int) -> [MutationTarget] {
        mutationTargets { _, index in isGuided(student, index) }
    }

    func movedByTeacher(_ student: Int) -> [Bool] {
        var moved = Array(repeating: false, count: dimension)
        for target in taughtTargets(of: student) { moved[target.index] = true }
        return moved
    }

    private func isGuided(_ student: Int, _ index: Int) -> Bool {
        !gradients[student * dimension + index].isNaN
    }

    /// The real and integer coordinates that mutation may move and that are included.
    ///
    /// - Complexity: O(dimension).
    private func mutationTargets(
        where isIncluded: (Hyperparameter, Int) -> Bool
    ) -> [MutationTarget] {
        var targets: [MutationTarget] = []
        for (position, parameter) in space.parameters.enumerated()
        where parameter.kind != .choice && parameter.update.allowsMutation {
            for index in parameter.indices where isIncluded(parameter, index) {
                targets.append(MutationTarget(parameter: position, index: index))
            }
        }
        return targets
    }
}
