extension SearchSpace {
    /// What ``pullBack(_:at:sign:_:into:from:)`` met.
    struct Components {
        var finite = 0
        var infinite = 0
    }

    /// Writes a hypergradient in an algorithm's coordinates (chain rule); NaN where there is no
    /// derivative: where it was NaN or infinite, in integers and choices, and everywhere for nil.
    ///
    /// - Parameter sign: -1 where the loss is maximized.
    /// - Complexity: O(dimension).
    func pullBack(
        _ hypergradient: UnsafeBufferPointer<Double>?, at point: Point, sign: Double,
        _ coordinates: Coordinates, into target: inout [Double], from offset: Int
    ) -> Components {
        var components = Components()
        guard let hypergradient else {
            for index in 0..<dimension { target[offset + index] = .nan }
            return components
        }
        for parameter in parameters {
            for index in parameter.indices {
                let component = hypergradient[index]
                if component.isInfinite { components.infinite += 1 }
                guard parameter.kind.isReal, component.isFinite else {
                    target[offset + index] = .nan
                    continue
                }
                components.finite += 1
                let slope =
                    coordinates == .natural
                    ? 1 : parameter.map.slope(atNatural: point.natural[index])
                // 0 stays 0 also where the slope is beyond a double.
                target[offset + index] =
                    component == 0 ? 0 : Gradient.limited(sign * component * slope)
            }
        }
        return components
    }
}
