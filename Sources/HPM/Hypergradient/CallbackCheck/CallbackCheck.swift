/// A check of a problem's callbacks at one place: what it needs to ask them, and what it found so far.
struct CallbackCheck<P: VectorSpace, H: VectorSpace> {
    let problem: BilevelProblem<P, H>
    let w: P.Vector
    let h: H.Vector
    let tolerance: Double
    let differenceStep: Double
    let seed: UInt64
    var findings: [CallbackFinding] = []
    static var trials: Int { 3 }

    init(
        problem: BilevelProblem<P, H>, w: P.Vector, h: H.Vector, tolerance: Double,
        differenceStep: Double, seed: UInt64
    ) {
        self.problem = problem
        self.w = w
        self.h = h
        self.tolerance = tolerance
        self.differenceStep = differenceStep
        self.seed = seed
    }

    /// The precision of the user's numbers; a step as long as single precision needs tells it of vectors
    /// that are known by callbacks alone.
    var precision: Double {
        max(
            problem.parameters.precision, problem.hyperparameters.precision,
            differenceStep >= 4e-3 ? 0x1p-23 : 0)
    }

    mutating func run() throws(HPMError) {
        try checkRepetition()
        try checkOuterGradient()
        try checkInnerGradients()
        try checkHessianProduct()
        try checkCrossProduct()
        try checkStepProducts()
    }
}
