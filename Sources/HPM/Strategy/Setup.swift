/// What a strategy is made from.
struct Setup: Sendable {
    let space: SearchSpace
    let options: ResolvedOptions

    var students: Int { options.population }
    var dimension: Int { space.dimension }
    var seed: UInt64 { UInt64(options.seed) }
    var coordinates: Coordinates { options.algorithm.coordinates }
    var isSynchronous: Bool { options.schedule == .synchronous }
}
