@testable import HPM

/// The teachers written a second time, with rows of weights and textbook derivatives.
struct SecondTeacher {
    let kind: TeacherKind
    let squashing: Squashing
    let activation: TeacherActivation
    let rate: Double
    /// For `linear` V is empty.
    var W: [[Double]]
    var V: [[Double]]
    var b: [Double]

    init(_ teacher: Teacher) {
        (kind, squashing, activation) = (teacher.kind, teacher.squashing, teacher.activation)
        rate = teacher.learningRate
        W = Self.rows(teacher.values, teacher.values.count / teacher.dimension)
        V = Self.rows(teacher.queries, teacher.dimension)
        b = teacher.biases
    }

    static func rows(_ values: [Double], _ width: Int) -> [[Double]] {
        stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }

    private static func dot(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).map { $0 * $1 }.reduce(0, +)
    }

    private static func logistic(_ x: Double) -> Double { 1 / (1 + Elementary.exp(-x)) }

    /// s.
    private func scores(_ x: [Double]) -> [Double] {
        V.indices.map { Self.dot(V[$0], x) + (kind == .perceptron ? b[$0] : 0) }
    }

    /// a; for `linear` x.
    private func features(_ x: [Double]) -> [Double] {
        if kind == .linear { return x }
        let s = scores(x)
        switch activation {
        case .softmax:
            let weights = s.map { Elementary.exp($0) }
            return weights.map { $0 / weights.reduce(0, +) }
        case .sigmoid: return s.map(Self.logistic)
        case .tanh: return s.map { Elementary.tanh($0) }
        case .relu: return s.map { $0 > 0 ? $0 : 0 }
        case .identity: return s
        }
    }

    private func z(_ x: [Double]) -> [Double] {
        let a = features(x)
        return W.indices.map { Self.dot(W[$0], a) + (kind == .linear ? b[$0] : 0) }
    }

    private func squash(_ z: Double) -> Double {
        switch squashing {
        case .tanh: Elementary.tanh(z)
        case .logistic: Self.logistic(z) - 0.5
        case .clipped: z > 1 ? 1 : z < -1 ? -1 : z
        case .identity: z
        }
    }

    private func slope(_ z: Double) -> Double {
        switch squashing {
        case .tanh: 1 - Elementary.tanh(z) * Elementary.tanh(z)
        case .logistic: Self.logistic(z) * (1 - Self.logistic(z))
        case .clipped: z > -1 && z < 1 ? 1 : 0
        case .identity: 1
        }
    }

    func child(_ h: [Double], _ x: [Double]) -> [Double] {
        zip(h, z(x)).map { (1 + squash($1)) * $0 }
    }

    /// r before it is divided by its norm, of the coordinates whose gradient is a number.
    func residual(_ h: [Double], _ x: [Double], _ gradient: [Double]) -> [Double] {
        let z = z(x)
        return h.indices.map { gradient[$0].isNaN ? 0 : gradient[$0] * h[$0] * slope(z[$0]) }
    }

    /// What a step divides the gradients of W and V by.
    var inputs: (W: Double, V: Double) {
        kind == .attention ? (1, 1) : (Double(W[0].count), Double(V.first?.count ?? 1))
    }

    /// A step by the textbook's chain rule; `maker` is the network that made the child.
    mutating func learn(h: [Double], x: [Double], gradient: [Double], maker: SecondTeacher) {
        var r = maker.residual(h, x, gradient)
        let norm = Self.dot(r, r).squareRoot()
        if norm == 0 { return }
        r = r.map { $0 / norm }
        let f = maker.features(x)
        for i in r.indices {
            for j in f.indices { W[i][j] -= rate / inputs.W * r[i] * f[j] }
        }
        if kind == .linear {
            for i in r.indices { b[i] -= rate * r[i] }
            return
        }
        let q = f.indices.map { j in r.indices.map { maker.W[$0][j] * r[$0] }.reduce(0, +) }
        let s = maker.scores(x)
        for j in f.indices {
            // The Jacobian of the activation, row by row.
            let slope: Double
            switch activation {
            case .softmax: slope = f.indices.map { ($0 == j ? f[j] * (1 - f[j]) : -f[j] * f[$0]) * q[$0] }.reduce(0, +)
            case .sigmoid: slope = Self.logistic(s[j]) * Self.logistic(-s[j]) * q[j]
            case .tanh: slope = (1 - f[j] * f[j]) * q[j]
            case .relu: slope = s[j] > 0 ? q[j] : 0
            case .identity: slope = q[j]
            }
            for i in x.indices { V[j][i] -= rate / inputs.V * slope * x[i] }
            if kind == .perceptron { b[j] -= rate * slope }
        }
    }
}
