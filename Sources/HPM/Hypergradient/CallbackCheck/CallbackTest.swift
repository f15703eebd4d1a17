/// The comparisons of a callback with one reference, over several random directions.
struct CallbackTest {
    enum Outcome {
        case compared(worst: CallbackComparison, first: CallbackComparison)
        case observedNotFinite, expectedNotFinite, tooLarge
    }

    /// What of the callback is compared, in words.
    let what: String
    let reference: CallbackReference
    let outcome: Outcome

    var worst: CallbackComparison? {
        if case .compared(let worst, _) = outcome { worst } else { nil }
    }
    var first: CallbackComparison? {
        if case .compared(_, let first) = outcome { first } else { nil }
    }
    func contradicts(_ tolerance: Double) -> Bool { worst.map { $0.error > tolerance } ?? false }
    func agrees(_ tolerance: Double) -> Bool {
        worst.map { $0.error <= tolerance && !$0.isBlind(tolerance) } ?? false
    }
}
