/// The teacher inside a population: in the algorithm's coordinates, clipped to the bounds, with an
/// input of unit size.
extension Teacher {
    /// Latent coordinates are of unit size; natural values are divided by the larger of their bounds.
    func input(_ point: Point, _ coordinates: Coordinates, in space: SearchSpace) -> [Double] {
        guard coordinates == .natural else { return point.latent }
        var input = point.natural
        for parameter in space.parameters {
            let size = max(parameter.low.magnitude, parameter.high.magnitude)
            for index in parameter.indices { input[index] /= size }
        }
        return input
    }

    /// Moves the targets, which are real, of a clone.
    func mutate(
        _ clone: inout Point, at targets: [MutationTarget], _ coordinates: Coordinates,
        in space: SearchSpace
    ) {
        let changes = changes(features(input(clone, coordinates, in: space)))
        for target in targets {
            let index = target.index
            clone.move(
                to: clone[coordinates, index] * (1 + changes[index]), in: coordinates, at: index,
                of: space.parameters[target.parameter])
        }
    }

    /// What there is to learn from the gradient at the child of `parent` that this teacher made: of the
    /// coordinates that it moved and that the bounds did not clip.
    ///
    /// - Parameters:
    ///   - moved: Whether the teacher moved a coordinate.
    ///   - gradient: `dimension` numbers in the algorithm's coordinates; NaN: takes no part.
    func lesson(
        from parent: Point, moved: [Bool], gradient: [Double], _ coordinates: Coordinates,
        in space: SearchSpace
    ) -> Lesson? {
        var ranges = [ClosedRange<Double>?](repeating: nil, count: dimension)
        for parameter in space.parameters {
            let range = coordinates == .latent ? 0...1 : parameter.low...parameter.high
            for index in parameter.indices where moved[index] { ranges[index] = range }
        }
        return lesson(
            parent: coordinates == .latent ? parent.latent : parent.natural,
            input: input(parent, coordinates, in: space), gradient
        ) { index, child in ranges[index]?.contains(child) ?? false }
    }
}
