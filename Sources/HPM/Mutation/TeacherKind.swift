/// The teachers: option `teacher`.
public enum TeacherKind: String, CaseIterable, Sendable {
    /// Not `none`, which an optional would take for nil.
    case absent = "none"
    case attention
    case perceptron
    case linear

    var defaultActivation: TeacherActivation { self == .perceptron ? .tanh : .softmax }
}
