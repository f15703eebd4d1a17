import Foundation
@testable import HPM

/// A network of two layers, out = v.tanh(W x + b) + c, with hyperparameters of several kinds:
///
///     f = mean_i s_i (out_i - y_i)^2 / 2 + exp(h_0) |W, b|^2 / 2 + exp(h_1) |v, c|^2 / 2
///     s_i = exp(h_3) for odd examples, else 1
///     step_t: w' = w - exp(h_2) 0.97^t df/dw of a minibatch that depends on t
///     F = mean of (out - y)^2 / 2 on validation examples + 0.01 h_0^2
///
/// The gradient is by hand, over a scalar type: with dual numbers it gives the products.
struct NetworkProblem {
    let inputs: [[Double]]
    let targets: [Double]
    let validationInputs: [[Double]]
    let validationTargets: [Double]
    let start: [Double]
    let hyperplace: [Double] = [-2.0, -1.6, -1.2, 0.3]

    static let width = 3
    static let inputCount = 2
    /// W, then b, then v, then c.
    static var firstLayer: Int { width * (inputCount + 1) }
    static var parameterCount: Int { firstLayer + width + 1 }

    init(seed: Int) {
        var random = TestRandom(seed, 4)
        func examples(_ count: Int) -> ([[Double]], [Double]) {
            let inputs = (0..<count).map { _ in random.vector(Self.inputCount, -2...2) }
            return (inputs, inputs.map { Foundation.sin($0[0]) + 0.5 * $0[1] + 0.1 * random.normal() })
        }
        (inputs, targets) = examples(6)
        (validationInputs, validationTargets) = examples(5)
        start = random.vector(Self.parameterCount)
    }

    private func activations<S: NetworkScalar>(_ w: [S], _ x: [Double]) -> [S] {
        (0..<Self.width).map { unit in
            var total = w[Self.width * Self.inputCount + unit]
            for input in 0..<Self.inputCount {
                total = total + w[unit * Self.inputCount + input] * S(x[input])
            }
            return total.hyperbolicTangent
        }
    }

    private func output<S: NetworkScalar>(_ w: [S], _ activations: [S]) -> S {
        var total = w[Self.parameterCount - 1]
        for unit in 0..<Self.width { total = total + w[Self.firstLayer + unit] * activations[unit] }
        return total
    }

    /// Adds weight (out - y) dout/dw of an example.
    private func addGradient<S: NetworkScalar>(
        _ w: [S], _ x: [Double], _ y: Double, weight: S, to gradient: inout [S]
    ) {
        let active = activations(w, x)
        let error = weight * (output(w, active) - S(y))
        for unit in 0..<Self.width {
            let back = error * w[Self.firstLayer + unit] * (S(1) - active[unit] * active[unit])
            for input in 0..<Self.inputCount {
                let index = unit * Self.inputCount + input
                gradient[index] = gradient[index] + back * S(x[input])
            }
            let bias = Self.width * Self.inputCount + unit
            gradient[bias] = gradient[bias] + back
            gradient[Self.firstLayer + unit] = gradient[Self.firstLayer + unit] + error * active[unit]
        }
        gradient[Self.parameterCount - 1] = gradient[Self.parameterCount - 1] + error
    }

    private func zeros<S: NetworkScalar>() -> [S] { Array(repeating: S(0), count: Self.parameterCount) }

    func innerLoss(_ w: [Double], _ h: [Double]) -> Double {
        var total = 0.0
        for index in inputs.indices {
            let error = output(w, activations(w, inputs[index])) - targets[index]
            total += (index % 2 == 1 ? Foundation.exp(h[3]) : 1) * error * error / 2
        }
        total /= Double(inputs.count)
        for index in w.indices {
            total += Foundation.exp(h[index < Self.firstLayer ? 0 : 1]) * w[index] * w[index] / 2
        }
        return total
    }

    /// df/dw over some of the examples.
    func gradient<S: NetworkScalar>(_ w: [S], _ h: [S], _ examples: [Int]) -> [S] {
        var gradient: [S] = zeros()
        let share = S(1 / Double(examples.count))
        let odd = h[3].exponential * share
        for index in examples {
            addGradient(
                w, inputs[index], targets[index], weight: index % 2 == 1 ? odd : share, to: &gradient)
        }
        let penalties = (h[0].exponential, h[1].exponential)
        for index in w.indices {
            gradient[index] =
                gradient[index] + (index < Self.firstLayer ? penalties.0 : penalties.1) * w[index]
        }
        return gradient
    }

    func hessianProduct(_ w: [Double], _ h: [Double], _ v: [Double], _ examples: [Int]) -> [Double] {
        gradient(DualNumber.along(w, v), h.map { DualNumber($0) }, examples).map(\.slope)
    }

    /// d(v . df/dw)/dh, by hand.
    func crossProduct(_ w: [Double], _ h: [Double], _ v: [Double], _ examples: [Int]) -> [Double] {
        var result = [0.0, 0.0, 0.0, 0.0]
        for index in w.indices {
            let layer = index < Self.firstLayer ? 0 : 1
            result[layer] += Foundation.exp(h[layer]) * w[index] * v[index]
        }
        var odd: [Double] = zeros()
        for index in examples where index % 2 == 1 {
            addGradient(
                w, inputs[index], targets[index],
                weight: Foundation.exp(h[3]) / Double(examples.count), to: &odd)
        }
        result[3] = dot(odd, v)
        return result
    }

    var all: [Int] { Array(inputs.indices) }

    private func batch(_ index: Int) -> [Int] { all.filter { ($0 + index) % 3 != 0 } }
    private func decay(_ index: Int) -> Double { Foundation.pow(0.97, Double(index)) }

    func step<S: NetworkScalar>(_ index: Int, _ w: [S], _ h: [S]) -> [S] {
        let gradient = gradient(w, h, batch(index))
        let rate = h[2].exponential * S(decay(index))
        return w.indices.map { w[$0] - rate * gradient[$0] }
    }

    func stepBackward(
        _ index: Int, _ w: [Double], _ h: [Double], _ v: [Double]
    ) -> ([Double], [Double]) {
        let batch = batch(index)
        let rate = Foundation.exp(h[2]) * decay(index)
        var dh = scaled(crossProduct(w, h, v, batch), by: -rate)
        dh[2] = -rate * dot(gradient(w, h, batch), v)
        return (sum(v, -rate, hessianProduct(w, h, v, batch)), dh)
    }

    func outerLoss(_ w: [Double], _ h: [Double]) -> Double {
        var total = 0.0
        for index in validationInputs.indices {
            let error = output(w, activations(w, validationInputs[index])) - validationTargets[index]
            total += error * error / 2
        }
        return total / Double(validationInputs.count) + 0.01 * h[0] * h[0]
    }

    func outerGradient(_ w: [Double], _ h: [Double]) -> ([Double], [Double]) {
        var gradient: [Double] = zeros()
        for index in validationInputs.indices {
            addGradient(
                w, validationInputs[index], validationTargets[index],
                weight: 1 / Double(validationInputs.count), to: &gradient)
        }
        return (gradient, [0.02 * h[0], 0, 0, 0])
    }

    func trained(_ steps: Int, _ h: [Double]) -> [Double] {
        (0..<steps).reduce(start) { step($1, $0, h) }
    }

    func hessian(_ w: [Double], _ h: [Double]) -> Matrix {
        Matrix(
            w.indices.map { row in
                hessianProduct(w, h, w.indices.map { $0 == row ? 1 : 0 }, all)
            })
    }

    /// Gradient descent from `w`, then Newton to the last bits.
    func minimum(_ h: [Double], from w: [Double], descent: Int) -> [Double] {
        var w = w
        for _ in 0..<descent { w = sum(w, -0.4, gradient(w, h, all)) }
        for _ in 0..<6 { w = sum(w, -1, hessian(w, h).solve(gradient(w, h, all))) }
        precondition(norm(gradient(w, h, all)) < 1e-13)
        return w
    }

    /// - Parameter unrolled: The steps of the response.
    func problem(unrolled: Int = 10) -> ArrayProblem {
        let network = self
        let all = all
        var problem = ArrayProblem(parameterCount: Self.parameterCount, hyperparameterCount: 4)
        problem.outerLoss = { network.outerLoss($0, $1) }
        problem.outerGradient = { network.outerGradient($0, $1) }
        problem.innerLoss = { network.innerLoss($0, $1) }
        problem.innerGradient = { network.gradient($0, $1, all) }
        problem.innerHyperGradient = { w, h in
            var odd = 0.0
            for index in all where index % 2 == 1 {
                let error =
                    network.output(w, network.activations(w, network.inputs[index]))
                    - network.targets[index]
                odd += Foundation.exp(h[3]) * error * error / 2
            }
            let squares = w.map { $0 * $0 / 2 }
            return [
                Foundation.exp(h[0]) * squares[..<Self.firstLayer].reduce(0, +),
                Foundation.exp(h[1]) * squares[Self.firstLayer...].reduce(0, +), 0,
                odd / Double(all.count),
            ]
        }
        problem.hessianProduct = { network.hessianProduct($0, $1, $2, all) }
        problem.crossProduct = { network.crossProduct($0, $1, $2, all) }
        problem.step = { network.step($0, $1, $2) }
        problem.stepForward = { index, w, h, dw, dh in
            network.step(index, DualNumber.along(w, dw), DualNumber.along(h, dh)).map(\.slope)
        }
        problem.stepBackward = { network.stepBackward($0, $1, $2, $3) }
        problem.response = { h in network.outerLoss(network.trained(unrolled, h), h) }
        return problem
    }
}
