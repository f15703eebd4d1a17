extension BilevelProblem {
    /// Tests the callbacks at a place, each by what holds for the right one: it gives the same when asked
    /// again; symmetry of the Hessian product; the adjoint identity of the step's two products; and
    /// central differences along random directions for every derivative.
    ///
    /// The losses, `step` and `response` say what the problem is: what contradicts them is wrong, and of
    /// themselves no more than repetition can be tested. A derivative is compared with others, unless
    /// those are wrong already. Where one contradicts another that nothing has confirmed, the two
    /// disagree. An identity alone, which every factor keeps, leaves a product not checked.
    ///
    /// - Parameters:
    ///   - tolerance: The relative difference from which on a callback is wrong; nil: 1e-4, or 1e-2 for
    ///     vectors in single precision.
    ///   - differenceStep: Relative step of the differences; nil: what balances rounding and truncation at
    ///     the vectors' precision.
    /// - Throws: `callback` where a callback failed; `argument` for a tolerance or step that is not
    ///   allowed; `unsupported` where a vector space can't draw random vectors.
    /// - Complexity: About 40 calls of each callback, up to five times as many of those that seem wrong.
    public func check(
        at w: W, _ h: H, tolerance: Double? = nil, differenceStep: Double? = nil, seed: UInt64 = 0
    ) throws(HPMError) -> [CallbackFinding] {
        // Ten times and more what differences in single precision can reach.
        let tolerance = tolerance ?? max(1e-4, 400 * balancedDifferenceStep * balancedDifferenceStep)
        let differenceStep = differenceStep ?? balancedDifferenceStep
        try EstimatorSettings.requireNonNegative(tolerance, "check_tolerance")
        try EstimatorSettings.requirePositive(differenceStep, "difference_step")
        var check = CallbackCheck(
            problem: self, w: w, h: h, tolerance: tolerance, differenceStep: differenceStep, seed: seed)
        try check.run()
        return check.findings
    }
}
