/// Central differences of a number, extrapolated once (Richardson): the error falls as the fourth
/// power of the step.
func centralDifferences(
    at h: [Double], step: Double = 1e-3, _ value: ([Double]) throws -> Double
) rethrows -> [Double] {
    try h.indices.map { index in
        func difference(_ step: Double) throws -> Double {
            var (up, down) = (h, h)
            up[index] += step
            down[index] -= step
            return (try value(up) - (try value(down))) / (up[index] - down[index])
        }
        return (4 * (try difference(step / 2)) - (try difference(step))) / 3
    }
}
