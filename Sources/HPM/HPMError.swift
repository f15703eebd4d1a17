/// Why a call failed. The message names the argument, the value and what is allowed; nothing has
/// changed.
public struct HPMError: Error, Equatable, Sendable {
    /// The kinds of failure; the raw values are the C interface's `hpm_status`.
    public enum Code: Int32, Sendable {
        case argument = -1
        case handle = -2
        case memory = -3
        case order = -4
        case busy = -5
        case callback = -6
        case noResult = -7
        case snapshot = -8
        case capacity = -9
        case unsupported = -10
        case storage = -11
    }

    public let code: Code
    public let message: String
    /// The callback that the problem does not have, by its name in the C interface, where that is why.
    public let missingCallback: String?

    public init(_ code: Code, _ message: String, missingCallback: String? = nil) {
        self.code = code
        self.message = message
        self.missingCallback = missingCallback
    }
}
