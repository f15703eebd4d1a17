/// The Hessian by a low-rank sketch, which is then inverted exactly:
///
///     Y = H S,  H ~ Y A^-1 Y^T,  A = S^T Y,  S of `rank` random columns
///     q = (g - Y (damping A + Y^T Y)^-1 Y^T g) / damping,  g = dF/dw       (Woodbury)
///
/// Exact for H + damping I where the rank is that of H. `rank` Hessian products that do not wait for
/// one another, and two to four for the residual; 2 rank + 1 vectors of parameters.
///
/// Source: Hataya and Yamada, 'Nystrom method for accurate and scalable implicit differentiation',
/// AISTATS 2023, equation 6, with a Gaussian sketch in place of columns of H.
public struct Nystrom: Estimator {
    public static let name = "nystrom"
    public let rank: Int
    public let damping: Double
    public let tolerance: Double
    public let seed: UInt64

    /// - Parameter tolerance: Of the relative residual, below which the status is `converged`.
    public init(
        rank: Int, damping: Double, tolerance: Double = 1e-6, seed: UInt64 = 0
    ) throws(HPMError) {
        try Settings.requireTolerance(tolerance)
        try Settings.requireCount(rank, "rank")
        try Settings.requirePositive(damping, "damping")
        self.rank = rank
        self.damping = damping
        self.tolerance = tolerance
        self.seed = seed
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        let rank = min(rank, space.dimension ?? rank)
        let q = try derivatives.makeParameters()
        guard let length = try derivatives.beginSolve(w, h, q, into: result) else { return }
        var sketches: [P.Vector] = []
        var products: [P.Vector] = []
        for column in 0..<rank {
            let sketch = try derivatives.makeParameters()
            let seed = RandomSeed.derived(from: seed, student: column, event: 0)
            try space.randomize(sketch, seed: seed, .normal)
            let product = try derivatives.makeParameters()
            try derivatives.hessianProduct(w, h, sketch, product)
            let curvature = try space.dot(sketch, product) / space.dot(sketch, sketch)
            guard curvature.isFinite else {
                derivatives.certificate.status = .nonfinite
                return
            }
            derivatives.certificate.meet(curvature: curvature)
            derivatives.certificate.iterations += 1
            sketches.append(sketch)
            products.append(product)
        }
        if derivatives.certificate.smallestCurvature + damping < 0 {
            derivatives.certificate.status = .indefinite
            return
        }
        let matrix = try innerMatrix(sketches, products, in: space)
        try invert(q, matrix, products, in: space)
        if rank > 1 {
            try refine(
                &derivatives, w, h, q, matrix, products, scratch: (sketches[0], sketches[1]),
                into: result)
        }
        try derivatives.finishSolve(
            w, h, q, scratch: (sketches[0], rank > 1 ? sketches[1] : products[0]), length: length,
            damping: damping, tolerance: tolerance, into: result)
    }

    /// damping A + Y^T Y.
    private func innerMatrix<P: VectorSpace>(
        _ sketches: [P.Vector], _ products: [P.Vector], in space: P
    ) throws(HPMError) -> DenseMatrix {
        let count = products.count
        var matrix = DenseMatrix(size: count)
        for row in 0..<count {
            for column in row..<count {
                // A is symmetric but for rounding: both halves are averaged.
                let sketched =
                    try
                    (space.dot(sketches[row], products[column])
                    + space.dot(sketches[column], products[row])) / 2
                let value = damping * sketched + (try space.dot(products[row], products[column]))
                matrix[row, column] = value
                matrix[column, row] = value
            }
        }
        return matrix
    }

    /// vector = (vector - Y matrix^-1 Y^T vector) / damping.
    private func invert<P: VectorSpace>(
        _ vector: P.Vector, _ matrix: DenseMatrix, _ products: [P.Vector], in space: P
    ) throws(HPMError) {
        var right: [Double] = []
        for product in products { right.append(try space.dot(product, vector)) }
        let inner = matrix.solveSemidefinite(right)
        for column in products.indices { try space.add(-inner[column], products[column], to: vector) }
        try space.scale(vector, by: 1 / damping)
    }

    /// Solves for the residual, too, while that makes it smaller: the sketch squares the condition of the
    /// system, and this takes the rounding back that comes of it.
    private func refine<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, _ q: P.Vector,
        _ matrix: DenseMatrix, _ products: [P.Vector], scratch: (P.Vector, P.Vector),
        into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        let (residual, product) = scratch
        var smallest = Double.infinity
        for _ in 0..<3 {
            try derivatives.outerGradient(w, h, residual, result)
            _ = try space.normalize(residual)
            try derivatives.hessianProduct(w, h, q, product)
            try space.add(-1, product, to: residual)
            try space.add(-damping, q, to: residual)
            let norm = try space.norm(residual)
            guard norm > tolerance, norm < smallest / 2 else { return }
            smallest = norm
            try invert(residual, matrix, products, in: space)
            try space.add(1, residual, to: q)
        }
    }
}
