/// The Hessian by a low-rank sketch, which is then inverted exactly:
///
///     Y = H S,  H ~ Y A^-1 Y^T,  A = S^T Y,  S of `rank` random columns
///     q = (g - Y (damping A + Y^T Y)^-1 Y^T g) / damping,  g = dF/dw       (Woodbury)
///
/// Exact for H + damping I where the rank is that of H. Curvature outside of the sketch is taken for 0
/// and leaves a residual of about curvature / damping: above 1 there is no estimate. `rank` Hessian products that do not wait for
/// one another, and one to eleven for the residual; 2 rank + 1 vectors of parameters.
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
        try EstimatorSettings.requireTolerance(tolerance)
        try EstimatorSettings.requireCount(rank, "rank")
        try EstimatorSettings.requirePositive(damping, "damping")
        self.rank = rank
        self.damping = damping
        self.tolerance = tolerance
        self.seed = seed
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireProducts()
        try problem.parameters.require(.random)
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        let space = derivatives.problem.parameters
        let rank = min(rank, space.dimension ?? rank)
        try Memory.require(
            elements: [(rank, rank, 5 * MemoryLayout<Double>.size)], "the inner system of rank \(rank)")
        let q = try derivatives.makeParameters()
        guard let length = try derivatives.beginSolve(w, h, q, into: result) else { return }
        var sketches: [P.Vector] = []
        var products: [P.Vector] = []
        var largest = 0.0
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
            largest = max(largest, try space.norm(product) / space.norm(sketch))
            derivatives.certificate.meet(curvature: curvature)
            derivatives.certificate.iterations += 1
            sketches.append(sketch)
            products.append(product)
        }
        let sketched = try symmetricProducts(sketches, products, in: space)
        let gram = try symmetricProducts(sketches, sketches, in: space)
        let rounding = derivatives.productRounding * largest
        if let curvature = negativeCurvature(sketched, gram, rounding: rounding) {
            derivatives.certificate.meet(curvature: curvature)
        }
        if derivatives.certificate.smallestCurvature + damping < 0 {
            derivatives.certificate.status = .indefinite
            return
        }
        let matrix = try symmetricProducts(products, products, in: space).adding(damping, sketched)
        try invert(q, matrix, products, in: space)
        // The sketch squares the condition of the system: solving for the residual, too, while that
        // makes it smaller, takes the rounding back that comes of it. What lies outside of the sketch a
        // correction makes larger: then it is taken back. Fewer than three sketches leave no vector to
        // keep q in.
        let (residual, product) = (sketches[0], rank > 1 ? sketches[1] : products[0])
        var left = try derivatives.residual(w, h, q, damping: damping, residual, product, into: result)
        for _ in 0..<Self.refinements where rank > 2 && left > tolerance {
            try space.copy(q, to: sketches[2])
            try invert(residual, matrix, products, in: space)
            try space.add(1, residual, to: q)
            let before = left
            left = try derivatives.residual(w, h, q, damping: damping, residual, product, into: result)
            if !(left < before) {
                try space.copy(sketches[2], to: q)
                left = before
                break
            }
            if left > 0.75 * before { break }
        }
        try derivatives.finishSolve(
            w, h, q, length: length, residual: left, tolerance: tolerance, into: result)
    }

    private static var refinements: Int { 10 }

    /// left^T right, which is symmetric but for rounding: both halves are averaged.
    private func symmetricProducts<P: VectorSpace>(
        _ left: [P.Vector], _ right: [P.Vector], in space: P
    ) throws(HPMError) -> DenseMatrix {
        var matrix = DenseMatrix(size: left.count)
        for row in left.indices {
            for column in row..<left.count {
                let value = try space.dot(left[row], right[column])
                let other =
                    row == column || left[row] === right[row]
                    ? value : try space.dot(left[column], right[row])
                matrix[row, column] = (value + other) / 2
                matrix[column, row] = (value + other) / 2
            }
        }
        return matrix
    }

    /// The curvature of H along a direction of the sketch where that of H + damping I is negative beyond
    /// rounding; nil where there is none. Columns alone don't show it: each is a mixture of all
    /// curvatures. By Sylvester's law of inertia A + damping S^T S has a negative pivot where
    /// H + damping I is not positive on the sketch.
    ///
    /// - Parameters:
    ///   - sketched: A.
    ///   - gram: S^T S.
    ///   - rounding: The error of a Hessian product over the length of its vector.
    private func negativeCurvature(
        _ sketched: DenseMatrix, _ gram: DenseMatrix, rounding: Double
    ) -> Double? {
        guard let direction = sketched.adding(damping, gram).negativeDirection() else { return nil }
        let squared = gram.quadraticForm(direction)
        guard squared > 0 else { return nil }
        let curvature = sketched.quadraticForm(direction) / squared
        // A direction that nearly cancels is short beside the errors of the products that it is made of.
        var terms = 0.0
        for index in direction.indices {
            terms += direction[index].magnitude * gram[index, index].squareRoot()
        }
        return curvature + damping < -rounding * terms * terms / squared ? curvature : nil
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
}
