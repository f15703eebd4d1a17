import Testing
@testable import HPM

@Suite struct MutatorTests {
    private func target(_ space: SearchSpace, _ name: String) throws -> MutationTarget {
        let parameter = try space.parameter(named: name)
        let position = try #require(space.parameters.firstIndex { $0.name == name })
        return MutationTarget(parameter: position, index: parameter.offset)
    }

    /// The outcomes of one coordinate over many draws.
    private func outcomes(
        _ mutator: some Mutator, _ name: String, from value: Double, _ space: SearchSpace,
        draws: Int = 2000
    ) throws -> [Double] {
        let target = try target(space, name)
        let parameter = space.parameters[target.parameter]
        var start = space.start(of: 1, seed: 1)
        start.setNatural(value, at: target.index, of: parameter)
        return (0..<draws).map { event in
            var random = RandomStream(seed: 2, purpose: .mutation, student: 1, event: event)
            var point = start
            mutator.mutate(&point, at: [target], in: space, &random)
            for index in 0..<space.dimension where index != target.index {
                if point.natural[index] != start.natural[index] { Issue.record("\(index) moved") }
            }
            let latent = SecondMap(parameter).latent(point.natural[target.index])
            if !((latent - point.latent[target.index]).magnitude < 1e-9) { Issue.record("latent is \(point.latent)") }
            if !Invariants.boundViolations(point.natural, in: space, "").isEmpty { Issue.record("\(point.natural)") }
            return point.natural[target.index]
        }
    }

    @Test func reflectionFoldsAtBothEnds() {
        for (value, expected) in [
            (0.0, 0.0), (0.25, 0.25), (1, 1), (-0.25, 0.25), (1.25, 0.75), (-1.25, 0.75), (2, 0), (2.5, 0.5),
            (-2.5, 0.5), (7.75, 0.25), (-100.25, 0.25), (1e300, 0),
        ] as [(Double, Double)] {
            #expect(GaussianMutator.reflect(value) == expected, "\(value)")
        }
        // The same by folding step by step.
        var random = TestRandom(1)
        for _ in 0..<500 {
            let value = random.uniform(-6...6)
            var folded = value
            while folded < 0 || folded > 1 { folded = folded < 0 ? -folded : 2 - folded }
            #expect((GaussianMutator.reflect(value) - folded).magnitude < 1e-14)
        }
    }

    /// From the middle, u + 0.1 N(0, 1): mean, variance and kurtosis.
    @Test func gaussianMoves() throws {
        let space = try Spaces.mixed()
        let n = 4000
        let parameter = try space.parameter(named: "rate")
        let map = SecondMap(parameter)
        let moves = try outcomes(
            GaussianMutator(scale: 0.1), "rate", from: map.natural(0.5), space, draws: n
        ).map { (map.latent($0) - 0.5) / 0.1 }
        #expect(isWithinFiveSigma(moves.mean, of: 0, variance: 1, count: n))
        #expect(isWithinFiveSigma(moves.moment(2), of: 1, variance: 2, count: n))
        #expect(isWithinFiveSigma(moves.moment(4), of: 3, variance: 96, count: n))
    }

    /// At a bound, the move is the size of the normal number: it is reflected, not clipped.
    @Test func gaussianAtABound() throws {
        let space = try Spaces.mixed()
        let n = 4000
        let moves = try outcomes(GaussianMutator(scale: 0.1), "slope", from: 5, space, draws: n)
            .map { (5 - $0) / 8 / 0.1 }
        // Mean and variance of |N(0, 1)|.
        let mean = (2 / Double.pi).squareRoot()
        #expect(isWithinFiveSigma(moves.mean, of: mean, variance: 1 - 2 / .pi, count: n))
        #expect(!moves.contains(0))
    }

    @Test func factorsAreExact() throws {
        let space = try Spaces.mixed()
        for (name, value) in [("rate", 0.03), ("share", 0.4), ("weight", 1.3), ("slope", -1.7), ("slope", 2)] {
            let seen = Set(try outcomes(FactorMutator(scale: 0.2, resampling: 0), name, from: value, space))
            #expect(seen == [value * (1 - 0.2), value * (1 + 0.2)], "\(name): \(seen)")
        }
    }

    @Test func factorsAreEquallyLikelyAndClipped() throws {
        let space = try Spaces.mixed()
        let outcomes = try outcomes(FactorMutator(scale: 0.2, resampling: 0), "width", from: 2.75, space)
        let up = outcomes.filter { $0 == 3 }.count
        #expect(outcomes.allSatisfy { $0 == 3 || $0 == 2.75 * 0.8 })
        #expect(isShareWithinFiveSigma(up, of: 2000, 0.5))
    }

    @Test func resamplingShareAndSpread() throws {
        let space = try Spaces.mixed()
        let outcomes = try outcomes(
            FactorMutator(scale: 0.2, resampling: 0.25), "rate", from: 0.03, space, draws: 4000)
        let factors: Set = [0.03 * (1 - 0.2), 0.03 * (1 + 0.2)]
        let drawn = outcomes.filter { !factors.contains($0) }
        #expect(isShareWithinFiveSigma(drawn.count, of: 4000, 0.25))
        let map = SecondMap(try space.parameter(named: "rate"))
        let mean = drawn.map { map.latent($0) }.mean
        #expect(isWithinFiveSigma(mean, of: 0.5, variance: 1 / 12, count: drawn.count))
    }

    @Test func integersMoveByAtLeastOne() throws {
        let space = try Spaces.mixed()
        for (name, values) in [("shift", [-4.0, -1, 0, 1, 6]), ("batch", [1, 2, 16, 127, 128])] {
            for value in values {
                for mutator: any Mutator in [
                    GaussianMutator(scale: 0.1), GaussianMutator(scale: 1e-9),
                    FactorMutator(scale: 0.2, resampling: 0), FactorMutator(scale: 0.2, resampling: 1),
                ] {
                    let seen = try outcomes(mutator, name, from: value, space, draws: 200)
                    #expect(seen.allSatisfy { $0 != value && $0 == $0.rounded() }, "\(name) from \(value)")
                }
            }
        }
    }

    /// The algorithm's move, rounded: 16 times 0.8 and 1.2.
    @Test func integerFactors() throws {
        let space = try Spaces.mixed()
        let mutator = FactorMutator(scale: 0.2, resampling: 0)
        #expect(try Set(outcomes(mutator, "batch", from: 16, space)) == [13, 19])
        #expect(try Set(outcomes(mutator, "batch", from: 128, space)) == [102, 127])
        #expect(try Set(outcomes(mutator, "batch", from: 2, space)) == [1, 3])
        #expect(try Set(outcomes(mutator, "shift", from: -4, space)) == [-3])
        #expect(try Set(outcomes(mutator, "shift", from: -1, space)) == [-2, 0])
    }

    @Test func integerGaussianStepsAreTheRoundedLatentOnes() throws {
        let space = try Spaces.mixed()
        // From 1 of -4 ... 6: latent step s moves by 11 s, and by 1 where that rounds to 0.
        let seen = try outcomes(GaussianMutator(scale: 0.1), "shift", from: 1, space, draws: 4000)
        let up = seen.filter { $0 > 1 }.count
        #expect(isShareWithinFiveSigma(up, of: 4000, 0.5))
        // |11 * 0.1 N| < 1.5 stays within one: P(|N| < 1.3636) = 0.8273.
        let near = seen.filter { ($0 - 1).magnitude == 1 }.count
        #expect(isShareWithinFiveSigma(near, of: 4000, 0.8273))
    }

    @Test func twoIntegersFlip() throws {
        var space = SearchSpace()
        try space.addInteger("bit", low: 0, high: 1)
        for mutator: any Mutator in [
            GaussianMutator(scale: 0.1), FactorMutator(scale: 0.2, resampling: 0.25),
        ] {
            #expect(try Set(outcomes(mutator, "bit", from: 0, space, draws: 100)) == [1])
            #expect(try Set(outcomes(mutator, "bit", from: 1, space, draws: 100)) == [0])
        }
    }

    /// What the clones of a population become, relative to their sources, over many seeds.
    private func cloneMoves(
        _ algorithm: Algorithm, hypergradient component: Double? = nil,
        _ change: (inout Options) -> Void = { _ in }
    ) throws -> [(source: [Double], clone: [Double])] {
        try (0..<250).map { seed in
            var population = try Population(
                space: Spaces.mixed(),
                options: .of(algorithm) {
                    $0.population = 2
                    $0.truncation = 0.5
                    $0.interval = 1
                    $0.seed = seed
                    change(&$0)
                })
            for student in 0..<2 {
                // In the middle of the latent range, far from any reflection.
                let middle = population.space.parameters.flatMap { parameter in
                    let map = SecondMap(parameter)
                    let value = parameter.kind.isReal ? map.natural(0.5) : parameter.low
                    return Array(repeating: value, count: parameter.count)
                }
                try population.setInitial(student, middle)
                _ = population.next(student)
                try population.report(
                    student, loss: Double(student),
                    hypergradient: component.map { Array(repeating: $0, count: population.dimension) })
            }
            let source = population.next(1).hyperparameters
            try population.report(1)
            return (source, population.next(1).hyperparameters)
        }
    }

    /// `hpm` with hypergradients, here of 0: the clone's real parameters are at u + mutation_scale N(0, 1).
    @Test(arguments: [nil, 0.05, 0.02])
    func scaleOfTheDefault(scale: Double?) throws {
        let moves = try cloneMoves(.hpm, hypergradient: 0) { $0.mutationScale = scale }
        let space = try Spaces.mixed()
        var normalized: [Double] = []
        for (source, clone) in moves {
            for parameter in space.parameters where parameter.kind.isReal {
                let map = SecondMap(parameter)
                for index in parameter.offset..<parameter.offset + parameter.count {
                    normalized.append((map.latent(clone[index]) - map.latent(source[index])) / (scale ?? 0.1))
                }
            }
        }
        let count = 250 * 7
        #expect(normalized.count == count && Set(normalized).count == count)
        #expect(isWithinFiveSigma(normalized.mean, of: 0, variance: 1, count: count))
        #expect(isWithinFiveSigma(normalized.moment(2), of: 1, variance: 2, count: count))
        #expect(isWithinFiveSigma(normalized.moment(4), of: 3, variance: 96, count: count))
    }

    /// `pbt`: drawn anew with probability 0.25, else times 0.8 or 1.2; `hpm-no-teacher`: never anew.
    @Test(arguments: [("pbt", 0.25), ("hpm-no-teacher", 0), ("hpm-paper", 0)], [nil, 0.3])
    func factorsOfTheOthers(of algorithm: (name: String, resampling: Double), scale: Double?) throws {
        let moves = try cloneMoves(#require(Algorithm.named(algorithm.name))) { $0.mutationScale = scale }
        var (anew, down, up) = (0, 0, 0)
        let size = scale ?? 0.2
        for (source, clone) in moves {
            // Those with room for both factors.
            for index in [0, 1, 3, 4, 5] {
                let ratio = clone[index] / source[index]
                if (ratio - (1 - size)).magnitude < 1e-12 {
                    down += 1
                } else if (ratio - (1 + size)).magnitude < 1e-12 {
                    up += 1
                } else {
                    anew += 1
                }
            }
        }
        let count = 250 * 5
        if algorithm.resampling == 0 {
            #expect(anew == 0)
        } else {
            #expect(isShareWithinFiveSigma(anew, of: count, algorithm.resampling))
        }
        #expect(isShareWithinFiveSigma(up, of: up + down, 0.5))
    }

    /// A scale of 0 leaves a clone as its parent is.
    @Test(arguments: ["hpm", "pbt", "hpm-no-teacher", "clone-step", "hpm-paper", "mutation-only"])
    func noScaleNoMutation(name: String) throws {
        for (source, clone) in try cloneMoves(#require(Algorithm.named(name)), { $0.mutationScale = 0 }) {
            #expect(source == clone)
        }
    }
}
