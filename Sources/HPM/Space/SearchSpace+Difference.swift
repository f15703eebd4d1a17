extension SearchSpace {
    /// In what this space differs from another, as a sentence; nil: in nothing.
    ///
    /// - Parameter ignoringBounds: Whether other bounds are no difference.
    public func difference(from other: SearchSpace, ignoringBounds: Bool = false) -> String? {
        for (mine, theirs) in zip(parameters, other.parameters) {
            let name = "'\(theirs.name)'"
            if mine.name != theirs.name { return "parameter \(name) is '\(mine.name)'" }
            if mine.kind != theirs.kind { return "\(name) is of another kind" }
            if mine.count != theirs.count { return "\(name) has \(mine.count) values, not \(theirs.count)" }
            if mine.labels != theirs.labels {
                return "\(name) has the labels \(mine.labels.joined(separator: ", ")), not \(theirs.labels.joined(separator: ", "))"
            }
            if mine.scale != theirs.scale { return "\(name) has the scale \(mine.scale), not \(theirs.scale)" }
            if !ignoringBounds {
                if mine.low != theirs.low { return "low of \(name) is \(mine.low), not \(theirs.low)" }
                if mine.high != theirs.high { return "high of \(name) is \(mine.high), not \(theirs.high)" }
            }
            if mine.initial != theirs.initial {
                func text(_ initial: Double?) -> String { initial.map { "\($0)" } ?? "drawn" }
                return "initial of \(name) is \(text(mine.initial)), not \(text(theirs.initial))"
            }
            if mine.update != theirs.update { return "\(name) is updated by \(mine.update), not by \(theirs.update)" }
            if mine.role != theirs.role { return "\(name) has the role \(mine.role), not \(theirs.role)" }
        }
        if parameters.count != other.parameters.count {
            let extra = parameters.count > other.parameters.count
                ? "'\(parameters[other.parameters.count].name)' is added"
                : "'\(other.parameters[parameters.count].name)' is missing"
            return "it has \(parameters.count) parameters, not \(other.parameters.count): \(extra)"
        }
        return nil
    }

    /// How far values moved in latent coordinates, each from 0 to 1.
    ///
    /// - Parameter changes: Ascending by index.
    /// - Complexity: O(changes + parameters).
    public func latentDistances(_ changes: [Event.Change]) -> [Double] {
        var position = 0
        return changes.map { change in
            while position < parameters.count, change.index >= parameters[position].indices.upperBound { position += 1 }
            guard position < parameters.count else { return 0 }
            let map = parameters[position].map
            return (map.latent(change.to) - map.latent(change.from)).magnitude
        }
    }
}
