/// Reverse mode through the last `steps` optimizer steps, which begin at w:
///
///     w_t+1 = step_t(w_t, h),  lambda_K = dF/dw at w_K
///     lambda_t = (dw_t+1/dw_t)^T lambda_t+1,   dF/dh = partial dF/dh + sum_t (dw_t+1/dh)^T lambda_t+1
///
/// Exact for those steps. `checkpoints` states are kept at a time; steps are taken again where a state
/// is not there, as few as that memory allows (binomial checkpointing): with s states and r repeats at
/// most C(s + r, s) steps. s + 3 vectors of parameters.
///
/// Source: Franceschi, Donini, Frasconi and Pontil, 'Forward and reverse gradient-based hyperparameter
/// optimization', ICML 2017; Griewank and Walther, 'Algorithm 799: revolve', ACM TOMS 26, 2000.
public struct ReverseMode: Estimator {
    public static let name = "reverse"
    public let steps: Int
    public let checkpoints: Int

    /// - Parameter checkpoints: States in memory; nil: all of them, no step is taken again.
    public init(steps: Int, checkpoints: Int? = nil) throws(HPMError) {
        try EstimatorSettings.requireCount(steps, "steps")
        if let checkpoints { try EstimatorSettings.requireCount(checkpoints, "checkpoints") }
        self.steps = steps
        self.checkpoints = min(checkpoints ?? steps, steps)
    }

    public func requireCallbacks<P: VectorSpace, H: VectorSpace>(
        of problem: BilevelProblem<P, H>
    ) throws(HPMError) {
        try problem.requireOuterGradient()
        try problem.requireStep()
        try problem.requireStepBackward()
    }

    public func estimate<P: VectorSpace, H: VectorSpace>(
        _ derivatives: inout Derivatives<P, H>, _ w: P.Vector, _ h: H.Vector, into result: H.Vector
    ) throws(HPMError) {
        var sweep = ReverseSweep<P, H>(
            state: try derivatives.makeParameters(), next: try derivatives.makeParameters(),
            adjoint: try derivatives.makeParameters(), pulled: try derivatives.makeParameters(),
            part: try derivatives.makeHyperparameters(), result: result, start: w,
            free: checkpoints - 1)
        try sweep.run(&derivatives, h, steps: steps)
        derivatives.certificate.iterations = steps
    }
}

/// Binomial checkpointing over the steps, from the last one back to the first.
struct ReverseSweep<P: VectorSpace, H: VectorSpace> {
    /// Steps first ..< first + count that are still to be reversed, from the state `base` on.
    private struct Segment {
        let base: P.Vector
        let first: Int
        var count: Int
    }

    private var state: P.Vector
    private var next: P.Vector
    private var adjoint: P.Vector
    private var pulled: P.Vector
    private let part: H.Vector
    private let result: H.Vector
    private let start: P.Vector
    /// Checkpoints that may still be made, and the memory of those that were given back.
    private var free: Int
    private var spare: [P.Vector] = []

    init(
        state: P.Vector, next: P.Vector, adjoint: P.Vector, pulled: P.Vector, part: H.Vector,
        result: H.Vector, start: P.Vector, free: Int
    ) {
        self.state = state
        self.next = next
        self.adjoint = adjoint
        self.pulled = pulled
        self.part = part
        self.result = result
        self.start = start
        self.free = free
    }

    mutating func run(
        _ derivatives: inout Derivatives<P, H>, _ h: H.Vector, steps: Int
    ) throws(HPMError) {
        // A stack of its own, since the depth is the number of checkpoints.
        var segments = [Segment(base: start, first: 0, count: steps)]
        while var segment = segments.popLast() {
            while segment.count > 1 && free > 0 {
                let split = BinomialSchedule.firstCheckpoint(
                    steps: segment.count, checkpoints: free + 1)
                let checkpoint = try takeCheckpoint(&derivatives)
                free -= 1
                try advance(&derivatives, from: segment.base, h, segment.first..<segment.first + split)
                try derivatives.problem.parameters.copy(state, to: checkpoint)
                segments.append(Segment(base: segment.base, first: segment.first, count: split))
                segment = Segment(
                    base: checkpoint, first: segment.first + split, count: segment.count - split)
            }
            for step in (segment.first..<segment.first + segment.count).reversed() {
                try advance(&derivatives, from: segment.base, h, segment.first..<step)
                if step == steps - 1 {
                    try derivatives.step(step, state, h, next)
                    try derivatives.outerGradient(next, h, adjoint, result)
                }
                // At the last step and, for what came in between, at the first one: a NaN that no
                // hyperparameter reaches is a NaN all the same.
                if step == steps - 1 || step == 0 {
                    guard try derivatives.problem.parameters.isFinite(adjoint) else {
                        derivatives.certificate.status = .nonfinite
                        return
                    }
                }
                try derivatives.stepBackward(step, state, h, adjoint, pulled, part)
                try derivatives.problem.hyperparameters.add(1, part, to: result)
                swap(&adjoint, &pulled)
            }
            if segment.base !== start {
                spare.append(segment.base)
                free += 1
            }
        }
    }

    private mutating func takeCheckpoint(
        _ derivatives: inout Derivatives<P, H>
    ) throws(HPMError) -> P.Vector {
        if let vector = spare.popLast() { return vector }
        return try derivatives.makeParameters()
    }

    /// Brings `state` from `base` over a range of steps.
    private mutating func advance(
        _ derivatives: inout Derivatives<P, H>, from base: P.Vector, _ h: H.Vector,
        _ steps: Range<Int>
    ) throws(HPMError) {
        try derivatives.problem.parameters.copy(base, to: state)
        for step in steps {
            try derivatives.step(step, state, h, next)
            swap(&state, &next)
        }
    }
}
