@testable import HPM

/// A quadratic inner loss of a known spectrum, f = w.Hw / 2 - h.w, and a linear outer loss,
/// F = g.w + d.h, so that the hypergradient is d + (H + damping)^-1 g: the linear system's solution
/// lies open.
struct QuadraticProblem {
    let eigenvalues: [Double]
    /// Its rows are the eigenvectors.
    let basis: Matrix
    let hessian: Matrix
    /// g and d.
    var outer: [Double]
    var partial: [Double]
    let learningRate: Double
    let place: [Double]
    let hyperplace: [Double]

    var count: Int { eigenvalues.count }

    init(_ eigenvalues: [Double], seed: Int, learningRate: Double = 0.1, isDiagonal: Bool = false) {
        var random = TestRandom(seed, 1)
        let count = eigenvalues.count
        self.eigenvalues = eigenvalues
        let basis =
            isDiagonal
            ? Matrix.diagonal(Array(repeating: 1, count: count)) : Matrix.orthogonal(count, &random)
        self.basis = basis
        // Symmetric bit for bit.
        hessian = Matrix(count, count) { row, column in
            (0..<count).reduce(0) {
                $0 + eigenvalues[$1] * (basis.rows[$1][row] * basis.rows[$1][column])
            }
        }
        // No component of g in the eigenbasis is small.
        let components = (0..<count).map { _ in (random.chance(0.5) ? 1 : -1) * random.uniform(0.5...1.5) }
        outer = basis.transposedTimes(components)
        partial = random.vector(count)
        self.learningRate = learningRate
        place = random.vector(count)
        hyperplace = random.vector(count)
    }

    /// g in the eigenbasis.
    var components: [Double] { basis.times(outer) }

    /// sum_i u_i factor(lambda_i) (u_i . g).
    func mapped(_ factor: (Double) -> Double) -> [Double] {
        basis.transposedTimes(zip(eigenvalues, components).map { factor($0) * $1 })
    }

    /// d + (H + damping)^-1 g.
    func hypergradient(damping: Double = 0) -> [Double] {
        sum(partial, 1, mapped { 1 / ($0 + damping) })
    }

    /// |g - (H + damping) q| / |g| of a result.
    func relativeResidual(_ result: [Double], damping: Double = 0) -> Double {
        let q = sum(result, -1, partial)
        let residual = sum(sum(outer, -1, hessian.times(q)), -damping, q)
        return norm(residual) / norm(outer)
    }

    var problem: ArrayProblem {
        let (hessian, outer, partial, rate) = (hessian, outer, partial, learningRate)
        var problem = ArrayProblem(parameterCount: count, hyperparameterCount: count)
        problem.outerLoss = { w, h in dot(outer, w) + dot(partial, h) }
        problem.outerGradient = { _, _ in (outer, partial) }
        problem.innerLoss = { w, h in dot(w, hessian.times(w)) / 2 - dot(h, w) }
        problem.innerGradient = { w, h in sum(hessian.times(w), -1, h) }
        problem.innerHyperGradient = { w, _ in scaled(w, by: -1) }
        problem.hessianProduct = { _, _, v in hessian.times(v) }
        problem.crossProduct = { _, _, v in scaled(v, by: -1) }
        problem.step = { _, w, h in sum(w, -rate, sum(hessian.times(w), -1, h)) }
        problem.stepForward = { _, _, _, dw, dh in sum(dw, -rate, sum(hessian.times(dw), -1, dh)) }
        problem.stepBackward = { _, _, _, v in (sum(v, -rate, hessian.times(v)), scaled(v, by: rate)) }
        return problem
    }

    func estimate(_ estimator: some Estimator) throws -> ArrayProblem.Outcome {
        try problem.estimate(estimator, at: place, hyperplace)
    }
}
