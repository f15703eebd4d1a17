/// What a policy drew for a clone and has yet to learn from.
struct MutationDraw: Equatable, Sendable {
    /// The student that the clone descends from and is compared with.
    let source: Int
    /// The source's values, in natural units.
    let parent: [Double]
    /// Of each coordinate the standard normal number that was drawn, of a choice the label; NaN: not
    /// moved.
    let draws: [Double]
}

extension MutationDraw {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(count: source)
        encoder.put(parent)
        encoder.put(draws)
    }

    init(_ decoder: inout SnapshotDecoder, students: Int, in space: SearchSpace) throws(HPMError) {
        source = try decoder.index(below: students, "a source")
        parent = try space.decodeNatural(&decoder)
        draws = try decoder.doubles(
            count: space.dimension, in: SnapshotDecoder.finite, allowingNaN: true, "a draw")
        let normal = -MutationPolicy.largestDraw...MutationPolicy.largestDraw
        for parameter in space.parameters {
            for index in parameter.indices where !draws[index].isNaN {
                let isPossible =
                    parameter.kind == .choice
                    ? parameter.complaint(about: draws[index]) == nil : normal.contains(draws[index])
                guard isPossible else { throw SnapshotDecoder.damaged("a draw is \(draws[index])") }
            }
        }
    }
}
