/// Products that a problem has no callback for, by central differences of a gradient that it has.
///
/// With u = v / |v| and a step e along it, (d2f/dw2) v = |v| (g(w + e u) - g(w - e u)) / 2e + O(e^2).
/// e is ``differenceStep`` (1 + |w|).
extension Derivatives {
    /// How far rounding can take a Hessian product from the truth, relative to its size.
    var productRounding: Double {
        let precision = problem.parameters.precision
        return problem.hessianProduct != nil
            ? 64 * precision : 30 * Elementary.pow(precision, 2.0 / 3)
    }

    /// Scratch of differences, made when the first one is needed and kept.
    final class Scratch {
        var shifted: P.Vector?
        var gradient: P.Vector?
        var hyperGradient: H.Vector?
    }

    /// result = (d2f/dw2) v.
    mutating func hessianProduct(
        _ w: P.Vector, _ h: H.Vector, _ v: P.Vector, _ result: P.Vector
    ) throws(HPMError) {
        if let hessianProduct = problem.hessianProduct {
            certificate.calls.hessianProducts += 1
            try problem.parameters.invalidate(result)
            return try hessianProduct(w, h, v, result)
        }
        let space = problem.parameters
        let step = try step(from: w, along: v)
        guard step.isFinite else { return try space.invalidate(result) }
        guard step != 0 else { return try space.scale(result, by: 0) }
        let gradient = try scratchGradient()
        try innerGradient(try shifted(w, by: step, v), h, result)
        try innerGradient(try shifted(w, by: -step, v), h, gradient)
        try space.add(-1, gradient, to: result)
        try space.scale(result, by: 0.5 / step)
    }

    /// result = d(v . df/dw)/dh.
    mutating func crossProduct(
        _ w: P.Vector, _ h: H.Vector, _ v: P.Vector, _ result: H.Vector
    ) throws(HPMError) {
        if let crossProduct = problem.crossProduct {
            certificate.calls.crossProducts += 1
            try problem.hyperparameters.invalidate(result)
            return try crossProduct(w, h, v, result)
        }
        guard let innerHyperGradient = problem.innerHyperGradient else {
            return try problem.requireCrossProduct()
        }
        let space = problem.hyperparameters
        let step = try step(from: w, along: v)
        guard step.isFinite else { return try space.invalidate(result) }
        guard step != 0 else { return try space.scale(result, by: 0) }
        let gradient = try scratchHyperGradient()
        certificate.calls.innerHyperGradients += 2
        try space.invalidate(result)
        try innerHyperGradient(try shifted(w, by: step, v), h, result)
        try innerHyperGradient(try shifted(w, by: -step, v), h, gradient)
        try space.add(-1, gradient, to: result)
        try space.scale(result, by: 0.5 / step)
    }

    /// result = (dw'/dw) dw + (dw'/dh) dh.
    mutating func stepForward(
        _ index: Int, _ w: P.Vector, _ h: H.Vector, _ dw: P.Vector, _ dh: H.Vector,
        _ result: P.Vector
    ) throws(HPMError) {
        if let stepForward = problem.stepForward {
            certificate.calls.stepProducts += 1
            try problem.parameters.invalidate(result)
            return try stepForward(index, w, h, dw, dh, result)
        }
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        let length = try (parameters.dot(dw, dw) + hyperparameters.dot(dh, dh)).squareRoot()
        guard length.isFinite else { return try parameters.invalidate(result) }
        guard length > 0 else { return try parameters.scale(result, by: 0) }
        let size = try (size(of: w, in: parameters), size(of: h, in: hyperparameters))
        let step = differenceStep * (1 + (size.0 * size.0 + size.1 * size.1).squareRoot()) / length
        let shiftedHyperparameters = try scratchHyperGradient()
        let other = try scratchGradient()
        for (sign, target) in [(1.0, result), (-1.0, other)] {
            let shiftedParameters = try shifted(w, by: sign * step, dw)
            try hyperparameters.copy(h, to: shiftedHyperparameters)
            try hyperparameters.add(sign * step, dh, to: shiftedHyperparameters)
            try self.step(index, shiftedParameters, shiftedHyperparameters, target)
        }
        try parameters.add(-1, other, to: result)
        try parameters.scale(result, by: 0.5 / step)
    }

    /// The factor of v that moves w by a step of good length; 0 for v = 0, NaN where v is not finite.
    private func step(from w: P.Vector, along v: P.Vector) throws(HPMError) -> Double {
        let length = try problem.parameters.length(of: v)
        if length == 0 { return 0 }
        // NaN and infinite lengths make the step NaN.
        return length.isFinite
            ? differenceStep * (1 + (try size(of: w, in: problem.parameters))) / length : .nan
    }

    /// Its length, where one below a double's square root is as good as 0.
    private func size<Space: VectorSpace>(
        of vector: Space.Vector, in space: Space
    ) throws(HPMError) -> Double {
        let norm = try space.norm(vector)
        return norm == .infinity ? try space.length(of: vector) : norm
    }

    /// w + step v, in scratch memory.
    private mutating func shifted(
        _ w: P.Vector, by step: Double, _ v: P.Vector
    ) throws(HPMError) -> P.Vector {
        let shifted = try scratchShifted()
        try problem.parameters.copy(w, to: shifted)
        try problem.parameters.add(step, v, to: shifted)
        return shifted
    }

    private mutating func scratchShifted() throws(HPMError) -> P.Vector {
        if let vector = scratch.shifted { return vector }
        let vector = try makeParameters()
        scratch.shifted = vector
        return vector
    }

    private mutating func scratchGradient() throws(HPMError) -> P.Vector {
        if let vector = scratch.gradient { return vector }
        let vector = try makeParameters()
        scratch.gradient = vector
        return vector
    }

    private mutating func scratchHyperGradient() throws(HPMError) -> H.Vector {
        if let vector = scratch.hyperGradient { return vector }
        let vector = try makeHyperparameters()
        scratch.hyperGradient = vector
        return vector
    }
}
