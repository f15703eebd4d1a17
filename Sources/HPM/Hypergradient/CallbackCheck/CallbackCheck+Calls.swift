/// The callbacks as the estimators call them, and central differences of them.
extension CallbackCheck {
    /// Outputs hold NaN before each call, so that what a callback leaves unwritten is seen.
    private var derivatives: Derivatives<P, H> {
        Derivatives(problem, differenceStep: differenceStep)
    }

    func outerGradient(_ w: P.Vector, _ h: H.Vector) throws(HPMError) -> (P.Vector, H.Vector) {
        var derivatives = derivatives
        let results = (try derivatives.makeParameters(), try derivatives.makeHyperparameters())
        try derivatives.outerGradient(w, h, results.0, results.1)
        return results
    }

    func innerGradient(_ w: P.Vector, _ h: H.Vector) throws(HPMError) -> P.Vector {
        var derivatives = derivatives
        let result = try derivatives.makeParameters()
        try derivatives.innerGradient(w, h, result)
        return result
    }

    func innerHyperGradient(_ w: P.Vector, _ h: H.Vector) throws(HPMError) -> H.Vector {
        let result = try problem.hyperparameters.makeZeros()
        try problem.hyperparameters.invalidate(result)
        try problem.innerHyperGradient?(w, h, result)
        return result
    }

    func hessianProduct(_ v: P.Vector) throws(HPMError) -> P.Vector {
        var derivatives = derivatives
        let result = try derivatives.makeParameters()
        try derivatives.hessianProduct(w, h, v, result)
        return result
    }

    func crossProduct(_ v: P.Vector) throws(HPMError) -> H.Vector {
        var derivatives = derivatives
        let result = try derivatives.makeHyperparameters()
        try derivatives.crossProduct(w, h, v, result)
        return result
    }

    func step(_ w: P.Vector, _ h: H.Vector) throws(HPMError) -> P.Vector {
        var derivatives = derivatives
        let result = try derivatives.makeParameters()
        try derivatives.step(0, w, h, result)
        return result
    }

    func stepForward(_ dw: P.Vector, _ dh: H.Vector) throws(HPMError) -> P.Vector {
        var derivatives = derivatives
        let result = try derivatives.makeParameters()
        try derivatives.stepForward(0, w, h, dw, dh, result)
        return result
    }

    func stepBackward(_ v: P.Vector) throws(HPMError) -> (P.Vector, H.Vector) {
        var derivatives = derivatives
        let results = (try derivatives.makeParameters(), try derivatives.makeHyperparameters())
        try derivatives.stepBackward(0, w, h, v, results.0, results.1)
        return results
    }

    func direction<Space: VectorSpace>(
        in space: Space, _ seed: UInt64
    ) throws(HPMError) -> Space.Vector {
        let vector = try space.makeZeros()
        try space.randomize(vector, seed: seed, .normal)
        return vector
    }

    func direction(_ seed: UInt64) throws(HPMError) -> P.Vector {
        try direction(in: problem.parameters, seed)
    }

    func hyperDirection(_ seed: UInt64) throws(HPMError) -> H.Vector {
        try direction(in: problem.hyperparameters, seed)
    }

    func shifted<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ step: Double, _ direction: Space.Vector
    ) throws(HPMError) -> Space.Vector {
        let vector = try space.makeZeros()
        try space.copyShifted(origin, by: step, direction, to: vector)
        return vector
    }

    /// The step along a direction, relative to the size of where it begins.
    func stepLength<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ direction: Space.Vector
    ) throws(HPMError) -> Double {
        let length = try space.length(of: direction)
        return differenceStep * (1 + (try space.length(of: origin))) / max(length, .leastNormalMagnitude)
    }

    /// (value(w + e v) - value(w - e v)) / 2e for a number.
    ///
    /// - Parameter part: Of the usual step's length.
    func difference<Space: VectorSpace>(
        _ space: Space, _ origin: Space.Vector, _ direction: Space.Vector,
        part: Double = 1, size: Double = 0, _ value: (Space.Vector) throws(HPMError) -> Double
    ) throws(HPMError) -> MeasuredNumber {
        let step = try part * stepLength(space, origin, direction)
        let above = try value(try shifted(space, origin, step, direction))
        let below = try value(try shifted(space, origin, -step, direction))
        return measured(above, below, step, size: size)
    }

    /// - Parameter size: Of the terms that the two numbers are sums of, where it is larger than they.
    func measured(_ above: Double, _ below: Double, _ step: Double, size: Double) -> MeasuredNumber {
        MeasuredNumber(
            value: (above - below) / (2 * step),
            rounding: 4 * precision * max(above.magnitude, below.magnitude, size) / step)
    }
}
