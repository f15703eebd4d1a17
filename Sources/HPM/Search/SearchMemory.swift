/// The best points of searches that have ended.
struct SearchMemory: Equatable, Sendable {
    static let capacity = 20
    /// Points nearer to a better one than this are that one again.
    static let separation = 1e-2

    /// Best first, by the tolerance at the latest insertion.
    var points: [KnownPoint] = []

    mutating func insert(_ point: KnownPoint, tolerance: Double) {
        points = Self.best(of: points + [point], tolerance: tolerance)
    }

    /// The best of some points that lie apart, best first; equal ones in their order.
    ///
    /// - Complexity: O(capacity x points x dimension).
    static func best(of points: [KnownPoint], tolerance: Double) -> [KnownPoint] {
        let bounds = points.map { $0.bound(tolerance) }
        var kept: [KnownPoint] = []
        for index in points.indices.sorted(by: { (bounds[$0], $0) < (bounds[$1], $1) }) {
            if kept.count == capacity { break }
            if kept.allSatisfy({ $0.distance(to: points[index]) > separation }) {
                kept.append(points[index])
            }
        }
        return kept
    }
}
