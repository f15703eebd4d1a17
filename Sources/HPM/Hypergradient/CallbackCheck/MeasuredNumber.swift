/// A number and how far rounding may have taken it.
struct MeasuredNumber {
    let value: Double
    var rounding = 0.0
    /// By how much steps of other lengths give another number, counted in `rounding`: what is not
    /// differentiable nearby, as where rectified units turn on and off.
    var spread = 0.0
}
