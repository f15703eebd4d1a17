/// Which guided coordinates of a clone a mutation moves; of the others it moves all.
enum GuidedTargets: Sendable {
    case all
    /// A teacher moves them.
    case none
    /// A hypergradient step moves them, unless mutation was asked for.
    case whereAskedFor
}

extension Students {
    /// The real and integer coordinates of a clone that mutation may move and that are included.
    ///
    /// - Complexity: O(dimension).
    func mutationTargets(of student: Int, _ guided: GuidedTargets) -> [MutationTarget] {
        mutationTargets { span, index in
            if !isGuided(student, index) { return true }
            return switch guided {
            case .all: true
            case .none: false
            case .whereAskedFor: span.update == .mutate || span.update == .both
            }
        }
    }

    /// The coordinates of a student that a teacher moves.
    func taughtTargets(of student: Int) -> [MutationTarget] {
        mutationTargets { _, index in isGuided(student, index) }
    }

    private func mutationTargets(where isIncluded: (ParameterSpan, Int) -> Bool) -> [MutationTarget] {
        var targets: [MutationTarget] = []
        for (position, span) in spans.enumerated()
        where span.kind != .choice && span.update.allowsMutation {
            for index in span.indices where isIncluded(span, index) {
                targets.append(MutationTarget(parameter: position, index: index))
            }
        }
        return targets
    }
}

extension Point {
    /// Draws each choice that may be mutated anew with a probability.
    mutating func redrawChoices(
        _ probability: Double, in space: SearchSpace, _ random: inout RandomStream
    ) {
        for parameter in space.parameters
        where parameter.kind == .choice && parameter.update.allowsMutation {
            let draw = random.uniform()
            let label = random.index(below: parameter.labels.count)
            if draw < probability { setNatural(Double(label), at: parameter.offset, of: parameter) }
        }
    }
}
