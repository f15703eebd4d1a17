@testable import HPM

/// The calls that were really made, counted in the callbacks themselves.
final class CallCounter {
    var counts = CallbackCounts()
    /// Of df/dh, which the library's counts have no kind for.
    var innerHyperGradients = 0
}
