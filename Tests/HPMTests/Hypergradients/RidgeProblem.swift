@testable import HPM

/// Ridge regression on a dense, correlated design, with a penalty for each feature and a weight for
/// each example as hyperparameters:
///
///     f = sum_i s_i (x_i.w - y_i)^2 / 2 + sum_j lambda_j w_j^2 / 2,   h = (lambda, s)
///     F = |X' w - y'|^2 / (2 n') + 0.005 |h - 1|^2
struct RidgeProblem {
    let design: Matrix
    let targets: [Double]
    let validation: Matrix
    let validationTargets: [Double]
    let hyperplace: [Double]

    var features: Int { design.columnCount }
    var examples: Int { design.rowCount }

    init(features: Int = 6, examples: Int = 14, seed: Int) {
        var random = TestRandom(seed, 2)
        /// Neighbouring features correlate by 0.8.
        func rows(_ count: Int) -> Matrix {
            Matrix(
                (0..<count).map { _ in
                    var last = random.normal()
                    return (0..<features).map { index in
                        if index > 0 { last = 0.8 * last + 0.6 * random.normal() }
                        return last
                    }
                })
        }
        design = rows(examples)
        validation = rows(9)
        let truth = random.vector(features)
        targets = design.times(truth).map { $0 + 0.3 * random.normal() }
        validationTargets = validation.times(truth).map { $0 + 0.3 * random.normal() }
        hyperplace = random.vector(features, 2...4) + random.vector(examples, 0.5...1.5)
    }

    func hessian(_ h: [Double]) -> Matrix {
        Matrix(features, features) { row, column in
            (0..<examples).reduce(row == column ? h[row] : 0) {
                $0 + h[features + $1] * (design.rows[$1][row] * design.rows[$1][column])
            }
        }
    }

    func minimum(_ h: [Double]) -> [Double] {
        hessian(h).solve(
            design.transposedTimes((0..<examples).map { h[features + $0] * targets[$0] }))
    }

    func outerLoss(_ w: [Double], _ h: [Double]) -> Double {
        let residual = sum(validation.times(w), -1, validationTargets)
        let distance = h.map { $0 - 1 }
        return dot(residual, residual) / 18 + 0.005 * dot(distance, distance)
    }

    func outerGradient(_ w: [Double], _ h: [Double]) -> ([Double], [Double]) {
        let residual = sum(validation.times(w), -1, validationTargets)
        return (scaled(validation.transposedTimes(residual), by: 1.0 / 9), h.map { 0.01 * ($0 - 1) })
    }

    /// The closed form, by the derivative of the minimum for one hyperparameter after the other:
    /// dw/dlambda_j = -H^-1 e_j w_j, dw/ds_i = -H^-1 x_i (x_i.w - y_i). With a damping, that of the
    /// system with H + damping I.
    func hypergradient(_ h: [Double], damping: Double = 0) -> [Double] {
        var damped = hessian(h)
        for index in 0..<features { damped.rows[index][index] += damping }
        let w = minimum(h)
        let (gradient, partial) = outerGradient(w, h)
        let residual = sum(design.times(w), -1, targets)
        return (0..<features + examples).map { index in
            let right =
                index < features
                ? (0..<features).map { $0 == index ? -w[index] : 0 }
                : scaled(design.rows[index - features], by: -residual[index - features])
            return partial[index] + dot(gradient, damped.solve(right))
        }
    }

    /// - Parameter learningRate: Of the step, which is one of gradient descent.
    func problem(learningRate rate: Double) -> ArrayProblem {
        let (ridge, features, examples, design, targets) = (self, features, examples, design, targets)
        func split(_ h: [Double]) -> ([Double], [Double]) {
            (Array(h[..<features]), Array(h[features...]))
        }
        func residual(_ w: [Double]) -> [Double] { sum(design.times(w), -1, targets) }
        func product(_ left: [Double], _ right: [Double]) -> [Double] {
            left.indices.map { left[$0] * right[$0] }
        }
        func gradient(_ w: [Double], _ h: [Double]) -> [Double] {
            let (penalties, weights) = split(h)
            return sum(product(penalties, w), 1, design.transposedTimes(product(weights, residual(w))))
        }
        func hessianProduct(_ h: [Double], _ v: [Double]) -> [Double] {
            let (penalties, weights) = split(h)
            return sum(product(penalties, v), 1, design.transposedTimes(product(weights, design.times(v))))
        }
        func crossProduct(_ w: [Double], _ v: [Double]) -> [Double] {
            product(w, v) + product(residual(w), design.times(v))
        }
        /// (d2f/dw dh) u.
        func crossForward(_ w: [Double], _ u: [Double]) -> [Double] {
            let (penalties, weights) = split(u)
            return sum(product(penalties, w), 1, design.transposedTimes(product(weights, residual(w))))
        }
        var problem = ArrayProblem(
            parameterCount: features, hyperparameterCount: features + examples)
        problem.outerLoss = { ridge.outerLoss($0, $1) }
        problem.outerGradient = { ridge.outerGradient($0, $1) }
        problem.innerLoss = { w, h in
            let (penalties, weights) = split(h)
            return (dot(penalties, product(w, w)) + dot(weights, product(residual(w), residual(w)))) / 2
        }
        problem.innerGradient = { gradient($0, $1) }
        problem.innerHyperGradient = { w, _ in
            scaled(product(w, w) + product(residual(w), residual(w)), by: 0.5)
        }
        problem.hessianProduct = { _, h, v in hessianProduct(h, v) }
        problem.crossProduct = { w, _, v in crossProduct(w, v) }
        problem.step = { _, w, h in sum(w, -rate, gradient(w, h)) }
        problem.stepForward = { _, w, h, dw, dh in
            sum(sum(dw, -rate, hessianProduct(h, dw)), -rate, crossForward(w, dh))
        }
        problem.stepBackward = { _, w, h, v in
            (sum(v, -rate, hessianProduct(h, v)), scaled(crossProduct(w, v), by: -rate))
        }
        problem.response = { h in ridge.outerLoss(ridge.minimum(h), h) }
        return problem
    }
}
