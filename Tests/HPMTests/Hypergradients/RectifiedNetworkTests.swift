import Testing
@testable import HPM

extension Hypergradients {
    /// The check on a network of rectified units on vectors of floats: a difference's step crosses kinks.
    @Suite struct RectifiedNetworkTests {
        private static let inputs = 8, width = 16, examples = 60, rate = 0.05
        private static let count = width * (inputs + 2) + 1

        private struct Data {
            let x: [[Double]]
            let y: [Double]
            let w: [Double]

            init(_ seed: Int) {
                var random = TestRandom(seed, 21)
                x = (0..<examples).map { _ in random.vector(inputs, -2...2) }
                y = (0..<examples).map { _ in random.uniform(-1...1) }
                w = random.vector(count, -0.6...0.6)
            }

            /// The loss, its gradient and its Hessian's product with v, where it is differentiable.
            func network(_ w: [Double], _ v: [Double]) -> (loss: Double, gradient: [Double], product: [Double]) {
                var loss = 0.0
                var (gradient, product) = (scaled(w, by: 0), scaled(w, by: 0))
                let last = count - 1
                for (x, y) in zip(x, y) {
                    var (a, aDot) = (Array(repeating: 0.0, count: width), Array(repeating: 0.0, count: width))
                    var (output, outputDot) = (w[last], v[last])
                    for unit in 0..<width {
                        let base = unit * (inputs + 2)
                        var (z, zDot) = (w[base], v[base])
                        for k in 0..<inputs {
                            z += w[base + 1 + k] * x[k]
                            zDot += v[base + 1 + k] * x[k]
                        }
                        guard z > 0 else { continue }
                        (a[unit], aDot[unit]) = (z, zDot)
                        let end = base + inputs + 1
                        output += w[end] * z
                        outputDot += v[end] * z + w[end] * zDot
                    }
                    loss += (output - y) * (output - y) / Double(examples)
                    let g = 2 * (output - y) / Double(examples)
                    let gDot = 2 * outputDot / Double(examples)
                    gradient[last] += g
                    product[last] += gDot
                    for unit in 0..<width where a[unit] > 0 {
                        let base = unit * (inputs + 2)
                        let end = base + inputs + 1
                        gradient[end] += g * a[unit]
                        product[end] += gDot * a[unit] + g * aDot[unit]
                        let (d, dDot) = (g * w[end], gDot * w[end] + g * v[end])
                        gradient[base] += d
                        product[base] += dDot
                        for k in 0..<inputs {
                            gradient[base + 1 + k] += d * x[k]
                            product[base + 1 + k] += dDot * x[k]
                        }
                    }
                }
                return (loss, gradient, product)
            }
        }

        private func problem(_ data: Data) -> ArrayProblem {
            var problem = ArrayProblem(parameterCount: Self.count, hyperparameterCount: 1)
            let factor = { (h: [Double]) in Elementary.exp(h[0]) }
            let rate = Self.rate
            let gradient = { (w: [Double], h: [Double]) in sum(data.network(w, w).gradient, 2 * factor(h), w) }
            let product = { (w: [Double], h: [Double], v: [Double]) in
                sum(data.network(w, v).product, 2 * factor(h), v)
            }
            problem.outerLoss = { w, _ in data.network(w, w).loss }
            problem.outerGradient = { w, _ in (data.network(w, w).gradient, [0]) }
            problem.innerLoss = { w, h in data.network(w, w).loss + factor(h) * dot(w, w) }
            problem.innerGradient = { w, h in gradient(w, h) }
            problem.innerHyperGradient = { w, h in [factor(h) * dot(w, w)] }
            problem.hessianProduct = { w, h, v in product(w, h, v) }
            problem.crossProduct = { w, h, v in [2 * factor(h) * dot(w, v)] }
            problem.step = { _, w, h in sum(w, -rate, gradient(w, h)) }
            problem.stepForward = { _, w, h, dw, dh in
                sum(sum(dw, -rate, product(w, h, dw)), -2 * rate * factor(h) * dh[0], w)
            }
            problem.stepBackward = { _, w, h, v in
                (sum(v, -rate, product(w, h, v)), [-2 * rate * factor(h) * dot(w, v)])
            }
            return problem
        }

        private func check(_ problem: ArrayProblem, _ data: Data) throws -> [CallbackFinding] {
            try problem.check(
                at: data.w, [-3], tolerance: 1e-2, differenceStep: Elementary.pow(0x1p-23, 1.0 / 3),
                Float.self)
        }

        @Test(arguments: 0..<10) func noRightCallbackIsBlamed(seed: Int) throws {
            let data = Data(seed)
            let found = try check(problem(data), data)
            #expect(found.allSatisfy { !$0.isFault }, "seed \(seed): \(found.map(\.words))")
            for finding in found {
                #expect((finding.reason == .kinks) == finding.words.contains("where kinks are crossed"))
                #expect((finding.reason == .rounding) == finding.words.contains("told from rounding"))
            }
        }

        @Test(arguments: 0..<3) func mistakesAreFound(seed: Int) throws {
            let data = Data(seed)
            let right = problem(data)
            var wrong: [(String, ArrayProblem)] = []
            func plant(_ name: String, _ change: (inout ArrayProblem) -> Void) {
                var problem = right
                change(&problem)
                wrong.append((name, problem))
            }
            plant("outer_gradient") {
                $0.outerGradient = { w, _ in (scaled(data.network(w, w).gradient, by: 1.5), [0]) }
            }
            plant("inner_gradient") {
                $0.innerGradient = { (w, h) throws(HPMError) in scaled(try right.innerGradient!(w, h), by: -1) }
            }
            plant("hessian_product") {
                $0.hessianProduct = { (w, h, v) throws(HPMError) in
                    scaled(try right.hessianProduct!(w, h, v), by: -1)
                }
            }
            plant("cross_product") {
                $0.crossProduct = { (w, h, v) throws(HPMError) in scaled(try right.crossProduct!(w, h, v), by: 2) }
            }
            plant("step_forward") {
                $0.stepForward = { (i, w, h, dw, dh) throws(HPMError) in
                    scaled(try right.stepForward!(i, w, h, dw, dh), by: 1.2)
                }
            }
            plant("step_backward") {
                $0.stepBackward = { (i, w, h, v) throws(HPMError) in
                    let (dw, dh) = try right.stepBackward!(i, w, h, v)
                    return (scaled(dw, by: 1.2), scaled(dh, by: -1))
                }
            }
            for (name, problem) in wrong {
                let found = try check(problem, data)
                #expect(
                    found.contains { $0.isFault && $0.callback == name },
                    "seed \(seed), \(name): \(found.map(\.words))")
            }
        }
    }
}
