/// Minimises a smooth function in a box: ``QuasiNewton`` on the coordinates that no bound holds, with
/// backtracking along the projected path.
///
/// Deterministic, and bounded by the number of evaluations. A value that is not finite is a point
/// that is not taken.
///
/// Source: Bertsekas, 'Projected Newton methods for optimization problems with simple constraints', SIAM
/// Journal on Control and Optimization 20, 1982.
struct BoxMinimizer {
    let low: [Double]
    let high: [Double]
    /// The most that a coordinate moves in the first step.
    let firstStep: Double
    let evaluations: Int

    private static let sufficientDecrease = 1e-4

    struct Result {
        var point: [Double]
        var value: Double
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
        var pairs = QuasiNewton(capacity: 8, leastCosine: 1e-12)
        guard value.isFinite else { return Result(point: point, value: value) }
        while used < evaluations {
            let isFree = (0..<dimension).map {
                !(point[$0] <= low[$0] && gradient[$0] > 0 || point[$0] >= high[$0] && gradient[$0] < 0)
            }
            let free = (0..<dimension).map { isFree[$0] ? gradient[$0] : 0 }
            let steepest = free.reduce(0) { max($0, $1.magnitude) }
            guard steepest > 1e-10, steepest.isFinite else { break }
            var direction = pairs.product(with: free.map { -$0 })
            for index in direction.indices where !isFree[index] { direction[index] = 0 }
            if pairs.isEmpty || !(Vector.dot(direction, free) < 0) {
                pairs.removeAll()
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
                if pairs.isEmpty { break }
                pairs.removeAll()
                continue
            }
            pairs.append(
                step: (0..<dimension).map { newPoint[$0] - point[$0] },
                change: (0..<dimension).map { newGradient[$0] - gradient[$0] })
            let decrease = value - newValue
            (point, value, gradient) = (newPoint, newValue, newGradient)
            if decrease <= 1e-10 * (1 + value.magnitude) { break }
        }
        return Result(point: point, value: value)
    }

    private func project(_ point: [Double]) -> [Double] {
        point.indices.map { min(max(point[$0], low[$0]), high[$0]) }
    }
}
