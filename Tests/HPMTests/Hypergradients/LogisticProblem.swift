import Foundation
@testable import HPM

/// Logistic regression with the logarithm of a penalty for each feature as hyperparameters:
///
///     f = sum_i log(1 + exp(-y_i x_i.w)) + sum_j exp(h_j) w_j^2 / 2
///     F = mean of log(1 + exp(-y'_i x'_i.w))
struct LogisticProblem {
    let design: Matrix
    let validation: Matrix
    let hyperplace: [Double]

    var features: Int { design.columnCount }

    init(features: Int = 5, examples: Int = 20, seed: Int) {
        var random = TestRandom(seed, 3)
        let truth = random.vector(features, -2...2)
        /// Rows times their labels, y_i x_i.
        func rows(_ count: Int) -> Matrix {
            Matrix(
                (0..<count).map { _ in
                    var last = random.normal()
                    let row = (0..<features).map { _ in
                        last = 0.7 * last + 0.7 * random.normal()
                        return last
                    }
                    return scaled(row, by: dot(row, truth) + random.normal() > 0 ? 1 : -1)
                })
        }
        design = rows(examples)
        validation = rows(12)
        hyperplace = random.vector(features, -0.5...1)
    }

    /// 1 / (1 + exp(margin)): minus the slope of log(1 + exp(-margin)).
    private func miss(_ margin: Double) -> Double { 1 / (1 + Foundation.exp(margin)) }
    private func loss(_ margin: Double) -> Double { Foundation.log1p(Foundation.exp(-margin)) }

    func gradient(_ w: [Double], _ h: [Double]) -> [Double] {
        let data = design.transposedTimes(design.times(w).map { -miss($0) })
        return w.indices.map { data[$0] + Foundation.exp(h[$0]) * w[$0] }
    }

    func hessian(_ w: [Double], _ h: [Double]) -> Matrix {
        let weights = design.times(w).map { miss($0) * (1 - miss($0)) }
        return Matrix(features, features) { row, column in
            weights.indices.reduce(row == column ? Foundation.exp(h[row]) : 0) {
                $0 + weights[$1] * (design.rows[$1][row] * design.rows[$1][column])
            }
        }
    }

    /// By Newton, to the last bits.
    func minimum(_ h: [Double]) -> [Double] {
        var w = Array(repeating: 0.0, count: features)
        for _ in 0..<12 { w = sum(w, -1, hessian(w, h).solve(gradient(w, h))) }
        precondition(norm(gradient(w, h)) < 1e-13)
        return w
    }

    func outerLoss(_ w: [Double]) -> Double { validation.times(w).map { loss($0) }.mean }

    func outerGradient(_ w: [Double]) -> [Double] {
        scaled(
            validation.transposedTimes(validation.times(w).map { -miss($0) }),
            by: 1 / Double(validation.rowCount))
    }

    /// -(d2f/dh dw) (H + damping)^-1 dF/dw by a dense solve.
    func hypergradient(_ h: [Double], damping: Double = 0) -> [Double] {
        let w = minimum(h)
        var damped = hessian(w, h)
        for index in 0..<features { damped.rows[index][index] += damping }
        let q = damped.solve(outerGradient(w))
        return w.indices.map { -Foundation.exp(h[$0]) * w[$0] * q[$0] }
    }

    func problem(learningRate rate: Double) -> ArrayProblem {
        let logistic = self
        var problem = ArrayProblem(parameterCount: features, hyperparameterCount: features)
        func hessianProduct(_ w: [Double], _ h: [Double], _ v: [Double]) -> [Double] {
            let margins = logistic.design.times(w)
            let along = logistic.design.times(v)
            let data = logistic.design.transposedTimes(
                margins.indices.map {
                    logistic.miss(margins[$0]) * logistic.miss(-margins[$0]) * along[$0]
                })
            return v.indices.map { data[$0] + Foundation.exp(h[$0]) * v[$0] }
        }
        func crossProduct(_ w: [Double], _ h: [Double], _ v: [Double]) -> [Double] {
            w.indices.map { Foundation.exp(h[$0]) * w[$0] * v[$0] }
        }
        problem.outerLoss = { w, _ in logistic.outerLoss(w) }
        problem.outerGradient = { w, h in (logistic.outerGradient(w), h.map { _ in 0 }) }
        problem.innerLoss = { w, h in
            logistic.design.times(w).map { logistic.loss($0) }.reduce(0, +)
                + w.indices.reduce(0) { $0 + Foundation.exp(h[$1]) * w[$1] * w[$1] } / 2
        }
        problem.innerGradient = { logistic.gradient($0, $1) }
        problem.innerHyperGradient = { w, h in w.indices.map { Foundation.exp(h[$0]) * w[$0] * w[$0] / 2 } }
        problem.hessianProduct = { hessianProduct($0, $1, $2) }
        problem.crossProduct = { crossProduct($0, $1, $2) }
        problem.step = { _, w, h in sum(w, -rate, logistic.gradient(w, h)) }
        problem.stepForward = { _, w, h, dw, dh in
            // The cross derivative is diagonal: it is its own transpose.
            sum(sum(dw, -rate, hessianProduct(w, h, dw)), -rate, crossProduct(w, h, dh))
        }
        problem.stepBackward = { _, w, h, v in
            (sum(v, -rate, hessianProduct(w, h, v)), scaled(crossProduct(w, h, v), by: -rate))
        }
        problem.response = { h in logistic.outerLoss(logistic.minimum(h)) }
        return problem
    }
}
