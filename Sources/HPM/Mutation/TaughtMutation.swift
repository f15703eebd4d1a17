/// A mutation that a teacher has yet to learn from.
struct TaughtMutation: Equatable, Sendable {
    let parent: Point
    /// Which coordinates the teacher moved.
    let moved: [Bool]
}

extension TaughtMutation {
    func encode(into encoder: inout SnapshotEncoder) {
        parent.encode(into: &encoder)
        for isMoved in moved { encoder.put(isMoved) }
    }

    init(_ decoder: inout SnapshotDecoder, in space: SearchSpace) throws(HPMError) {
        parent = try space.decodePoint(&decoder)
        var moved: [Bool] = []
        for _ in 0..<space.dimension { moved.append(try decoder.bool()) }
        self.moved = moved
    }
}
