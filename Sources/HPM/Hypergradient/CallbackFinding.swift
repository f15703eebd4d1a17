/// What a check found of one callback.
public struct CallbackFinding: Equatable, Sendable {
    public enum Verdict: Sendable {
        case right, wrong, notChecked
        /// It contradicts another callback, and nothing tells which of the two is wrong.
        case disagrees
    }

    /// The callback's name in the C interface.
    public let callback: String
    public let verdict: Verdict
    /// The relative difference of what was compared; NaN where nothing was.
    public let error: Double
    /// A sentence.
    public let words: String

    /// Whether something has to be mended.
    public var isFault: Bool { verdict == .wrong || verdict == .disagrees }
}
