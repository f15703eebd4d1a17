/// Two numbers that should be the same.
struct CallbackComparison {
    let observed: Double
    let expected: MeasuredNumber
    /// The size of what both are sums of, so that a sum near 0 is not judged by its rounding.
    let scale: Double

    var size: Double {
        max(observed.magnitude, expected.value.magnitude, 1e-6 * scale, .leastNormalMagnitude)
    }
    var error: Double {
        max(0, (observed - expected.value).magnitude - expected.rounding) / size
    }
    /// Whether a wrong number could hide in the rounding.
    func isBlind(_ tolerance: Double) -> Bool { expected.rounding > tolerance * size }
    /// Beyond the numbers' range nothing can be compared.
    var isComparable: Bool { size.isFinite && expected.rounding.isFinite }
}
