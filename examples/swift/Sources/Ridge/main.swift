// A hypergradient with its certificate: ridge regression with a penalty for each feature, the
// derivatives as closures, compared with the closed form.
//
//     f(w, h) = |X w - y|^2 / 2 + sum_j exp(h_j) w_j^2 / 2,   F(w) = |V w - z|^2 / 2
import Foundation
import HPM

let features = 4
let x = matrix(30, features, seed: 1), y = matrix(30, 1, seed: 2).flatMap { $0 }
let v = matrix(20, features, seed: 3), z = matrix(20, 1, seed: 4).flatMap { $0 }
let penalties = [-1.0, 0, 1, 2]
let hessian = (0..<features).map { i in
    var row = transposed(x, times: x.map { $0[i] })
    row[i] += exp(penalties[i])
    return row
}
let weights = solve(hessian, transposed(x, times: y))  // the minimum of f

// What a trainer writes: closures on vectors, here arrays in host memory.
let space = try HostVectorSpace<Double>(count: features)
var problem = BilevelProblem(parameters: space, hyperparameters: space)
problem.outerGradient = { w, _, dw, _ in  // F does not depend on h directly
    let residual = zip(product(v, w.components), z).map { $0 - $1 }
    for (j, value) in transposed(v, times: residual).enumerated() { dw.components[j] = value }
}
problem.hessianProduct = { _, h, u, result in
    for (j, value) in transposed(x, times: product(x, u.components)).enumerated() {
        result.components[j] = value + exp(h.components[j]) * u.components[j]
    }
}
problem.crossProduct = { w, h, u, result in
    for j in 0..<features { result.components[j] = exp(h.components[j]) * w.components[j] * u.components[j] }
}

let (w, h, found) = (try space.makeVector(weights), try space.makeVector(penalties), try space.makeZeros())
let certificate = try problem.hypergradient(ConjugateGradient(tolerance: 1e-12), at: w, h, into: found)
print("\(certificate.status) after \(certificate.iterations) iterations, relative residual", certificate.relativeResidual)

// dF/dh_j = -exp(h_j) w_j q_j,  (X^T X + diag(exp h)) q = dF/dw
let slope = transposed(v, times: zip(product(v, w.components), z).map { $0 - $1 })
let exact = zip(zip(penalties, weights), solve(hessian, slope)).map { -exp($0.0) * $0.1 * $1 }
let error = zip(found.components, exact).map { abs($0 - $1) }.max()! / exact.map(abs).max()!
let isGood = certificate.status == .converged && error < 1e-10
print("\(isGood ? "passed" : "FAILED"): relative error \(error) against the closed form \(exact)")
exit(isGood ? 0 : 1)
