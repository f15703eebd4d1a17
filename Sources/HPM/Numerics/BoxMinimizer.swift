/// Minimises a smooth function in a box: limited-memory BFGS on the coordinates that no bound holds,
/// with backtracking along the projected path.
///
/// Deterministic, and bounded by the number of evaluations. A value that is not finite is a point
/// that is not taken.
///
/// Source: Nocedal and Wright, 'Numerical Optimization', 2nd edition, algorithm 7.4; Bertsekas,
/// 'Projected Newton methods for optimization problems with simple constraints', 1982.
struct BoxMinimizer {
    let low: [Double]
    let high: [Double]
    /// The most that a coordinate moves in the first step.
    let firstStep: Double
    let evaluations: Int

    private static let pairs = 8
    private static let sufficientDecrease = 1e-4

    struct Result {
        var point: [Double]
        var value: Double
    }

    private struct Pair {
        let step: [Double]
        let change: [Double]
        let curvature: Double
    }

    /// - Parameter function: The value at a point; writes the gradient.
    func minimize(
        from start: [Double], _ function: (_ point: [Double], _ gradient: inout [Double]) -> Double
    ) -> Result {
        let dimension = start.count
        var point = project(start)
        var gradient = [Double](repeating: 0, count: dimension)
        var value = function(point, &gradient)
        var used = 1
        var memory: [Pair] = []
        guard value.isFinite else { return Result(point: point, value: value) }
        while used < evaluations {
            let isFree = (0..<dimension).map {
                !(point[$0] <= low[$0] && gradient[$0] > 0 || point[$0] >= high[$0] && gradient[$0] < 0)
            }
            let free = (0..<dimension).map { isFree[$0] ? gradient[$0] : 0 }
            let steepest = free.reduce(0) { max($0, $1.magnitude) }
            guard steepest > 1e-10, steepest.isFinite else { break }
            var direction = descent(free, isFree, memory)
            if memory.isEmpty || !(Vector.dot(direction, free) < 0) {
                memory = []
                direction = free.map { -$0 * firstStep / steepest }
            }
            var length = 1.0
            var isMoved = false
            var (newValue, newGradient) = (value, gradient)
            var newPoint = point
            while used < evaluations, length > 1e-8 {
                newPoint = project((0..<dimension).map { point[$0] + length * direction[$0] })
                let predicted = (0..<dimension).reduce(0) { $0 + gradient[$1] * (newPoint[$1] - point[$1]) }
                newValue = function(newPoint, &newGradient)
                used += 1
                if newValue.isFinite, predicted < 0,
                    newValue <= value + Self.sufficientDecrease * predicted
                {
                    isMoved = true
                    break
                }
                length *= 0.25
            }
            guard isMoved else {
                if memory.isEmpty { break }
                memory = []
                continue
            }
            let step = (0..<dimension).map { newPoint[$0] - point[$0] }
            let change = (0..<dimension).map { newGradient[$0] - gradient[$0] }
            let curvature = Vector.dot(step, change)
            if curvature > 1e-12 * (Vector.dot(change, change) * Vector.dot(step, step)).squareRoot() {
                if memory.count == Self.pairs { memory.removeFirst() }
                memory.append(Pair(step: step, change: change, curvature: curvature))
            }
            let decrease = value - newValue
            (point, value, gradient) = (newPoint, newValue, newGradient)
            if decrease <= 1e-10 * (1 + value.magnitude) { break }
        }
        return Result(point: point, value: value)
    }

    /// The two-loop recursion on the free coordinates.
    private func descent(_ gradient: [Double], _ isFree: [Bool], _ memory: [Pair]) -> [Double] {
        var direction = gradient.map { -$0 }
        var scales: [Double] = []
        for pair in memory.reversed() {
            let scale = Vector.dot(pair.step, direction) / pair.curvature
            scales.append(scale)
            for index in direction.indices { direction[index] -= scale * pair.change[index] }
        }
        if let last = memory.last {
            let scale = last.curvature / Vector.dot(last.change, last.change)
            for index in direction.indices { direction[index] *= scale }
        }
        for (pair, scale) in zip(memory, scales.reversed()) {
            let other = Vector.dot(pair.change, direction) / pair.curvature
            for index in direction.indices { direction[index] += (scale - other) * pair.step[index] }
        }
        for index in direction.indices where !isFree[index] { direction[index] = 0 }
        return direction
    }

    private func project(_ point: [Double]) -> [Double] {
        point.indices.map { min(max(point[$0], low[$0]), high[$0]) }
    }
}
