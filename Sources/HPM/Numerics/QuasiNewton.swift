/// Limited-memory BFGS: the product of the inverse Hessian, as the latest pairs of a step s and the
/// change y of the gradient along it tell, with a vector.
///
///     H <- (I - s y'/s.y) H (I - y s'/s.y) + s s'/s.y,  from H = (s.y / y.y) I of the latest pair
///
/// Source: Nocedal, 'Updating quasi-Newton matrices with limited storage', Mathematics of Computation
/// 35, 1980; algorithm 7.4 of Nocedal and Wright, 'Numerical Optimization', 2006.
struct QuasiNewton: Equatable, Sendable {
    /// Pairs that are kept; a further one takes the oldest one's place.
    let capacity: Int
    /// A pair is stored where the cosine of the angle between s and y is above it: H stays positive
    /// definite, and its condition bounded.
    let leastCosine: Double

    /// Oldest first.
    var steps: [[Double]] = []
    var changes: [[Double]] = []

    /// - Parameters:
    ///   - capacity: At least 1.
    ///   - leastCosine: Above 0, below 1.
    init(capacity: Int, leastCosine: Double) {
        self.capacity = capacity
        self.leastCosine = leastCosine
    }

    var isEmpty: Bool { steps.isEmpty }

    /// Stores a pair if the curvature along it is positive: s.y > leastCosine |s| |y|.
    ///
    /// - Complexity: O(capacity + dimension).
    mutating func append(step: [Double], change: [Double]) {
        let curvature = Vector.dot(step, change)
        guard curvature > leastCosine * Vector.norm(step) * Vector.norm(change),
            (1 / curvature).isFinite, Vector.dot(change, change).isNormal
        else { return }
        if steps.count == capacity {
            steps.removeFirst()
            changes.removeFirst()
        }
        steps.append(step)
        changes.append(change)
    }

    mutating func removeAll() {
        steps = []
        changes = []
    }

    /// H v, which is v without pairs; may hold numbers that are not finite where the pairs are extreme.
    ///
    /// - Complexity: O(capacity x dimension).
    func product(with vector: [Double]) -> [Double] {
        guard let latestChange = changes.last else { return vector }
        var result = vector
        let curvatures = zip(steps, changes).map { Vector.dot($0, $1) }
        var weights: [Double] = []
        for ((step, change), curvature) in zip(zip(steps, changes), curvatures).reversed() {
            let weight = Vector.dot(step, result) / curvature
            weights.append(weight)
            Vector.add(-weight, change, to: &result)
        }
        let scale = curvatures[curvatures.count - 1] / Vector.dot(latestChange, latestChange)
        for index in result.indices { result[index] *= scale }
        for ((step, change), curvature) in zip(zip(steps, changes), curvatures) {
            let weight = Vector.dot(change, result) / curvature
            Vector.add((weights.popLast() ?? 0) - weight, step, to: &result)
        }
        return result
    }
}
