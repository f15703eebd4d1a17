import Testing
@testable import HPM

extension Hypergradients {
    /// A planted error of each kind is found and named, and no right callback is blamed.
    @Suite struct CallbackCheckTests {
        private static let seeds = 0..<20

        /// The callback that is spoiled, by its name in the C interface.
        enum Callback: String, CaseIterable, Sendable {
            case outerGradient = "outer_gradient"
            case outerGradientPartial = "outer_gradient's part of h"
            case innerGradient = "inner_gradient"
            case hessianProduct = "hessian_product"
            case innerHyperGradient = "inner_hyper_gradient"
            case crossProduct = "cross_product"
            case stepForwardW = "step_forward's part of w"
            case stepForwardH = "step_forward's part of h"
            case stepBackwardW = "step_backward's part of w"
            case stepBackwardH = "step_backward's part of h"

            var name: String { String(rawValue.prefix { $0 != "'" }) }
            var part: String? { rawValue.contains("'") ? String(rawValue.suffix(9)) : nil }
        }

        enum Mistake: CaseIterable, Sendable {
            case sign, factor, oneComponent, nan, zero

            func spoil(_ values: [Double], _ component: Int) -> [Double] {
                var values = values
                switch self {
                case .sign: return scaled(values, by: -1)
                case .factor: return scaled(values, by: 1.01)
                // Of a size that a random direction sees.
                case .oneComponent:
                    let size = 0.3 * norm(values) / Double(values.count).squareRoot()
                    values[component] += values[component] < 0 ? -size : size
                case .nan: values[component] = .nan
                case .zero: return values.map { _ in 0 }
                }
                return values
            }
        }

        private func spoiled(
            _ right: ArrayProblem, _ callback: Callback, _ spoil: @escaping ([Double]) -> [Double]
        ) -> ArrayProblem {
            var problem = right
            let zeros = (
                Array(repeating: 0.0, count: right.parameterCount),
                Array(repeating: 0.0, count: right.hyperparameterCount)
            )
            switch callback {
            case .outerGradient:
                problem.outerGradient = { (w, h) throws(HPMError) in
                    let (dw, dh) = try right.outerGradient!(w, h)
                    return (spoil(dw), dh)
                }
            case .outerGradientPartial:
                problem.outerGradient = { (w, h) throws(HPMError) in
                    let (dw, dh) = try right.outerGradient!(w, h)
                    return (dw, spoil(dh))
                }
            case .innerGradient:
                problem.innerGradient = { (w, h) throws(HPMError) in
                    spoil(try right.innerGradient!(w, h))
                }
            case .hessianProduct:
                problem.hessianProduct = { (w, h, v) throws(HPMError) in
                    spoil(try right.hessianProduct!(w, h, v))
                }
            case .innerHyperGradient:
                problem.innerHyperGradient = { (w, h) throws(HPMError) in
                    spoil(try right.innerHyperGradient!(w, h))
                }
            case .crossProduct:
                problem.crossProduct = { (w, h, v) throws(HPMError) in
                    spoil(try right.crossProduct!(w, h, v))
                }
            case .stepForwardW, .stepForwardH:
                let isW = callback == .stepForwardW
                problem.stepForward = { (i, w, h, dw, dh) throws(HPMError) in
                    let first = try right.stepForward!(i, w, h, dw, zeros.1)
                    let second = try right.stepForward!(i, w, h, zeros.0, dh)
                    return isW ? sum(spoil(first), 1, second) : sum(first, 1, spoil(second))
                }
            case .stepBackwardW, .stepBackwardH:
                let isW = callback == .stepBackwardW
                problem.stepBackward = { (i, w, h, v) throws(HPMError) in
                    let (dw, dh) = try right.stepBackward!(i, w, h, v)
                    return isW ? (spoil(dw), dh) : (dw, spoil(dh))
                }
            }
            return problem
        }

        private func network(_ seed: Int) -> (ArrayProblem, [Double], [Double]) {
            let network = NetworkProblem(seed: 100 + seed)
            return (network.problem(), network.start, network.hyperplace)
        }

        private func ridge(_ seed: Int) -> (ArrayProblem, [Double], [Double]) {
            let ridge = RidgeProblem(seed: 100 + seed)
            var random = TestRandom(seed, 9)
            return (
                ridge.problem(learningRate: 0.05), random.vector(ridge.features), ridge.hyperplace
            )
        }

        /// What says what a problem is.
        private static let definitions = ["outer_loss", "inner_loss", "step", "response"]

        private static let checked = [
            "outer_gradient", "inner_gradient", "hessian_product", "inner_hyper_gradient",
            "cross_product", "step_forward", "step_backward",
        ]

        private func verdicts(_ findings: [CallbackFinding], _ callback: String) -> [CallbackFinding.Verdict] {
            findings.filter { $0.callback == callback }.map(\.verdict)
        }

        /// What a finding rests on.
        private struct Because: Equatable {
            let reason: CallbackFinding.Reason
            let other: String?

            init(_ reason: CallbackFinding.Reason, _ other: String?) {
                self.reason = reason
                self.other = other
            }
        }

        private func reasons(_ findings: [CallbackFinding], _ callback: String) -> [Because] {
            findings.filter { $0.callback == callback }.map { Because($0.reason, $0.other) }
        }

        @Test(arguments: seeds) func rightCallbacks(seed: Int) throws {
            for (problem, w, h) in [network(seed), ridge(seed)] {
                let findings = try problem.check(at: w, h, seed: UInt64(seed))
                #expect(findings.allSatisfy { $0.verdict == .right }, "seed \(seed): \(findings)")
                #expect(findings.allSatisfy { $0.error < $0.tolerance && $0.words.contains($0.callback) })
                #expect(findings.allSatisfy { $0.tolerance == 1e-4 || $0.reason == .repetition })
                for finding in findings {
                    #expect((finding.reason == .repetition) == Self.definitions.contains(finding.callback))
                    #expect(finding.reason == .repetition || finding.reason == .comparison)
                    #expect(
                        finding.other.map { finding.words.contains($0) && $0 != finding.callback }
                            ?? (finding.reason == .repetition || finding.words.contains("v.Hu")))
                }
                let definitions = problem.response == nil ? Self.definitions.dropLast() : Self.definitions[...]
                #expect(Set(findings.map(\.callback)) == Set(Self.checked + definitions))
            }
        }

        /// The natural place of a check is where training led to; there, gradients are 0 but for
        /// rounding.
        @Test(arguments: seeds) func rightCallbacksAtTheMinimum(seed: Int) throws {
            let ridge = RidgeProblem(seed: 100 + seed)
            let logistic = LogisticProblem(seed: 100 + seed)
            for (problem, w, h) in [
                (
                    ridge.problem(learningRate: 0.05), ridge.minimum(ridge.hyperplace),
                    ridge.hyperplace
                ),
                (
                    logistic.problem(learningRate: 0.05), logistic.minimum(logistic.hyperplace),
                    logistic.hyperplace
                ),
            ] {
                let wrong = try problem.check(at: w, h, seed: UInt64(seed)).filter { $0.verdict == .wrong }
                #expect(wrong.isEmpty, "seed \(seed): \(wrong.map(\.words))")
            }
        }

        /// A step whose learning rate is a hyperparameter, at the minimum: dw'/dh is 0 there.
        @Test(arguments: 0..<5) func rightStepAtTheMinimum(seed: Int) throws {
            let network = NetworkProblem(seed: 1 + seed % 3)
            let h = network.hyperplace
            let w = network.minimum(h, from: network.start, descent: 1500)
            var problem = ArrayProblem(parameterCount: w.count, hyperparameterCount: 1)
            problem.step = { _, w, rate in sum(w, -rate[0], network.gradient(w, h, network.all)) }
            problem.stepForward = { _, w, rate, dw, dh in
                sum(
                    sum(dw, -rate[0], network.hessianProduct(w, h, dw, network.all)), -dh[0],
                    network.gradient(w, h, network.all))
            }
            problem.stepBackward = { _, w, rate, v in
                (
                    sum(v, -rate[0], network.hessianProduct(w, h, v, network.all)),
                    [-dot(v, network.gradient(w, h, network.all))]
                )
            }
            let wrong = try problem.check(at: w, [0.1], seed: UInt64(seed)).filter { $0.verdict == .wrong }
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.map(\.words))")
        }

        private func expectFound(
            _ problem: ArrayProblem, _ w: [Double], _ h: [Double], seed: Int, _ callback: Callback,
            _ words: String, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let findings = try problem.check(at: w, h, seed: UInt64(seed))
            let wrong = findings.filter { $0.verdict == .wrong }
            let comment: Comment = "seed \(seed), \(callback.rawValue), \(words): \(findings.map(\.words))"
            #expect(
                Set(wrong.map(\.callback)) == [callback.name], comment, sourceLocation: sourceLocation)
            #expect(
                wrong.allSatisfy { $0.error > 1e-4 && $0.words.contains("\(callback.name) is wrong") },
                comment, sourceLocation: sourceLocation)
            #expect(
                wrong.allSatisfy { $0.reason == ($0.error == .infinity ? .notFinite : .comparison) },
                comment, sourceLocation: sourceLocation)
        }

        @Test(arguments: Callback.allCases) func plantedMistakes(callback: Callback) throws {
            for seed in Self.seeds {
                for (name, place) in [("network", network(seed)), ("ridge", ridge(seed))] {
                    let (problem, w, h) = place
                    for mistake in Mistake.allCases {
                        var random = TestRandom(seed, 11)
                        let isOfH = [
                            .outerGradientPartial, .innerHyperGradient, .crossProduct, .stepBackwardH,
                        ].contains(callback)
                        let component = random.index(isOfH ? h.count : w.count)
                        try expectFound(
                            spoiled(problem, callback) { mistake.spoil($0, component) }, w, h,
                            seed: seed, callback, "\(name), \(mistake), component \(component)")
                    }
                }
            }
        }

        /// A matrix in place of the Hessian that is not symmetric, though close.
        @Test(arguments: seeds) func asymmetricHessian(seed: Int) throws {
            for hasGradient in [true, false] {
                var (problem, w, h) = network(seed)
                let right = problem
                problem.hessianProduct = { (w, h, v) throws(HPMError) in
                    var product = try right.hessianProduct!(w, h, v)
                    product[0] += 0.02 * v[1]
                    return product
                }
                // Symmetry alone finds it.
                if !hasGradient { problem.innerGradient = nil }
                try expectFound(problem, w, h, seed: seed, .hessianProduct, "asymmetric")
            }
        }

        /// The product with the step's matrix in place of its transposed, and the reverse.
        @Test(arguments: seeds) func transposedStep(seed: Int) throws {
            var random = TestRandom(seed, 12)
            let count = 5
            let matrix = Matrix(count, count) { _, _ in random.uniform(-1...1) }
            let (w, h) = (random.vector(count), random.vector(count))
            var right = ArrayProblem(parameterCount: count, hyperparameterCount: count)
            right.step = { _, w, h in sum(matrix.times(w), 2, h) }
            right.stepForward = { _, _, _, dw, dh in sum(matrix.times(dw), 2, dh) }
            right.stepBackward = { _, _, _, v in (matrix.transposedTimes(v), scaled(v, by: 2)) }
            #expect(try right.check(at: w, h).allSatisfy { $0.verdict == .right })
            var problem = right
            problem.stepForward = { _, _, _, dw, dh in sum(matrix.transposedTimes(dw), 2, dh) }
            try expectFound(problem, w, h, seed: seed, .stepForwardW, "transposed")
            problem = right
            problem.stepBackward = { _, _, _, v in (matrix.times(v), scaled(v, by: 2)) }
            try expectFound(problem, w, h, seed: seed, .stepBackwardW, "transposed")
            // Without step_forward, differences of the step stand in.
            problem.stepForward = nil
            try expectFound(problem, w, h, seed: seed, .stepBackwardW, "transposed, no step_forward")
        }

        /// The words say which of a callback's two results it is.
        @Test func wordsNameThePart() throws {
            let (problem, w, h) = ridge(1)
            for callback in Callback.allCases {
                guard let part = callback.part else { continue }
                let findings = try spoiled(problem, callback) { scaled($0, by: 2) }.check(at: w, h)
                let wrong = findings.filter { $0.verdict == .wrong }
                let name: Comment = "\(callback.rawValue)"
                #expect(wrong.count == 1, name)
                #expect(wrong.allSatisfy { $0.words.contains("its \(part)") }, name)
                #expect(wrong.allSatisfy { ($0.error - 0.5).magnitude < 1e-6 }, name)
            }
        }

        /// Two mistakes at once: both are found, or what can't be told is not checked.
        @Test func twoMistakes() throws {
            let (problem, w, h) = network(3)
            let two = spoiled(spoiled(problem, .innerGradient) { scaled($0, by: -1) }, .stepForwardH) {
                scaled($0, by: 1.1)
            }
            let findings = try two.check(at: w, h)
            #expect(
                Set(findings.filter { $0.verdict == .wrong }.map(\.callback))
                    == ["inner_gradient", "step_forward"])
            // With the other gradient it can be compared.
            #expect(verdicts(findings, "cross_product") == [.right])
            #expect(verdicts(findings, "hessian_product") == [.notChecked])
            #expect(findings.first { $0.callback == "hessian_product" }?.reason == .identity)
        }

        /// Where there is no loss to compare a gradient with, its NaN is still its own.
        @Test(arguments: 0..<5) func nanIsNotBlamedOnWhatIsComparedWithIt(seed: Int) throws {
            let (right, w, h) = network(seed)
            var problem = spoiled(right, .innerGradient) { Mistake.nan.spoil($0, 2) }
            problem.innerLoss = nil
            let wrong = Set(
                try problem.check(at: w, h, seed: UInt64(seed)).filter { $0.verdict == .wrong }.map(
                    \.callback))
            #expect(wrong.isDisjoint(with: ["hessian_product", "cross_product"]), "blamed: \(wrong)")
        }

        @Test func whatCannotBeChecked() throws {
            var (problem, w, h) = network(4)
            problem.outerLoss = nil
            problem.innerLoss = nil
            problem.step = nil
            problem.innerGradient = nil
            problem.response = nil
            var findings = try problem.check(at: w, h)
            // The gradient of h and the product confirm one another.
            #expect(verdicts(findings, "cross_product") == [.right])
            problem.innerHyperGradient = nil
            findings = try problem.check(at: w, h)
            #expect(findings.allSatisfy { $0.verdict == .notChecked && $0.words.contains("was not checked") })
            #expect(
                Set(findings.map(\.callback)) == [
                    "outer_gradient", "hessian_product", "cross_product", "step_forward", "step_backward",
                ])
            #expect(reasons(findings, "outer_gradient") == [Because(.missingReference, "outer_loss")])
            #expect(reasons(findings, "cross_product") == [Because(.missingReference, "inner_gradient")])
            #expect(reasons(findings, "step_forward") == [Because(.missingReference, "step")])
            #expect(reasons(findings, "hessian_product") == [Because(.identity, nil)])
            #expect(
                reasons(findings, "step_backward") == [
                    Because(.identity, "step_forward"), Because(.identity, "step_forward"),
                ])
            for finding in findings {
                let isIdentity = ["hessian_product", "step_backward"].contains(finding.callback)
                #expect(finding.error.isNaN != isIdentity && !(finding.error > 1e-12), "\(finding)")
                #expect(finding.words.contains("but for") == isIdentity)
            }
            #expect(try ArrayProblem(parameterCount: 1, hyperparameterCount: 1).check(at: [1], [1]).isEmpty)
        }

        /// A reference that is wrong, in doubt, not finite or too large leaves its callback not checked.
        @Test func referencesThatTellNothing() throws {
            let (right, w, h) = network(5)
            func findings(_ change: (inout ArrayProblem) -> Void) throws -> [CallbackFinding] {
                var problem = right
                change(&problem)
                return try problem.check(at: w, h)
            }
            var found = try findings { $0.outerLoss = { _, _ in .nan } }
            #expect(reasons(found, "outer_loss") == [Because(.notFinite, nil)])
            #expect(reasons(found, "outer_gradient") == [Because(.wrongReference, "outer_loss")])
            found = try findings {
                $0.step = { (i, w, h) throws(HPMError) in scaled(try right.step!(i, w, h), by: 2) }
            }
            #expect(reasons(found, "step_backward") == [Because(.disputedReference, "step_forward")])
            #expect(reasons(found, "step_forward").allSatisfy { $0 == Because(.comparison, "step") })
            #expect(verdicts(found, "step_forward").contains(.disagrees))
            // A loss that is a number at this one place.
            found = try findings { $0.outerLoss = { place, _ in place == w ? 1 : .nan } }
            #expect(
                reasons(found, "outer_gradient").first == Because(.referenceNotFinite, "outer_loss"),
                "\(found.map(\.words))")
            found = try findings { problem in
                problem.outerGradient = { (w, h) throws(HPMError) in
                    let (dw, dh) = try right.outerGradient!(w, h)
                    // Its product with a direction is a number, its length times the direction's is not.
                    return ([1e308 / 2] + dw.dropFirst().map { _ in 0 }, dh)
                }
            }
            #expect(
                reasons(found, "outer_gradient").first == Because(.tooLarge, "outer_loss"),
                "\(found.map(\.words))")
        }

        /// A product of a wrong size that only an identity could show, which it can't: never 'right'.
        @Test(arguments: seeds) func identitiesDoNotShowTheSize(seed: Int) throws {
            for factor in [1.0, -1, 2] {
                var (problem, w, h) = network(seed)
                problem = spoiled(problem, .hessianProduct) { scaled($0, by: factor) }
                problem = spoiled(problem, .stepForwardW) { scaled($0, by: factor) }
                problem = spoiled(problem, .stepBackwardW) { scaled($0, by: factor) }
                problem.innerGradient = nil
                problem.step = nil
                let findings = try problem.check(at: w, h, seed: UInt64(seed))
                #expect(verdicts(findings, "hessian_product") == [.notChecked], "seed \(seed)")
                #expect(verdicts(findings, "step_backward") == [.notChecked, .notChecked], "seed \(seed)")
                #expect(findings.contains { $0.words.contains("but for its symmetry") })
                #expect(findings.contains { $0.words.contains("but for the adjoint identity") })
            }
        }

        /// Where nothing confirms either of the two.
        @Test(arguments: [1, 2, 3]) func disagreement(seed: Int) throws {
            func expectDisagreement(
                _ problem: ArrayProblem, _ w: [Double], _ h: [Double], _ first: String, _ second: String
            ) throws {
                let findings = try problem.check(at: w, h, seed: UInt64(seed))
                let faults = findings.filter(\.isFault)
                let comment: Comment = "seed \(seed), \(first), \(second): \(findings.map(\.words))"
                #expect(!faults.isEmpty && faults.allSatisfy { $0.verdict == .disagrees }, comment)
                #expect(
                    faults.contains {
                        $0.callback == first && $0.other == second && $0.reason == .comparison
                            && $0.words.hasPrefix("\(first) and \(second) disagree by ")
                            && $0.error > 1e-3
                    }, comment)
            }
            for mistake in [Mistake.sign, .factor, .oneComponent] {
                func spoil(_ values: [Double]) -> [Double] { mistake.spoil(values, 0) }
                for callback in [Callback.hessianProduct, .innerGradient] {
                    var (problem, w, h) = network(seed)
                    problem.innerLoss = nil
                    problem.crossProduct = nil
                    problem.innerHyperGradient = nil
                    // A single component of a gradient is a constant, which no derivative shows.
                    if mistake == .oneComponent, callback == .innerGradient { continue }
                    if mistake == .oneComponent {
                        let right = problem
                        problem.hessianProduct = { (w, h, v) throws(HPMError) in
                            var product = try right.hessianProduct!(w, h, v)
                            product[0] += v[0]
                            return product
                        }
                    } else {
                        problem = spoiled(problem, callback, spoil)
                    }
                    try expectDisagreement(problem, w, h, "hessian_product", "inner_gradient")
                }
                for (callback, missing) in [
                    (Callback.crossProduct, "inner_hyper_gradient"), (.crossProduct, "inner_gradient"),
                ] {
                    var (problem, w, h) = network(seed)
                    problem = spoiled(problem, callback, spoil)
                    problem.innerLoss = nil
                    problem.hessianProduct = nil
                    if missing == "inner_gradient" { problem.innerGradient = nil } else { problem.innerHyperGradient = nil }
                    try expectDisagreement(
                        problem, w, h, "cross_product",
                        missing == "inner_gradient" ? "inner_hyper_gradient" : "inner_gradient")
                }
                for callback in [Callback.stepForwardW, .stepForwardH, .stepBackwardW, .stepBackwardH] {
                    var (problem, w, h) = network(seed)
                    problem = spoiled(problem, callback, spoil)
                    problem.step = nil
                    try expectDisagreement(problem, w, h, "step_backward", "step_forward")
                }
            }
            // Both products of the step against the step, and both gradients against the loss.
            var (problem, w, h) = network(seed)
            let right = problem
            problem.step = { (i, w, h) throws(HPMError) in scaled(try right.step!(i, w, h), by: 2) }
            try expectDisagreement(problem, w, h, "step_forward", "step")
            for factor in [-1.0, 2] {
                problem = right
                problem.innerLoss = { (w, h) throws(HPMError) in factor * (try right.innerLoss!(w, h)) }
                try expectDisagreement(problem, w, h, "inner_gradient", "inner_loss")
                try expectDisagreement(problem, w, h, "inner_hyper_gradient", "inner_loss")
            }
            // Two references that agree outvote a product.
            problem = spoiled(right, .crossProduct) { scaled($0, by: 2) }
            problem.innerLoss = nil
            #expect(verdicts(try problem.check(at: w, h), "cross_product") == [.wrong])
            // A loss defines the problem: its gradient is what is wrong.
            problem = right
            problem.outerLoss = { (w, h) throws(HPMError) in 2 * (try right.outerLoss!(w, h)) }
            #expect(verdicts(try problem.check(at: w, h), "outer_gradient") == [.wrong])
        }

        /// Each callback in turn draws random numbers: it alone is named.
        @Test(arguments: [1, 2, 3], [1e-3, 1e-9]) func stochasticCallbacks(seed: Int, noise: Double) throws {
            let (right, w, h) = ridge(seed)
            for callback in Self.checked + Self.definitions {
                var random = TestRandom(seed, 14)
                func shaken(_ values: [Double]) -> [Double] {
                    let size = noise * norm(values) / Double(values.count).squareRoot()
                    return values.map { $0 + size * random.normal() }
                }
                func shaken(_ value: Double) -> Double { value * (1 + noise * random.normal()) }
                var problem = right
                switch callback {
                case "outer_loss":
                    problem.outerLoss = { (w, h) throws(HPMError) in shaken(try right.outerLoss!(w, h)) }
                case "inner_loss":
                    problem.innerLoss = { (w, h) throws(HPMError) in shaken(try right.innerLoss!(w, h)) }
                case "response":
                    problem.response = { (h) throws(HPMError) in shaken(try right.response!(h)) }
                case "outer_gradient":
                    problem.outerGradient = { (w, h) throws(HPMError) in
                        let (dw, dh) = try right.outerGradient!(w, h)
                        return (shaken(dw), dh)
                    }
                case "inner_gradient":
                    problem.innerGradient = { (w, h) throws(HPMError) in shaken(try right.innerGradient!(w, h)) }
                case "inner_hyper_gradient":
                    problem.innerHyperGradient = { (w, h) throws(HPMError) in
                        shaken(try right.innerHyperGradient!(w, h))
                    }
                case "hessian_product":
                    problem.hessianProduct = { (w, h, v) throws(HPMError) in
                        shaken(try right.hessianProduct!(w, h, v))
                    }
                case "cross_product":
                    problem.crossProduct = { (w, h, v) throws(HPMError) in
                        shaken(try right.crossProduct!(w, h, v))
                    }
                case "step":
                    problem.step = { (i, w, h) throws(HPMError) in shaken(try right.step!(i, w, h)) }
                case "step_forward":
                    problem.stepForward = { (i, w, h, dw, dh) throws(HPMError) in
                        shaken(try right.stepForward!(i, w, h, dw, dh))
                    }
                default:
                    problem.stepBackward = { (i, w, h, v) throws(HPMError) in
                        let (dw, dh) = try right.stepBackward!(i, w, h, v)
                        return (dw, shaken(dh))
                    }
                }
                let findings = try problem.check(at: w, h, seed: UInt64(seed))
                let faults = findings.filter(\.isFault)
                #expect(
                    faults.map(\.callback) == [callback]
                        && faults.allSatisfy {
                            $0.verdict == .wrong && $0.reason == .repetition && $0.other == nil
                                && $0.error > $0.tolerance
                                && $0.words.contains("asked again with the same input")
                                && (noise / 100...noise * 100).contains($0.error)
                        }, "seed \(seed), \(callback): \(findings.map(\.words))")
            }
        }

        /// Sums in another order, at the minimum, where a gradient is nothing but their rounding: no fault.
        @Test(arguments: 1...5) func lastBitsAreNoNoise(seed: Int) throws {
            let ridge = RidgeProblem(seed: 100 + seed)
            let (w, h) = (ridge.minimum(ridge.hyperplace), ridge.hyperplace)
            let right = ridge.problem(learningRate: 0.05)
            var random = TestRandom(seed, 15)
            func size(_ values: [Double]) -> [Double] {
                values.map { $0 + 1e-15 * random.normal() * (1 + $0.magnitude) }
            }
            var problem = right
            problem.innerGradient = { (w, h) throws(HPMError) in size(try right.innerGradient!(w, h)) }
            problem.hessianProduct = { (w, h, v) throws(HPMError) in size(try right.hessianProduct!(w, h, v)) }
            problem.step = { (i, w, h) throws(HPMError) in scaled(try right.step!(i, w, h), by: 1 + 2e-16 * random.normal()) }
            problem.outerLoss = { (w, h) throws(HPMError) in
                try right.outerLoss!(w, h) * (1 + 1e-15 * random.normal())
            }
            let faults = try problem.check(at: w, h, seed: UInt64(seed)).filter(\.isFault)
            #expect(faults.isEmpty, "seed \(seed): \(faults.map(\.words))")
        }

        /// A callback that adds to its output, or leaves a component unwritten, works on zeros alone.
        @Test func outputsAreNoZeros() throws {
            let space = try HostVectorSpace<Double>(count: 2)
            var problem = BilevelProblem(parameters: space, hyperparameters: space)
            problem.innerGradient = { (w, _, result) throws(HPMError) in space.add(1, w, to: result) }
            problem.innerHyperGradient = { (w, _, result) throws(HPMError) in
                result.components[0] = w.components[0]
            }
            let place = try space.makeVector([1, 2])
            let wrong = try problem.check(at: place, place).filter { $0.verdict == .wrong }
            #expect(wrong.map(\.callback) == ["inner_gradient", "inner_hyper_gradient"])
        }

        /// What is beyond the numbers' range is no agreement.
        @Test func hugeNumbers() throws {
            let space = try HostVectorSpace<Double>(count: 2)
            var problem = BilevelProblem(parameters: space, hyperparameters: space)
            problem.outerLoss = { (_, _) throws(HPMError) in 1 }
            problem.outerGradient = { (_, _, dw, _) throws(HPMError) in
                for index in 0..<2 { dw.components[index] = 1e308 }
            }
            let place = try space.makeVector([1, 2])
            let findings = try problem.check(at: place, place)
            #expect(!findings.contains { $0.callback == "outer_gradient" && $0.verdict == .right && $0.error > 0 })
            #expect(verdicts(findings, "outer_gradient").first != .right)
            for (tolerance, step) in [(Double.nan, 1e-5), (-1, 1e-5), (1e-4, 0), (1e-4, .nan)] {
                #expect { try problem.check(at: place, place, tolerance: tolerance, differenceStep: step) } throws: {
                    ($0 as? HPMError)?.code == .argument
                }
            }
        }

        @Test func throwingCallbackComesBack() throws {
            let failure = HPMError(.callback, "the trainer's own words")
            let (right, w, h) = network(4)
            var problem = right
            problem.crossProduct = { _, _, _ throws(HPMError) in throw failure }
            #expect(throws: failure) { try problem.check(at: w, h) }
        }

        /// In single precision, with the tolerance of the doc comment.
        @Test(arguments: seeds) func singlePrecision(seed: Int) throws {
            let (right, w, h) = ridge(seed)
            let findings = try right.check(
                at: w, h, tolerance: 1e-2, differenceStep: 3e-3, seed: UInt64(seed), Float.self)
            let wrong = findings.filter { $0.verdict == .wrong }
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.map(\.words))")
            for callback in Callback.allCases {
                let findings = try spoiled(right, callback) { scaled($0, by: -1) }.check(
                    at: w, h, tolerance: 1e-2, differenceStep: 3e-3, seed: UInt64(seed), Float.self)
                // Rounding may leave what it is compared with unconfirmed: then the two disagree.
                #expect(
                    Set(findings.filter(\.isFault).map(\.callback)) == [callback.name],
                    "seed \(seed), \(callback.rawValue)")
            }
        }
    }
}
