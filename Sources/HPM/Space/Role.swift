/// What a hyperparameter is to the training, where that is something an algorithm can use. The raw values are the C
/// interface's `hpm_role`.
public enum Role: Int32, CaseIterable, Sendable {
    /// Anything.
    case other = 0
    /// Taken down for all students over the last part of the run: option `cool_down`.
    case learningRate = 1
}
