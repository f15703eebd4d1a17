import Testing
@testable import HPM

/// All teachers with all squashings and activations.
@Suite struct TeacherTests {
    struct Parts: CustomTestStringConvertible, Sendable {
        let kind: TeacherKind
        let squashing: Squashing
        let activation: TeacherActivation

        var testDescription: String { "\(kind.rawValue), \(squashing.rawValue), \(activation.rawValue)" }

        func teacher(_ dimension: Int, _ units: Int, rate: Double = 0.1, seed: Int = 3) throws -> Teacher {
            var options = Options()
            options.teacherUnits = units
            options.teacherLearningRate = rate
            options.seed = seed
            try options.set("teacher", to: kind.rawValue)
            try options.set("teacher_squashing", to: squashing.rawValue)
            try options.set("teacher_activation", to: activation.rawValue)
            return try Teacher(dimension: dimension, options: options)
        }
    }

    static let kinds: [TeacherKind] = [.attention, .perceptron, .linear]

    static let all: [Parts] = kinds.flatMap { kind in
        Squashing.allCases.flatMap { squashing in
            (kind == .linear ? [.softmax] : TeacherActivation.allCases).map {
                Parts(kind: kind, squashing: squashing, activation: $0)
            }
        }
    }

    private let targets = [0.3, -0.2, 0.9, 0.1, 0.6]

    /// A loss of the child that couples its coordinates.
    private func loss(_ child: [Double]) -> Double {
        child[0] * child[1] * child[2]
            + zip(child, targets).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
    }

    private func lossGradient(_ child: [Double]) -> [Double] {
        var gradient = zip(child, targets).map { 2 * ($0 - $1) }
        gradient[0] += child[1] * child[2]
        gradient[1] += child[0] * child[2]
        gradient[2] += child[0] * child[1]
        return gradient
    }

    /// Wakes what starts small, so that squashings clip and units saturate.
    private func widen(_ teacher: inout Teacher, _ random: inout TestRandom) {
        for index in teacher.values.indices { teacher.values[index] *= 5 }
        for index in teacher.queries.indices { teacher.queries[index] *= 3 }
        for index in teacher.biases.indices { teacher.biases[index] = 0.3 * random.normal() }
    }

    /// (before - after) / rate x inputs against central differences of the loss over the norm of r.
    private func expectStep(
        _ before: Teacher, _ after: Teacher, norm: Double, _ about: String,
        sourceLocation: SourceLocation = #_sourceLocation, _ loss: (Teacher) -> Double
    ) {
        let inputs = SecondTeacher(before).inputs
        let layers: [(String, WritableKeyPath<Teacher, [Double]>, Double)] = [
            ("W", \.values, inputs.W), ("V", \.queries, inputs.V), ("b", \.biases, 1),
        ]
        for (name, path, divisor) in layers {
            for index in before[keyPath: path].indices {
                var (up, down) = (before, before)
                up[keyPath: path][index] += 1e-5
                down[keyPath: path][index] -= 1e-5
                let slope = (loss(up) - loss(down)) / 2e-5
                let step =
                    (before[keyPath: path][index] - after[keyPath: path][index]) * divisor
                    / before.learningRate
                if !((step - slope / norm).magnitude < 1e-7) {
                    Issue.record(
                        "\(about): \(name)[\(index)] steps \(step), not \(slope / norm)",
                        sourceLocation: sourceLocation)
                }
            }
        }
    }

    @Test(arguments: all, [1, 4, 16])
    func gradientsAgainstDifferences(parts: Parts, units: Int) throws {
        var random = TestRandom(units)
        for seed in 0..<4 {
            var teacher = try parts.teacher(5, units, seed: seed)
            if seed > 0 { widen(&teacher, &random) }
            let h = (0..<5).map { _ in random.uniform(-1...1) }
            let before = teacher
            let gradient = lossGradient(teacher.child(of: h))
            let residual = SecondTeacher(before).residual(h, h, gradient)
            let norm = residual.map { $0 * $0 }.reduce(0, +).squareRoot()
            #expect(teacher.learn(parent: h, gradientAtChild: gradient) == (norm > 0))
            if norm == 0 { continue }
            expectStep(before, teacher, norm: norm, "seed \(seed)") { self.loss($0.child(of: h)) }
        }
    }

    @Test(arguments: all)
    func againstASecondImplementation(parts: Parts) throws {
        var random = TestRandom(17)
        var teacher = try parts.teacher(5, 3)
        widen(&teacher, &random)
        var second = SecondTeacher(teacher)
        for step in 0..<30 {
            let h = (0..<5).map { _ in random.uniform(-2...2) }
            let child = teacher.child(of: h)
            for (value, other) in zip(child, second.child(h, h)) {
                #expect((value - other).magnitude < 1e-9 * (1 + other.magnitude), "step \(step)")
            }
            var gradient = lossGradient(child)
            gradient[step % 5] = .nan
            teacher.learn(parent: h, gradientAtChild: gradient)
            second.learn(h: h, x: h, gradient: gradient, maker: second)
        }
    }

    /// A step of the learning rate: c moves by no more than about that, whatever the dimension.
    @Test(arguments: kinds, [3, 300])
    func stepsAreOfTheSameSizeInAnyDimension(kind: TeacherKind, dimension: Int) throws {
        let parts = Parts(kind: kind, squashing: .identity, activation: kind.defaultActivation)
        var teacher = try parts.teacher(dimension, 16, rate: 0.1)
        var random = TestRandom(dimension)
        let h = (0..<dimension).map { _ in random.uniform(0.2...1) }
        let before = teacher.child(of: h)
        teacher.learn(parent: h, gradientAtChild: h.map { _ in random.normal() })
        let after = teacher.child(of: h)
        let moves = h.indices.map { ((after[$0] - before[$0]) / h[$0]).magnitude }
        #expect((moves.max() ?? 0) < 0.3 && (moves.max() ?? 0) > 1e-4)
        // The first children are near their parents.
        for index in h.indices { #expect((before[index] / h[index] - 1).magnitude < 0.5) }
    }

    @Test(arguments: all)
    func extremeInputsStayFinite(parts: Parts) throws {
        var teacher = try parts.teacher(3, 4, rate: 1e6)
        for parent in [[1e100, -1e100, 1e100], [1e-300, 0, 1], [1, 1, 1], [1e100, 1e100, -1e100]] {
            for gradient in [[1e308, -1e308, 1], [1e-308, 0, 1e308], [-1e308, 1e308, 1e308]] {
                for _ in 0..<3 {
                    teacher.learn(parent: parent, gradientAtChild: gradient)
                    let weights = teacher.values + teacher.queries + teacher.biases
                    #expect(weights.allSatisfy { $0.magnitude <= 1e100 })
                    #expect(teacher.child(of: parent).allSatisfy { $0.isFinite })
                }
            }
        }
    }

    @Test func squashings() {
        for z in stride(from: -4.0, through: 4, by: 0.37) {
            for squashing in Squashing.allCases {
                let slope = (squashing(z + 1e-6) - squashing(z - 1e-6)) / 2e-6
                #expect((squashing.slope(at: squashing(z)) - slope).magnitude < 1e-8, "\(squashing), \(z)")
                #expect((squashing(z) + squashing(-z)).magnitude < 1e-15)
            }
            #expect((Squashing.logistic(z) - (1 / (1 + Elementary.exp(-z)) - 0.5)).magnitude < 1e-15)
        }
        #expect(Squashing.clipped(3) == 1 && Squashing.identity(3) == 3)
        #expect(Squashing.allCases.map { $0(1e300) } == [1, 0.5, 1, 1e100])
    }

    @Test func startingWeights() throws {
        for (kind, deviations) in [
            (TeacherKind.attention, (0.1, 0.1)), (.perceptron, (0.1 / 50.0.squareRoot(), 0.1)),
            (.linear, (0.01, 0)),
        ] {
            let teacher = try Parts(kind: kind, squashing: .tanh, activation: .tanh).teacher(100, 50)
            for (weights, deviation) in [(teacher.values, deviations.0), (teacher.queries, deviations.1)]
            where !weights.isEmpty {
                let variance = deviation * deviation
                let count = weights.count
                #expect(count == (kind == .linear ? 10_000 : 5000))
                #expect(isWithinFiveSigma(weights.mean, of: 0, variance: variance, count: count))
                #expect(
                    isWithinFiveSigma(
                        weights.moment(2), of: variance, variance: 2 * variance * variance, count: count))
            }
            #expect(teacher.biases == Array(repeating: 0, count: [.attention: 0, .perceptron: 50, .linear: 100][kind] ?? -1))
        }
        #expect(TeacherKind.perceptron.defaultActivation == .tanh && TeacherKind.attention.defaultActivation == .softmax)
    }

    /// The lesson of a population: in its coordinates, with clipped and unguided coordinates left out.
    @Test(arguments: all, [Coordinates.natural, .latent])
    func lessonOfAPopulation(parts: Parts, coordinates: Coordinates) throws {
        let space = try Spaces.mixed()
        let targets = space.parameters.enumerated().flatMap { position, parameter in
            parameter.kind.isReal
                ? parameter.indices.map { MutationTarget(parameter: position, index: $0) } : []
        }
        let moved = (0..<10).map { index in targets.contains { $0.index == index } }
        var random = TestRandom(23)
        var clippedTotal = 0
        for seed in 0..<4 {
            var teacher = try parts.teacher(10, 4, seed: seed)
            widen(&teacher, &random)
            let parent = space.start(of: 1, seed: UInt64(seed))
            let slopes = (0..<10).map { moved[$0] ? random.normal() : .nan }
            /// The loss at the child of the population.
            func loss(_ teacher: Teacher) -> Double {
                var child = parent
                teacher.mutate(&child, at: targets, coordinates, in: space)
                return targets.map { slopes[$0.index] * child[coordinates, $0.index] }.reduce(0, +)
            }
            let h = coordinates == .natural ? parent.natural : parent.latent
            let x = teacher.input(parent, coordinates, in: space)
            let free = SecondTeacher(teacher).child(h, x)
            var effective = slopes
            for target in targets {
                let parameter = space.parameters[target.parameter]
                let (low, high) = coordinates == .natural ? (parameter.low, parameter.high) : (0, 1)
                if free[target.index] < low || free[target.index] > high {
                    effective[target.index] = 0
                    clippedTotal += 1
                }
            }
            let residual = SecondTeacher(teacher).residual(h, x, effective)
            let norm = residual.map { $0 * $0 }.reduce(0, +).squareRoot()
            let lesson = teacher.lesson(
                from: parent, moved: moved, gradient: slopes, coordinates, in: space)
            #expect((lesson != nil) == (norm > 0))
            guard let lesson else { continue }
            let before = teacher
            teacher.learn(lesson)
            expectStep(before, teacher, norm: norm, "seed \(seed)", loss)
        }
        if parts.squashing != .logistic { #expect(clippedTotal > 0) }
    }

    /// Where nothing is cloned there is no teacher, and no memory is asked for it.
    @Test(arguments: ["random", "bayesian", "hypergradient", "memetic"])
    func noneWithoutClones(name: String) throws {
        var options = Options.of(try #require(Algorithm.named(name)))
        options.teacher = .linear
        let population = try Population(space: Spaces.box(100_000), options: options)
        #expect(population.teacher == nil && population.options.teacher == .linear)
        #expect(!population.possibleActions.contains(.evaluate))
    }

    /// `teacher_evaluations` = 0: nothing is evaluated, nothing waits, and yet every teacher learns.
    @Test(arguments: kinds, [Algorithm.hpm, .hpmPaper])
    func learnsFromOrdinaryReports(kind: TeacherKind, algorithm: Algorithm) throws {
        var population = try Population(
            space: Spaces.mixed(),
            options: .of(algorithm) {
                $0.teacher = kind
                $0.teacherEvaluations = 0
                $0.interval = 2
                $0.truncation = 0.4
            })
        #expect(population.possibleActions == [.train, .clone])
        let first = population.teacher
        var taughtAt: [Int] = []
        for number in 0..<40 {
            let before = population.teacher
            let record = try #require(try population.drive(rounds: 1, from: number, Landscape(seed: 4)).first)
            #expect(record.action != .evaluate)
            // Only a source and its clones wait, never a student that trains.
            if record.action == .train { #expect(record.students.count == population.size) }
            if population.teacher != before {
                #expect(record.action == .train)
                taughtAt.append(population.trainingRounds)
            }
        }
        #expect(population.teacher != first)
        // In the report after each exploit.
        #expect(taughtAt.count > 5 && taughtAt.allSatisfy { $0 % 2 == 1 })
        #expect(try population.count("teacher_reports") == 0)
        #expect(try population.count("teacher_cost") == 0 && population.count("teacher_share") == 0)
        #expect(try population.count("clone_reports") > 5)
    }

    /// In `hpm` a teacher moves what is guided, and `mutation_scale` the rest.
    @Test(arguments: kinds, [0.0, 0.1])
    func guidedAndUnguidedUnderHpm(kind: TeacherKind, scale: Double) throws {
        let space = try Spaces.mixed()
        var population = try Population(
            space: space,
            options: .of(.hpm) {
                $0.population = 2
                $0.interval = 1
                $0.teacher = kind
                $0.teacherEvaluations = 0
                $0.mutationScale = scale
            })
        _ = (population.next(0), population.next(1))
        // The first three parameters are guided.
        let gradient = [0.3, -0.2, 0.1] + Array(repeating: Double.nan, count: 7)
        try population.report(0, loss: 1, hypergradient: gradient)
        try population.report(1, loss: 2, hypergradient: gradient)
        let parent = population.students.point(0)
        let task = population.next(1)
        #expect(task.action == .clone && task.source == 0 && task.hyperparameters == parent.natural)
        let teacher = try #require(population.teacher)
        try population.report(1)
        let child = SecondTeacher(teacher).child(parent.latent, parent.latent)
        let clone = population.students.point(1)
        for index in 0..<3 {
            #expect((clone.latent[index] - min(max(child[index], 0), 1)).magnitude < 1e-12)
            #expect(clone.latent[index] != parent.latent[index])
        }
        for index in [3, 4, 5, 6, 7, 9] {
            #expect((clone.natural[index] == parent.natural[index]) == (scale == 0))
        }
    }

    @Test func linearTeachersThatDoNotFit() throws {
        let parts = Parts(kind: .linear, squashing: .tanh, activation: .softmax)
        let error = #expect(throws: HPMError.self) { _ = try parts.teacher(1 << 40, 1) }
        #expect(error?.code == .memory)
        // Its width has no meaning for a matrix of dimension x dimension.
        #expect(try parts.teacher(3, .max).values.count == 9)
    }
}
