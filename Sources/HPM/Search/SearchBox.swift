/// The latent box of a search: which coordinates take part, and lengths in it.
struct SearchBox: Equatable, Sendable {
    /// Coordinates that the local search moves.
    let descends: [Bool]
    /// Coordinates, by index, in which a child may differ from its parent.
    let mutable: [Int]
    let firstRadius: Double
    let largestRadius: Double

    init(_ space: SearchSpace) {
        var descends = Array(repeating: false, count: space.dimension)
        var mutable: [Int] = []
        for parameter in space.parameters where parameter.kind.isReal {
            for index in parameter.indices {
                descends[index] = parameter.isDescended
                if parameter.update.allowsMutation { mutable.append(index) }
            }
        }
        self.descends = descends
        self.mutable = mutable
        let diameter = Double(max(1, descends.count { $0 })).squareRoot()
        firstRadius = 0.1 * diameter
        largestRadius = 0.5 * diameter
    }

    /// Sets to 0 what points out of the box at a bound, and what does not descend.
    ///
    /// - Parameter sign: 1 for a direction, -1 for a gradient, which is descended.
    func dropOutward(_ vector: inout [Double], at latent: [Double], sign: Double) {
        for index in vector.indices {
            let isOutward =
                latent[index] <= 0 && sign * vector[index] < 0
                || latent[index] >= 1 && sign * vector[index] > 0
            if isOutward || !descends[index] { vector[index] = 0 }
        }
    }
}
