extension CallbackFinding {
    /// The raw values are the C interface's `hpm_finding_verdict`.
    public enum Verdict: Int32, Sendable {
        case right = 0
        case wrong = 1
        /// It contradicts another callback, and nothing tells which of the two is wrong.
        case disagrees = 2
        case notChecked = 3
    }
}
