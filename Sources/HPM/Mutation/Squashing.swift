/// The function that keeps a teacher's changes small: c = squash(z). Option `teacher_squashing`.
public enum Squashing: String, CaseIterable, Sendable {
    /// tanh(z), in (-1, 1).
    case tanh
    /// 1 / (1 + exp(-z)) - 1/2, in (-1/2, 1/2): tanh(z / 2) / 2, so half as far and half as steep.
    case logistic
    /// min(max(z, -1), 1).
    case clipped
    /// z itself; in a population the bounds clip the child.
    case identity = "none"

    func callAsFunction(_ z: Double) -> Double {
        switch self {
        case .tanh: Elementary.tanh(z)
        case .logistic: 0.5 * Elementary.tanh(0.5 * z)
        case .clipped: min(max(z, -1), 1)
        case .identity: Teacher.limited(z)
        }
    }

    /// The derivative of the function, given its result.
    func slope(at c: Double) -> Double {
        switch self {
        case .tanh: 1 - c * c
        case .logistic: 0.25 - c * c
        case .clipped: c.magnitude < 1 ? 1 : 0
        case .identity: 1
        }
    }
}
