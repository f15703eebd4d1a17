/// What a check found of one callback.
public struct CallbackFinding: Equatable, Sendable {
    /// The callback's name in the C interface.
    public let callback: String
    public let verdict: Verdict
    /// What the verdict rests on.
    public let reason: Reason
    /// The callback that it was compared with, or would have been; nil where it is judged by itself.
    public let other: String?
    /// The relative difference of what was compared; infinite where the callback gives numbers that are
    /// not finite; NaN where nothing was compared.
    public let error: Double
    /// The error from which on a callback is wrong.
    public let tolerance: Double
    /// A sentence.
    public let words: String

    /// Whether something has to be mended.
    public var isFault: Bool { verdict == .wrong || verdict == .disagrees }
}
