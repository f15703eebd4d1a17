/// Limited-memory BFGS: the product of the inverse Hessian, as the latest pairs of a step s and the
/// change y of the gradient along it tell, with a vector.
///
///     H <- (I - s y'/s.y) H (I - y s'/s.y) + s s'/s.y,  from H = (s.y / y.y) I of the latest pair
///
/// Source: Nocedal, 'Updating quasi-Newton matrices with limited storage', Mathematics of Computation
/// 35, 1980; algorithm 7.4 of Nocedal and Wright, 'Numerical Optimization', 2006.
struct QuasiNewton: Equatable, Sendable {
    static let capacity = 10

    /// Oldest first.
    var steps: [[Double]] = []
    var changes: [[Double]] = []

    var isEmpty: Bool { steps.isEmpty }

    /// Stores a pair if the curvature along it is positive: s.y > 1e-10 |s| |y|.
    mutating func append(step: [Double], change: [Double]) {
        let curvature = Vector.dot(step, change)
        guard curvature > 1e-10 * Vector.norm(step) * Vector.norm(change),
            (1 / curvature).isFinite, Vector.dot(change, change).isNormal
        else { return }
        if steps.count == Self.capacity {
            steps.removeFirst()
            changes.removeFirst()
        }
        steps.append(step)
        changes.append(change)
    }

    /// H v; may hold numbers that are not finite where the pairs are extreme.
    ///
    /// - Complexity: O(capacity x dimension).
    func product(with vector: [Double]) -> [Double] {
        guard let latestStep = steps.last, let latestChange = changes.last else { return vector }
        var result = vector
        var weights: [Double] = []
        for (step, change) in zip(steps, changes).reversed() {
            let weight = Vector.dot(step, result) / Vector.dot(step, change)
            weights.append(weight)
            Vector.add(-weight, change, to: &result)
        }
        let scale =
            Vector.dot(latestStep, latestChange) / Vector.dot(latestChange, latestChange)
        for index in result.indices { result[index] *= scale }
        for (step, change) in zip(steps, changes) {
            let weight = Vector.dot(change, result) / Vector.dot(step, change)
            Vector.add((weights.popLast() ?? 0) - weight, step, to: &result)
        }
        return result
    }
}
