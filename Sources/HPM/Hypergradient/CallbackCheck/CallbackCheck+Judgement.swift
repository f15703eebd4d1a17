/// From comparisons to findings.
extension CallbackCheck {
    /// A derivative beside differences of which the longest step may be too long: it leaves where the function
    /// is defined, or crosses its kinks. Shorter ones, as long as rounding leaves them a judgement, are
    /// tried until one agrees: a wrong derivative agrees with none.
    ///
    /// - Parameter difference: By a step of a part of the usual one.
    func compared(
        observed: Double, scale: Double, _ difference: (_ part: Double) throws(HPMError) -> MeasuredNumber
    ) throws(HPMError) -> CallbackComparison {
        let longest = CallbackComparison(observed: observed, expected: try difference(1), scale: scale)
        func isSound(_ comparison: CallbackComparison) -> Bool {
            comparison.expected.value.isFinite && comparison.isComparable
        }
        guard observed.isFinite, !isSound(longest) || longest.error > tolerance else { return longest }
        var found = isSound(longest) ? [longest] : []
        for part in [0.25, 0x1p-4, 0x1p-6, 0x1p-8] {
            let shorter = CallbackComparison(observed: observed, expected: try difference(part), scale: scale)
            guard isSound(shorter), shorter.expected.rounding <= 0.25 * shorter.size else { continue }
            if shorter.error <= tolerance, !shorter.isBlind(tolerance) { return shorter }
            found.append(shorter)
        }
        guard let first = found.first else { return longest }
        func apart(_ one: CallbackComparison, _ other: CallbackComparison) -> Double {
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
        let expected = MeasuredNumber(
            value: best.expected.value,
            rounding: best.expected.rounding + unknown + min(tolerance, 0.01) * scale, spread: spread)
        return CallbackComparison(observed: observed, expected: expected, scale: scale)
    }

    func test(
        _ what: String, with reference: CallbackReference,
        _ comparison: (_ seed: UInt64) throws(HPMError) -> CallbackComparison
    ) throws(HPMError) -> CallbackTest {
        var worst: CallbackComparison?
        var first: CallbackComparison?
        for trial in 0..<Self.trials {
            let found = try comparison(RandomSeed.derived(from: seed, student: trial, event: 1))
            let failure: CallbackTest.Outcome? =
                !found.observed.isFinite
                ? .observedNotFinite
                : !found.expected.value.isFinite
                    ? .expectedNotFinite : found.isComparable ? nil : .tooLarge
            if let failure { return CallbackTest(what: what, reference: reference, outcome: failure) }
            if worst.map({ found.error > $0.error }) ?? true { worst = found }
            if first == nil { first = found }
        }
        guard let worst, let first else {
            return CallbackTest(what: what, reference: reference, outcome: .tooLarge)
        }
        return CallbackTest(what: what, reference: reference, outcome: .compared(worst: worst, first: first))
    }

    func isWrong(_ callback: String) -> Bool {
        findings.contains { $0.callback == callback && $0.verdict == .wrong }
    }

    /// Whether everything that was found of it is.
    func isRight(_ callback: String) -> Bool {
        let found = findings.filter { $0.callback == callback }
        return !found.isEmpty && found.allSatisfy { $0.verdict == .right }
    }

    /// - Parameter tolerance: nil: that of the check.
    mutating func note(
        _ callback: String, _ verdict: CallbackFinding.Verdict, _ reason: CallbackFinding.Reason,
        other: String? = nil, error: Double, tolerance: Double? = nil, _ words: String
    ) {
        findings.append(
            CallbackFinding(
                callback: callback, verdict: verdict, reason: reason, other: other, error: error,
                tolerance: tolerance ?? self.tolerance, words: words))
    }

    mutating func skip(
        _ callback: String, _ reason: CallbackFinding.Reason, other: String?, _ words: String
    ) {
        note(
            callback, .notChecked, reason, other: other, error: .nan,
            "\(callback) was not checked: \(words)")
    }

    /// - Parameter isThere: Whether the problem has the other callback, which is wrong then.
    mutating func skipUncompared(_ callback: String, with other: String, isThere: Bool) {
        if isThere {
            skip(
                callback, .wrongReference, other: other,
                "\(other), with which it is compared, is wrong itself")
        } else {
            skip(
                callback, .missingReference, other: other,
                "there is no \(other) to compare it with")
        }
    }

    mutating func noteNotFinite(_ callback: String) {
        note(
            callback, .wrong, .notFinite, error: .infinity,
            "\(callback) is wrong: it gives numbers that are not finite, or leaves some unwritten")
    }

    mutating func disagree(_ callback: String, _ test: CallbackTest, _ more: String = "") {
        guard let worst = test.worst, let other = test.reference.callback else { return }
        note(
            callback, .disagrees, .comparison, other: other, error: worst.error,
            "\(callback) and \(other) disagree by \(worst.error), so that one of them is wrong: \(test.what) is \(worst.observed), \(test.reference.words) \(worst.expected.value)\(more)")
    }

    /// The verdict over all that a callback, or a part of it, was compared with.
    mutating func judge(_ callback: String, _ tests: [CallbackTest]) {
        guard !isWrong(callback) else { return }
        if tests.contains(where: { if case .observedNotFinite = $0.outcome { true } else { false } }) {
            return noteNotFinite(callback)
        }
        let contradictions = tests.filter { $0.contradicts(tolerance) }
        if !contradictions.isEmpty { return blame(callback, contradictions) }
        let hasSize = tests.contains { $0.reference.identity == nil && $0.agrees(tolerance) }
        for test in tests {
            let other = test.reference.callback
            guard let worst = test.worst else {
                if case .expectedNotFinite = test.outcome {
                    skip(
                        callback, .referenceNotFinite, other: other,
                        "\(test.reference.words) are not finite here")
                } else {
                    skip(
                        callback, .tooLarge, other: other,
                        "\(test.what) is too large here to be compared; check it elsewhere")
                }
                continue
            }
            if worst.isBlind(tolerance), worst.expected.spread > tolerance * worst.size {
                skip(
                    callback, .kinks, other: other,
                    "\(test.reference.words) depend on the length of their step here, as where kinks are crossed; check it elsewhere")
            } else if worst.isBlind(tolerance) {
                skip(
                    callback, .rounding, other: other,
                    "\(test.what) is too small here to be told from rounding; check it elsewhere")
            } else if let identity = test.reference.identity, !hasSize {
                note(
                    callback, .notChecked, .identity, other: other, error: worst.error,
                    "\(callback) was not checked but for \(identity): \(test.what) agrees with \(test.reference.words) to \(worst.error), as any multiple of it would")
            } else {
                note(
                    callback, .right, .comparison, other: other, error: worst.error,
                    "\(callback) is right: \(test.what) agrees with \(test.reference.words) to \(worst.error)")
            }
        }
    }

    private mutating func blame(_ callback: String, _ contradictions: [CallbackTest]) {
        let trusted = contradictions.first { $0.reference.isTrusted }
        // Two that agree with one another outvote it.
        let outvoting =
            contradictions.count > 1
            ? contradictions[0].first.flatMap { first in
                contradictions[1].first.flatMap { second in
                    let pair = CallbackComparison(
                        observed: second.expected.value,
                        expected: MeasuredNumber(
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
            callback, .wrong, .comparison, other: test.reference.callback, error: worst.error,
            "\(callback) is wrong: \(test.what) is \(worst.observed), \(test.reference.words) \(worst.expected.value), a relative difference of \(worst.error)")
    }
}
