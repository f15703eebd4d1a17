import Testing
@testable import HPM

@Suite struct AttentionTeacherTests {
    /// h' = (1 + tanh(W softmax(V x))) h, written with rows.
    static func child(_ h: [Double], _ x: [Double], W: [[Double]], V: [[Double]]) -> [Double] {
        let scores = V.map { row in zip(row, x).map { $0 * $1 }.reduce(0, +) }
        let weights = scores.map { Elementary.exp($0) }
        let total = weights.reduce(0, +)
        let a = weights.map { $0 / total }
        return h.indices.map { index in
            let c = Elementary.tanh(zip(W[index], a).map { $0 * $1 }.reduce(0, +))
            return (1 + c) * h[index]
        }
    }

    static func rows(_ values: [Double], _ width: Int) -> [[Double]] {
        stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }

    private func teacher(_ dimension: Int, _ units: Int, rate: Double = 0.1, seed: Int = 3) throws -> Teacher {
        var options = Options()
        options.teacherUnits = units
        options.teacherLearningRate = rate
        options.seed = seed
        return try Teacher(dimension: dimension, options: options)
    }

    private let targets = [0.3, -0.2, 0.9, 0.1, 0.6]

    /// A loss of the child that couples its coordinates.
    private func loss(_ child: [Double]) -> Double {
        var sum = child[0] * child[1] * child[2]
        for (value, target) in zip(child, targets) { sum += (value - target) * (value - target) }
        return sum
    }

    private func lossGradient(_ child: [Double]) -> [Double] {
        var gradient = zip(child, targets).map { 2 * ($0 - $1) }
        gradient[0] += child[1] * child[2]
        gradient[1] += child[0] * child[2]
        gradient[2] += child[0] * child[1]
        return gradient
    }

    /// Central differences of a function of the weights.
    private func differences(
        _ weights: [Double], _ function: ([Double]) -> Double
    ) -> [Double] {
        weights.indices.map { index in
            var (up, down) = (weights, weights)
            up[index] += 1e-5
            down[index] -= 1e-5
            return (function(up) - function(down)) / 2e-5
        }
    }

    /// Compares a step with the gradients of the loss divided by the norm of r.
    private func expectStep(
        _ before: Teacher, _ after: Teacher, h: [Double], x: [Double],
        residual: [Double], sourceLocation: SourceLocation = #_sourceLocation,
        _ loss: @escaping ([Double]) -> Double
    ) {
        let (d, units) = (before.dimension, before.units)
        let norm = residual.map { $0 * $0 }.reduce(0, +).squareRoot()
        let (W, V) = (before.values, before.queries)
        let slopeW = differences(W) {
            loss(Self.child(h, x, W: Self.rows($0, units), V: Self.rows(V, d)))
        }
        let slopeV = differences(V) {
            loss(Self.child(h, x, W: Self.rows(W, units), V: Self.rows($0, d)))
        }
        let rate = before.learningRate
        for (name, old, new, slope) in [
            ("W", W, after.values, slopeW), ("V", V, after.queries, slopeV),
        ] {
            var largest = 0.0
            for index in old.indices {
                largest = max(largest, ((old[index] - new[index]) / rate - slope[index] / norm).magnitude)
            }
            #expect(largest < 1e-8, "\(name) of \(d) x \(units)", sourceLocation: sourceLocation)
        }
    }

    private func residual(_ gradient: [Double], _ h: [Double], _ child: [Double]) -> [Double] {
        h.indices.map { index in
            if h[index] == 0 { return 0 }
            let c = child[index] / h[index] - 1
            return gradient[index] * h[index] * (1 - c * c)
        }
    }

    @Test(arguments: [1, 4, 16])
    func gradientsAgainstDifferences(units: Int) throws {
        var random = TestRandom(units)
        var teacher = try teacher(5, units)
        for _ in 0..<8 {
            let h = (0..<5).map { _ in random.uniform(-1...1) }
            let child = teacher.child(of: h)
            let before = teacher
            let hasLearned = teacher.learn(parent: h, gradientAtChild: lossGradient(child))
            #expect(hasLearned)
            expectStep(
                before, teacher, h: h, x: h, residual: residual(lossGradient(child), h, child)
            ) { self.loss($0) }
        }
    }

    @Test func childAgainstTheFormula() throws {
        var random = TestRandom(5)
        let teacher = try teacher(5, 3)
        for _ in 0..<20 {
            let h = (0..<5).map { _ in random.uniform(-2...2) }
            let expected = Self.child(
                h, h, W: Self.rows(teacher.values, 3), V: Self.rows(teacher.queries, 5))
            for (value, other) in zip(teacher.child(of: h), expected) {
                #expect((value - other).magnitude < 1e-14)
            }
        }
        #expect(teacher.child(of: Array(repeating: 0, count: 5)) == Array(repeating: 0, count: 5))
    }

    /// Components without a derivative take no part: the loss does not depend on them.
    @Test func missingComponentsTakeNoPart() throws {
        var teacher = try teacher(5, 4)
        let h = [0.5, -0.4, 0.8, 0.3, 0.9]
        let child = teacher.child(of: h)
        let before = teacher
        let gradient = [1.5, .nan, .infinity, -0.5, -.infinity]
        let hasLearned = teacher.learn(parent: h, gradientAtChild: gradient)
        #expect(hasLearned)
        let used = [1.5, 0, 0, -0.5, 0]
        expectStep(before, teacher, h: h, x: h, residual: residual(used, h, child)) { child in
            1.5 * child[0] - 0.5 * child[3]
        }
    }

    @Test func nothingToLearnChangesNothing() throws {
        var teacher = try teacher(3, 4)
        let before = teacher
        for (parent, gradient) in [
            ([1, 2, 3], [.nan, .nan, .nan]), ([1, 2, 3], [0, 0, 0]), ([0, 0, 3], [1, 1, .infinity]),
        ] as [([Double], [Double])] {
            let hasLearned = teacher.learn(parent: parent, gradientAtChild: gradient)
            #expect(!hasLearned)
        }
        #expect(teacher == before)
    }

    /// r is divided by its norm: the size of the loss does not matter.
    @Test func scaleOfTheLossDoesNotMatter() throws {
        let h = [0.5, -0.4, 0.8]
        var small = try teacher(3, 4)
        var large = small
        small.learn(parent: h, gradientAtChild: [1e-140, -3e-140, 2e-140])
        large.learn(parent: h, gradientAtChild: [1e140, -3e140, 2e140])
        for (one, other) in zip(small.values + small.queries, large.values + large.queries) {
            #expect((one - other).magnitude < 1e-14)
        }
        #expect(try small != teacher(3, 4))
    }

    @Test func learningLowersTheLoss() throws {
        var teacher = try teacher(5, 16)
        let h = [0.5, -0.4, 0.8, 0.3, 0.9]
        let first = loss(teacher.child(of: h))
        for _ in 0..<30 {
            teacher.learn(parent: h, gradientAtChild: lossGradient(teacher.child(of: h)))
        }
        #expect(loss(teacher.child(of: h)) < 0.5 * first)
    }

    @Test func extremeInputsStayFinite() throws {
        var teacher = try teacher(3, 4, rate: 1e6)
        for parent in [[1e100, -1e100, 1e100], [1e-300, 0, 1], [1, 1, 1]] {
            for gradient in [[1e308, -1e308, 1], [1e-308, 0, 1e308]] {
                teacher.learn(parent: parent, gradientAtChild: gradient)
                #expect((teacher.values + teacher.queries).allSatisfy { $0.isFinite })
                #expect(teacher.child(of: parent).allSatisfy { $0.isFinite })
            }
        }
    }

    @Test func weightsStartAsNormalNumbersOfATenth() throws {
        let teacher = try teacher(100, 50)
        for weights in [teacher.values, teacher.queries] {
            #expect(weights.count == 5000)
            #expect(isWithinFiveSigma(weights.mean, of: 0, variance: 0.01, count: 5000))
            #expect(isWithinFiveSigma(weights.moment(2), of: 0.01, variance: 2e-4, count: 5000))
        }
        #expect(try teacher == self.teacher(100, 50))
        #expect(try teacher != self.teacher(100, 50, seed: 4))
    }

    @Test func creationErrors() throws {
        for dimension in [0, -1] {
            let error = #expect(throws: HPMError.self) { try Teacher(dimension: dimension) }
            #expect(error?.code == .argument && error?.message.contains("dimension") ?? false)
        }
        var options = Options()
        try options.set("teacher", to: "none")
        let error = #expect(throws: HPMError.self) {
            try Teacher(dimension: 3, options: options)
        }
        #expect(error?.code == .argument && error?.message.contains("teacher") ?? false)
        for (dimension, units) in [(Int.max, 1), (1, Int.max), (1 << 40, 1 << 40)] {
            options = Options()
            options.teacherUnits = units
            let error = #expect(throws: HPMError.self) {
                try Teacher(dimension: dimension, options: options)
            }
            #expect(error?.code == .memory)
        }
    }
}

/// The teacher inside a population.
extension AttentionTeacherTests {
    private func realTargets(_ space: SearchSpace) -> [MutationTarget] {
        space.parameters.enumerated().flatMap { position, parameter in
            parameter.kind.isReal
                ? (parameter.offset..<parameter.offset + parameter.count).map {
                    MutationTarget(parameter: position, index: $0)
                } : []
        }
    }

    /// `hpm-paper`: inside the softmax h is divided by max(|low|, |high|); everywhere else it is h.
    @Test func inputScaling() throws {
        let space = try Spaces.mixed()
        let point = space.start(of: 1, seed: 5)
        let teacher = Teacher(dimension: 10, units: 4, learningRate: 0.1, seed: 9)
        let sizes = [5, 2, 0.97, 2.5, 2.5, 2.5, 6, 128, 2, 3.0]
        let input = teacher.input(point, .natural, in: space)
        for index in 0..<10 { #expect((input[index] - point.natural[index] / sizes[index]).magnitude < 1e-15) }
        #expect(teacher.input(point, .latent, in: space) == point.latent)
        let negative = try Spaces.box(2, -8, 2)
        let place = try negative.point(natural: [-6, 1])
        let pair = Teacher(dimension: 2, units: 1, learningRate: 0.1, seed: 1)
        #expect(pair.input(place, .natural, in: negative) == [-0.75, 0.125])
    }

    /// The child of a population is the formula's, clipped to the bounds; the step is the gradient of
    /// the loss at the clipped child, in which clipped coordinates have no part.
    @Test(arguments: [Coordinates.natural, .latent])
    func clippingMask(coordinates: Coordinates) throws {
        let space = try Spaces.mixed()
        let targets = realTargets(space)
        var clippedTotal = 0
        for seed in 0..<12 {
            var teacher = Teacher(
                dimension: 10, units: 4, learningRate: 0.1, seed: UInt64(seed))
            // Far-reaching moves, so that some are clipped.
            for index in teacher.values.indices { teacher.values[index] *= 12 }
            let parent = space.start(of: 1, seed: UInt64(seed))
            let h = coordinates == .natural ? parent.natural : parent.latent
            let sizes = [5, 2, 0.97, 2.5, 2.5, 2.5, 6, 128, 2, 3.0]
            let x = coordinates == .natural ? zip(h, sizes).map { $0 / $1 } : h

            func clipped(_ values: [Double]) -> [Double] {
                var result = h
                for target in targets {
                    let parameter = space.parameters[target.parameter]
                    let (low, high) = coordinates == .natural ? (parameter.low, parameter.high) : (0, 1)
                    result[target.index] = min(max(values[target.index], low), high)
                }
                return result
            }
            let free = Self.child(h, x, W: Self.rows(teacher.values, 4), V: Self.rows(teacher.queries, 10))
            let expected = clipped(free)
            var child = parent
            teacher.mutate(&child, at: targets, coordinates, in: space)
            let moved = coordinates == .natural ? child.natural : child.latent
            for index in 0..<10 { #expect((moved[index] - expected[index]).magnitude < 1e-12) }
            for index in 6..<9 { #expect(child.natural[index] == parent.natural[index]) }

            var random = TestRandom(seed)
            let slopes = (0..<10).map { _ in random.normal() }
            func loss(_ child: [Double]) -> Double {
                zip(slopes, clipped(child)).map { $0 * $1 }.reduce(0, +)
            }
            var gradient = slopes
            for index in 6..<9 { gradient[index] = .nan }
            let isClipped = (0..<10).map { free[$0] != expected[$0] }
            clippedTotal += targets.filter { isClipped[$0.index] }.count
            let effective = (0..<10).map { isClipped[$0] || (6..<9).contains($0) ? 0 : slopes[$0] }
            let before = teacher
            let lesson = teacher.lesson(
                from: parent, moved: (0..<10).map { index in targets.contains { $0.index == index } },
                gradient: gradient, coordinates, in: space)
            teacher.learn(try #require(lesson))
            expectStep(
                before, teacher, h: h, x: x, residual: residual(effective, h, free), loss)
        }
        #expect(clippedTotal > 5)
    }

    /// Bounds and derivatives as large as doubles go.
    @Test func hugeNaturalValuesStayFinite() throws {
        var space = SearchSpace()
        try space.addReal("x", low: -1e300, high: 1e300, initial: 9e299)
        try space.addReal("y", low: 0, high: 1, initial: 0.5)
        var teacher = Teacher(dimension: 2, units: 4, learningRate: 0.1, seed: 1)
        let parent = try space.point(natural: [9e299, 0.5])
        let lesson = teacher.lesson(
            from: parent, moved: [true, true], gradient: [1e150, -1e150], .natural, in: space)
        teacher.learn(try #require(lesson))
        #expect((teacher.values + teacher.queries).allSatisfy { $0.isFinite })
    }
}
