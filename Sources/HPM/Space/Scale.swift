/// How a bounded natural value is mapped to the latent coordinate u in [0, 1] in which it is moved.
/// The raw values are the C interface's `hpm_scale`.
public enum Scale: Int32, CaseIterable, Sendable {
    /// low + u (high - low).
    case linear = 0
    /// low (high / low)^u.
    case log = 1
    /// The logistic function of a linear map.
    case logit = 2

    /// The map that makes the scale linear.
    func flattened(_ natural: Double) -> Double {
        switch self {
        case .linear: natural
        case .log: Elementary.log(natural)
        case .logit: Elementary.log(natural / (1 - natural))
        }
    }

    func unflattened(_ flat: Double) -> Double {
        switch self {
        case .linear: flat
        case .log: Elementary.exp(flat)
        case .logit: 1 / (1 + Elementary.exp(-flat))
        }
    }

    /// The derivative of ``unflattened(_:)``, given its result.
    func slope(atNatural natural: Double) -> Double {
        switch self {
        case .linear: 1
        case .log: natural
        case .logit: natural * (1 - natural)
        }
    }
}

/// The monotone map between natural values in [low, high] and latent coordinates in [0, 1].
struct LatentMap: Equatable, Sendable {
    let scale: Scale
    let low: Double
    let high: Double
    private let origin: Double
    private let extent: Double

    init(scale: Scale, low: Double, high: Double) {
        self.scale = scale
        self.low = low
        self.high = high
        origin = scale.flattened(low)
        extent = scale.flattened(high) - origin
    }

    /// Whether the map can be computed: the bounds are not so far apart, or so close, that it
    /// overflows or degenerates.
    var isUsable: Bool { extent.isFinite && extent > 0 && origin.isFinite }

    /// Ends at the bounds to the bit, and rounding between them never leaves them.
    func natural(_ latent: Double) -> Double {
        if latent <= 0 { return low }
        if latent >= 1 { return high }
        return min(max(scale.unflattened(origin + latent * extent), low), high)
    }

    /// The map of a linear scale, whose ends rounding may leave.
    @inline(__always)
    func linear(_ latent: Double) -> Double { origin + latent * extent }

    @inline(__always)
    func linear(_ latent: Lanes) -> Lanes { origin + latent * extent }

    func latent(_ natural: Double) -> Double {
        min(max((scale.flattened(natural) - origin) / extent, 0), 1)
    }

    /// d natural / d latent, by which a hypergradient is pulled back (chain rule).
    func slope(atNatural natural: Double) -> Double {
        extent * scale.slope(atNatural: natural)
    }
}
