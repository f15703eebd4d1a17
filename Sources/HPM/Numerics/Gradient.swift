/// How derivatives that come from outside are made safe.
enum Gradient {
    /// A size beyond which squares would overflow in an optimizer's moments; no derivative that means
    /// anything is near it.
    static let largest = 1e150

    static func limited(_ value: Double) -> Double {
        min(max(value, -largest), largest)
    }
}
