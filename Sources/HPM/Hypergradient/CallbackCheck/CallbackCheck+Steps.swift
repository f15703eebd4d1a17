/// The two products of an optimizer's step: with differences of the step, and with one another.
extension CallbackCheck {
    mutating func checkStepProducts() throws(HPMError) {
        let hasForward = problem.stepForward != nil && !isWrong("step_forward")
        let hasBackward = problem.stepBackward != nil && !isWrong("step_backward")
        let hasStep = problem.step != nil && !isWrong("step")
        var forward: [CallbackTest] = []
        if hasForward, hasStep {
            for part in StepPart.allCases { forward.append(try testStepForward(part)) }
        } else if hasForward {
            skipUncompared("step_forward", with: "step", isThere: problem.step != nil)
        }
        if hasBackward, forward.contains(where: { $0.contradicts(tolerance) }) {
            let backward = try testsOfAdjoint()
            // Two against one: step may be what is wrong.
            if backward.allSatisfy({ $0.agrees(tolerance) }) {
                for test in forward where test.contradicts(tolerance) {
                    disagree("step_forward", test, "; step_backward agrees with step_forward")
                }
                return skip(
                    "step_backward", .disputedReference, other: "step_forward",
                    "it agrees with step_forward, which disagrees with step")
            }
        }
        for test in forward { judge("step_forward", [test]) }
        guard hasBackward else { return }
        if hasForward, !isWrong("step_forward") {
            for test in try testsOfAdjoint(trusting: forward) { judge("step_backward", [test]) }
        } else if hasStep {
            for part in StepPart.allCases { judge("step_backward", [try testStepBackward(part)]) }
        } else {
            skipUncompared("step_backward", with: "step", isThere: problem.step != nil)
        }
    }

    private func directions(
        of part: StepPart, _ seed: UInt64
    ) throws(HPMError) -> (P.Vector, H.Vector) {
        switch part {
        case .w: (try direction(seed), try problem.hyperparameters.makeZeros())
        case .h: (try problem.parameters.makeZeros(), try hyperDirection(seed))
        }
    }

    /// v . d step along (dw, dh), by differences.
    private func stepDifference(
        _ part: StepPart, _ dw: P.Vector, _ dh: H.Vector, along v: P.Vector, part fraction: Double
    ) throws(HPMError) -> MeasuredNumber {
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        // Of the two directions one is 0. Each moves what it belongs to by that one's own size.
        let usual =
            switch part {
            case .w: try stepLength(parameters, w, dw)
            case .h:
                try differenceStep * max(hyperparameters.length(of: h), differenceStep.squareRoot())
                    / max(hyperparameters.length(of: dh), .leastNormalMagnitude)
            }
        let length = fraction * usual
        var values: [Double] = []
        var terms = 0.0
        for signed in [length, -length] {
            let result = try step(
                try shifted(parameters, w, signed, dw), try shifted(hyperparameters, h, signed, dh))
            values.append(try parameters.dot(v, result))
            terms = max(terms, try parameters.length(of: v) * parameters.length(of: result))
        }
        return measured(values[0], values[1], length, size: terms)
    }

    private func testStepForward(_ part: StepPart) throws(HPMError) -> CallbackTest {
        let parameters = problem.parameters
        return try test(
            part.words, with: .differences(of: "step", isTrusted: true)
        ) { (seed) throws(HPMError) in
            let v = try direction(seed)
            let (dw, dh) = try directions(of: part, seed &+ 1)
            let result = try stepForward(dw, dh)
            return try compared(
                observed: try parameters.dot(v, result),
                scale: try parameters.length(of: v) * parameters.length(of: result)
            ) { (fraction) throws(HPMError) in
                try stepDifference(part, dw, dh, along: v, part: fraction)
            }
        }
    }

    private func testStepBackward(_ part: StepPart) throws(HPMError) -> CallbackTest {
        try testStepBackward(part, .differences(of: "step", isTrusted: true)) {
            (dw, dh, v, fraction) throws(HPMError) in
            try stepDifference(part, dw, dh, along: v, part: fraction)
        }
    }

    /// - Parameter forward: What was found of step_forward, by part, where it was compared.
    private func testsOfAdjoint(trusting forward: [CallbackTest] = []) throws(HPMError) -> [CallbackTest] {
        var tests: [CallbackTest] = []
        for (index, part) in StepPart.allCases.enumerated() {
            let isTrusted = index < forward.count && forward[index].agrees(tolerance)
            let adjoint = try testStepBackward(part, .stepForward(isTrusted: isTrusted)) {
                (dw, dh, v, _) throws(HPMError) in
                MeasuredNumber(value: try problem.parameters.dot(v, stepForward(dw, dh)))
            }
            tests.append(adjoint)
        }
        return tests
    }

    private func testStepBackward(
        _ part: StepPart, _ reference: CallbackReference,
        _ expected: (P.Vector, H.Vector, _ v: P.Vector, _ fraction: Double) throws(HPMError) -> MeasuredNumber
    ) throws(HPMError) -> CallbackTest {
        let (parameters, hyperparameters) = (problem.parameters, problem.hyperparameters)
        return try test(part.words, with: reference) { (seed) throws(HPMError) in
            let v = try direction(seed)
            let (dw, dh) = try directions(of: part, seed &+ 1)
            let (pulled, pulledHyper) = try stepBackward(v)
            let (first, second) = (
                try parameters.dot(pulled, dw), try hyperparameters.dot(pulledHyper, dh)
            )
            return try compared(
                observed: first + second,
                scale: try parameters.length(of: pulled) * parameters.length(of: dw)
                    + hyperparameters.length(of: pulledHyper) * hyperparameters.length(of: dh)
            ) { (fraction) throws(HPMError) in
                try expected(dw, dh, v, fraction)
            }
        }
    }
}
