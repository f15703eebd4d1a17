/// What a teacher's hidden units do with their scores s. Option `teacher_activation`.
public enum TeacherActivation: String, CaseIterable, Sendable {
    /// exp(s) / sum(exp(s)): attention.
    case softmax
    /// 1 / (1 + exp(-s)).
    case sigmoid
    case tanh
    /// max(s, 0).
    case relu
    case identity = "none"

    /// Replaces the scores of all units by their activations.
    func activate(_ scores: inout [Double]) {
        switch self {
        case .softmax:
            let highest = scores.max() ?? 0
            var total = 0.0
            for unit in scores.indices {
                scores[unit] = Elementary.exp(scores[unit] - highest)
                total += scores[unit]
            }
            for unit in scores.indices { scores[unit] /= total }
        case .sigmoid:
            for unit in scores.indices { scores[unit] = 1 / (1 + Elementary.exp(-scores[unit])) }
        case .tanh:
            for unit in scores.indices { scores[unit] = Elementary.tanh(scores[unit]) }
        case .relu:
            for unit in scores.indices { scores[unit] = max(scores[unit], 0) }
        case .identity:
            break
        }
    }

    /// The derivatives of a loss with respect to the scores, given the activations a and the
    /// derivatives q with respect to them.
    func pullBack(_ q: [Double], at a: [Double]) -> [Double] {
        switch self {
        case .softmax:
            var mean = 0.0
            for unit in a.indices { mean += a[unit] * q[unit] }
            return a.indices.map { a[$0] * (q[$0] - mean) }
        case .sigmoid: return a.indices.map { a[$0] * (1 - a[$0]) * q[$0] }
        case .tanh: return a.indices.map { (1 - a[$0] * a[$0]) * q[$0] }
        case .relu: return a.indices.map { a[$0] > 0 ? q[$0] : 0 }
        case .identity: return q
        }
    }
}
