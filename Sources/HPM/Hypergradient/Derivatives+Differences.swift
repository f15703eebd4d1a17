/// Products that a problem has no callback for, by central differences of a gradient that it has.
///
/// With u = v / |v| and a step e along it, (d2f/dw2) v = |v| (g(w + e u) - g(w - e u)) / 2e + O(e^2).
/// e is ``differenceStep`` (1 + |w|).
extension Derivatives {
    /// How far rounding can take a Hessian product from the truth, relative to its size.
    var productRounding: Double {
        let precision = problem.parameters.precision
        // Half precision would leave nothing to be told from rounding by the first bound.
        return problem.hessianProduct != nil
            ? min(64 * precision, Elementary.pow(precision, 2.0 / 3)) : 30 * Elementary.pow(precision, 2.0 / 3)
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
        // One difference for each of the two: a step that suits w may be longer than h.
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        let other = try scratchGradient()
        // A tangent begins at 0, of which no copy need be made to know its length.
        let first = try parameters.norm(dw) == 0 ? 0 : step(from: w, along: dw)
        let second = try hyperStep(from: h, along: dh)
        guard first.isFinite, second.isFinite else { return try parameters.invalidate(result) }
        if first == 0 {
            try parameters.scale(result, by: 0)
        } else {
            try step(index, try shifted(w, by: first, dw), h, result)
            try step(index, try shifted(w, by: -first, dw), h, other)
            try parameters.add(-1, other, to: result)
            try parameters.scale(result, by: 0.5 / first)
        }
        if second == 0 { return }
        let (shiftedHyperparameters, below) = try (scratchHyperGradient(), scratchShifted())
        try hyperparameters.copyShifted(h, by: second, dh, to: shiftedHyperparameters)
        try step(index, w, shiftedHyperparameters, other)
        try hyperparameters.copyShifted(h, by: -second, dh, to: shiftedHyperparameters)
        try step(index, w, shiftedHyperparameters, below)
        try parameters.add(-1, below, to: other)
        try parameters.add(0.5 / second, other, to: result)
    }

    /// As ``step(from:along:)`` for hyperparameters, relative to the size of h along the direction: those of
    /// one problem may be a rate of 1e-3 and a width of 100. Below a floor rounding of w' would outweigh
    /// what a shorter step gains.
    private func hyperStep(from h: H.Vector, along dh: H.Vector) throws(HPMError) -> Double {
        let space = problem.hyperparameters
        let length = try space.length(of: dh)
        if length == 0 { return 0 }
        guard length.isFinite else { return .nan }
        let along = try space.dot(h, dh).magnitude / length
        let size = along.isFinite ? along : try self.size(of: h, in: space)
        return differenceStep * max(size, differenceStep.squareRoot()) / length
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
