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
    /// The labels of a choice, else empty.
    public let labels: [String]
    /// Where student 0 starts; nil: drawn.
    public let initial: Double?
    var span: ParameterSpan

    public var kind: Kind { span.kind }
    /// How many values it has: 1, or the size of a block.
    public var count: Int { span.indices.count }
    /// The index of its first value in the flattened arrays.
    public var offset: Int { span.indices.lowerBound }
    public internal(set) var update: Update {
        get { span.update }
        set { span.update = newValue }
    }
    public internal(set) var role: Role {
        get { span.role }
        set { span.role = newValue }
    }
    /// The bounds in natural units: of an integer whole, of a choice those of its indices.
    public var low: Double { span.low }
    public var high: Double { span.high }
    public var scale: Scale { span.map.scale }

    var map: LatentMap { span.map }
    var indices: Range<Int> { span.indices }
    var isDescended: Bool { span.isDescended }

    func natural(_ latent: Double) -> Double { span.natural(latent) }
    func clamp(_ natural: Double) -> Double { span.clamp(natural) }

    /// What is wrong with a natural value, as the end of a sentence; nil: nothing.
    func complaint(about value: Double) -> String? {
        if !(value >= low && value <= high) { return "allowed: \(low) to \(high)" }
        if !kind.isReal && value != value.rounded() { return "allowed: whole numbers" }
        return nil
    }
}
