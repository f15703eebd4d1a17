/// A hyperparameter of a search space, or a block of real ones that share bounds and scale.
///
/// Made by ``SearchSpace``, which checks what it is given.
public struct Hyperparameter: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case real = 0
        case integer = 1
        case choice = 2
        /// Real parameters that share bounds, scale and name.
        case block = 3

        /// Whether hypergradients apply.
        var isReal: Bool { self == .real || self == .block }
    }

    public let name: String
    public let kind: Kind
    /// How many values it has: 1, or the size of a block.
    public let count: Int
    /// The index of its first value in the flattened arrays.
    public let offset: Int
    /// The labels of a choice, else empty.
    public let labels: [String]
    /// Where student 0 starts; nil: drawn.
    public let initial: Double?
    public internal(set) var update = Update.automatic
    /// The bounds in natural units: of an integer whole, of a choice those of its indices.
    public let low: Double
    public let high: Double
    /// Of integers and choices half a unit wider on either side, which gives the outermost values the
    /// same share as the others.
    let map: LatentMap

    public var scale: Scale { map.scale }

    var indices: Range<Int> { offset..<offset + count }
    var isDescended: Bool { kind.isReal && update.allowsHypergradient }

    /// The natural value of a latent coordinate: rounded for integers and choices.
    func natural(_ latent: Double) -> Double {
        switch kind {
        case .real, .block: map.natural(latent)
        // Adding 0 makes -0 a plain 0.
        case .integer, .choice: clamp(map.natural(latent).rounded() + 0)
        }
    }

    func clamp(_ natural: Double) -> Double {
        min(max(natural, low), high)
    }

    /// What is wrong with a natural value, as the end of a sentence; nil: nothing.
    func complaint(about value: Double) -> String? {
        if !(value >= low && value <= high) { return "allowed: \(low) to \(high)" }
        if !kind.isReal && value != value.rounded() { return "allowed: whole numbers" }
        return nil
    }
}
