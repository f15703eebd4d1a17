/// A hyperparameter as loops over coordinates need it: plain numbers, nothing whose references are counted.
struct ParameterSpan: Equatable, Sendable {
    let kind: Hyperparameter.Kind
    /// The places of its values in the flattened arrays.
    let indices: Range<Int>
    let low: Double
    let high: Double
    /// Of integers and choices half a unit wider on either side, which gives the outermost values the
    /// same share as the others.
    let map: LatentMap
    var update: Update
    var role = Role.other

    var isReal: Bool { kind.isReal }
    var isDescended: Bool { kind.isReal && update.allowsHypergradient }

    /// The natural value of a latent coordinate: rounded for integers and choices.
    func natural(_ latent: Double) -> Double {
        switch kind {
        case .real, .block: map.natural(latent)
        // Adding 0 makes -0 a plain 0.
        case .integer, .choice: clamp(map.natural(latent).rounded() + 0)
        }
    }

    /// Both coordinates of a latent value. Integers and choices are rounded, so their latent coordinate is that of the
    /// rounded value.
    func place(_ latent: Double) -> (natural: Double, latent: Double) {
        let natural = natural(latent)
        return (natural, isReal ? latent : map.latent(natural))
    }

    func clamp(_ natural: Double) -> Double {
        min(max(natural, low), high)
    }
}

extension SearchSpace {
    /// - Complexity: O(parameters).
    var spans: [ParameterSpan] { parameters.map(\.span) }
}
