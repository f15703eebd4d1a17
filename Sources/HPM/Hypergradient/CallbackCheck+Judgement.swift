/// From comparisons to findings.
extension CallbackCheck {
    /// A number and how far rounding may have taken it.
    struct Measured {
        let value: Double
        var rounding = 0.0
        /// By how much steps of other lengths give another number, counted in `rounding`: what is not
        /// differentiable nearby, as where rectified units turn on and off.
        var spread = 0.0
    }

    /// Two numbers that should be the same.
    struct Comparison {
        let observed: Double
        let expected: Measured
        /// The size of what both are sums of, so that a sum near 0 is not judged by its rounding.
        let scale: Double

        var size: Double {
            max(observed.magnitude, expected.value.magnitude, 1e-6 * scale, .leastNormalMagnitude)
        }
        var error: Double {
            max(0, (observed - expected.value).magnitude - expected.rounding) / size
        }
        /// Whether a wrong number could hide in the rounding.
        func isBlind(_ tolerance: Double) -> Bool { expected.rounding > tolerance * size }
        /// Beyond the numbers' range nothing can be compared.
        var isComparable: Bool { size.isFinite && expected.rounding.isFinite }
    }

    /// What a callback is compared with.
    struct Reference {
        let words: String
        /// The callback that it is made of; nil: the one that is tested.
        let callback: String?
        /// Whether what contradicts it is wrong.
        let isTrusted: Bool
        /// The name of an identity, which holds for any multiple of a product.
        let identity: String?

        static func differences(of callback: String, isTrusted: Bool) -> Reference {
            Reference(
                words: "differences of \(callback)", callback: callback, isTrusted: isTrusted,
                identity: nil)
        }

        static var symmetry: Reference {
            Reference(words: "v.Hu", callback: nil, isTrusted: true, identity: "its symmetry")
        }

        /// - Parameter isTrusted: Whether step_forward is known to be right, so that it gives the size, too.
        static func stepForward(isTrusted: Bool) -> Reference {
            Reference(
                words: "the adjoint identity with step_forward", callback: "step_forward",
                isTrusted: isTrusted,
                identity: isTrusted ? nil : "the adjoint identity with step_forward")
        }
    }

    /// The comparisons of a callback with one reference, over several random directions.
    struct Test {
        enum Outcome {
            case compared(worst: Comparison, first: Comparison)
            case observedNotFinite, expectedNotFinite, tooLarge
        }

        let what: String
        let reference: Reference
        let outcome: Outcome

        var worst: Comparison? {
            if case .compared(let worst, _) = outcome { worst } else { nil }
        }
        var first: Comparison? {
            if case .compared(_, let first) = outcome { first } else { nil }
        }
        func contradicts(_ tolerance: Double) -> Bool { worst.map { $0.error > tolerance } ?? false }
        func agrees(_ tolerance: Double) -> Bool {
            worst.map { $0.error <= tolerance && !$0.isBlind(tolerance) } ?? false
        }
    }

    /// A derivative beside differences of which the longest step may be too long: it leaves where the function
    /// is defined, or crosses its kinks. Shorter ones, as long as rounding leaves them a judgement, are
    /// tried until one agrees: a wrong derivative agrees with none.
    ///
    /// - Parameter difference: By a step of a part of the usual one.
    func compared(
        observed: Double, scale: Double, _ difference: (_ part: Double) throws(HPMError) -> Measured
    ) throws(HPMError) -> Comparison {
        let longest = Comparison(observed: observed, expected: try difference(1), scale: scale)
        func isSound(_ comparison: Comparison) -> Bool {
            comparison.expected.value.isFinite && comparison.isComparable
        }
        guard observed.isFinite, !isSound(longest) || longest.error > tolerance else { return longest }
        var found = isSound(longest) ? [longest] : []
        for part in [0.25, 0x1p-4, 0x1p-6, 0x1p-8] {
            let shorter = Comparison(observed: observed, expected: try difference(part), scale: scale)
            guard isSound(shorter), shorter.expected.rounding <= 0.25 * shorter.size else { continue }
            if shorter.error <= tolerance, !shorter.isBlind(tolerance) { return shorter }
            found.append(shorter)
        }
        guard let first = found.first else { return longest }
        func apart(_ one: Comparison, _ other: Comparison) -> Double {
            (one.expected.value - other.expected.value).magnitude - one.expected.rounding
                - other.expected.rounding
        }
        let spread = found.map { apart($0, first) }.max() ?? 0
        let clear = found.filter { !$0.isBlind(tolerance) }
        // Of a smooth function all say the same, but for the square of the step.
        let isSettled = spread <= 0.01 * tolerance * first.size
        let candidates = isSettled && !clear.isEmpty ? clear : found
        var best = candidates[0]
        for one in candidates where one.error < best.error { best = one }
        if isSettled { return best }
        // The two shortest steps cross the fewest kinks: by what they still differ, nothing is known.
        let unknown = found.count > 1 ? max(0, apart(found[found.count - 1], found[found.count - 2])) : 0
        let expected = Measured(
            value: best.expected.value,
            rounding: best.expected.rounding + unknown + min(tolerance, 0.01) * scale, spread: spread)
        return Comparison(observed: observed, expected: expected, scale: scale)
    }

    func test(
        _ what: String, with reference: Reference,
        _ comparison: (_ seed: UInt64) throws(HPMError) -> Comparison
    ) throws(HPMError) -> Test {
        var worst: Comparison?
        var first: Comparison?
        for trial in 0..<Self.trials {
            let found = try comparison(RandomSeed.derived(from: seed, student: trial, event: 1))
            let failure: Test.Outcome? =
                !found.observed.isFinite
                ? .observedNotFinite
                : !found.expected.value.isFinite
                    ? .expectedNotFinite : found.isComparable ? nil : .tooLarge
            if let failure { return Test(what: what, reference: reference, outcome: failure) }
            if worst.map({ found.error > $0.error }) ?? true { worst = found }
            if first == nil { first = found }
        }
        guard let worst, let first else {
            return Test(what: what, reference: reference, outcome: .tooLarge)
        }
        return Test(what: what, reference: reference, outcome: .compared(worst: worst, first: first))
    }

    func isWrong(_ callback: String) -> Bool {
        findings.contains { $0.callback == callback && $0.verdict == .wrong }
    }

    /// Whether everything that was found of it is.
    func isRight(_ callback: String) -> Bool {
        let found = findings.filter { $0.callback == callback }
        return !found.isEmpty && found.allSatisfy { $0.verdict == .right }
    }

    func withoutReference(_ callback: String, _ isThere: Bool) -> String {
        isThere
            ? "\(callback), with which it is compared, is wrong itself"
            : "there is no \(callback) to compare it with"
    }

    mutating func note(
        _ callback: String, _ verdict: CallbackFinding.Verdict, _ error: Double, _ words: String
    ) {
        findings.append(
            CallbackFinding(callback: callback, verdict: verdict, error: error, words: words))
    }

    mutating func skip(_ callback: String, _ reason: String) {
        note(callback, .notChecked, .nan, "\(callback) was not checked: \(reason)")
    }

    mutating func noteNotFinite(_ callback: String) {
        note(
            callback, .wrong, .infinity,
            "\(callback) is wrong: it gives numbers that are not finite, or leaves some unwritten")
    }

    mutating func disagree(_ callback: String, _ test: Test, _ more: String = "") {
        guard let worst = test.worst, let other = test.reference.callback else { return }
        note(
            callback, .disagrees, worst.error,
            "\(callback) and \(other) disagree by \(worst.error), so that one of them is wrong: \(test.what) is \(worst.observed), \(test.reference.words) \(worst.expected.value)\(more)")
    }

    /// The verdict over all that a callback, or a part of it, was compared with.
    mutating func judge(_ callback: String, _ tests: [Test]) {
        guard !isWrong(callback) else { return }
        if tests.contains(where: { if case .observedNotFinite = $0.outcome { true } else { false } }) {
            return noteNotFinite(callback)
        }
        let contradictions = tests.filter { $0.contradicts(tolerance) }
        if !contradictions.isEmpty { return blame(callback, contradictions) }
        let hasSize = tests.contains { $0.reference.identity == nil && $0.agrees(tolerance) }
        for test in tests {
            guard let worst = test.worst else {
                if case .expectedNotFinite = test.outcome {
                    skip(callback, "\(test.reference.words) are not finite here")
                } else {
                    skip(callback, "\(test.what) is too large here to be compared; check it elsewhere")
                }
                continue
            }
            if worst.isBlind(tolerance), worst.expected.spread > tolerance * worst.size {
                skip(
                    callback,
                    "\(test.reference.words) depend on the length of their step here, as where kinks are crossed; check it elsewhere")
            } else if worst.isBlind(tolerance) {
                skip(callback, "\(test.what) is too small here to be told from rounding; check it elsewhere")
            } else if let identity = test.reference.identity, !hasSize {
                note(
                    callback, .notChecked, worst.error,
                    "\(callback) was not checked but for \(identity): \(test.what) agrees with \(test.reference.words) to \(worst.error), as any multiple of it would")
            } else {
                note(
                    callback, .right, worst.error,
                    "\(callback) is right: \(test.what) agrees with \(test.reference.words) to \(worst.error)")
            }
        }
    }

    private mutating func blame(_ callback: String, _ contradictions: [Test]) {
        let trusted = contradictions.first { $0.reference.isTrusted }
        // Two that agree with one another outvote it.
        let outvoting =
            contradictions.count > 1
            ? contradictions[0].first.flatMap { first in
                contradictions[1].first.flatMap { second in
                    let pair = Comparison(
                        observed: second.expected.value,
                        expected: Measured(
                            value: first.expected.value,
                            rounding: first.expected.rounding + second.expected.rounding), scale: 0)
                    return pair.error <= tolerance ? contradictions[0] : nil
                }
            } : nil
        guard let test = trusted ?? outvoting, let worst = test.worst else {
            for test in contradictions { disagree(callback, test) }
            return
        }
        note(
            callback, .wrong, worst.error,
            "\(callback) is wrong: \(test.what) is \(worst.observed), \(test.reference.words) \(worst.expected.value), a relative difference of \(worst.error)")
    }
}
