import Testing
@testable import HPM

@Suite struct OptionsTests {
    private static let integers = [
        "seed", "steps", "burn_in", "hypergradient_interval", "trial", "frequency_ratio", "teacher_units",
        "estimator_iterations", "estimator_checkpoints",
    ]
    private static let optionalIntegers = ["population", "interval", "teacher_evaluations", "sub_populations"]
    private static let reals = [
        "cool_down", "truncation", "teacher_learning_rate", "teacher_share", "estimator_learning_rate",
        "estimator_tolerance", "estimator_step",
    ]
    private static let optionalReals = [
        "hyper_learning_rate", "mutation_scale", "estimator_damping", "difference_step",
        "check_tolerance",
    ]
    private static let words = [
        "algorithm": [
            "hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only", "pbt", "hypergradient",
            "random", "bayesian", "pb2", "mf-pbt", "reinforced", "memetic",
        ],
        "hyper_optimizer": ["adam", "sgd"],
        "teacher": ["none", "attention", "perceptron", "linear"],
        "teacher_squashing": ["tanh", "logistic", "clipped", "none"],
        "teacher_activation": ["softmax", "sigmoid", "tanh", "relu", "none"],
        "direction": ["minimize", "maximize"],
        "schedule": ["synchronous", "asynchronous"],
        "estimator": [
            "conjugate-gradient", "neumann", "nystrom", "one-step", "reverse", "forward",
            "finite-differences", "spsa", "best-response",
        ],
    ]
    private static var all: [String] {
        integers + reals + optionalReals + optionalIntegers + words.keys.sorted()
    }

    private func integer(_ options: Options, _ key: String) -> Int? {
        switch key {
        case "population": options.population
        case "seed": options.seed
        case "steps": options.steps
        case "interval": options.interval
        case "burn_in": options.burnIn
        case "hypergradient_interval": options.hypergradientInterval
        case "trial": options.trial
        case "teacher_units": options.teacherUnits
        case "sub_populations": options.subPopulations
        case "frequency_ratio": options.frequencyRatio
        case "teacher_evaluations": options.teacherEvaluations
        case "estimator_iterations": options.estimatorIterations
        case "estimator_checkpoints": options.estimatorCheckpoints
        default: nil
        }
    }

    private func real(_ options: Options, _ key: String) -> Double? {
        switch key {
        case "cool_down": options.coolDown
        case "truncation": options.truncation
        case "teacher_learning_rate": options.teacherLearningRate
        case "teacher_share": options.teacherShare
        case "hyper_learning_rate": options.hyperLearningRate
        case "mutation_scale": options.mutationScale
        case "estimator_learning_rate": options.estimatorLearningRate
        case "estimator_tolerance": options.estimatorTolerance
        case "estimator_step": options.estimatorStep
        case "estimator_damping": options.estimatorDamping
        case "difference_step": options.differenceStep
        case "check_tolerance": options.checkTolerance
        default: nil
        }
    }

    private func word(_ options: Options, _ key: String) -> String? {
        switch key {
        case "algorithm": options.algorithm?.name
        case "hyper_optimizer": options.hyperOptimizer?.rawValue
        case "teacher": options.teacher?.rawValue
        case "teacher_squashing": options.teacherSquashing?.rawValue
        case "teacher_activation": options.teacherActivation?.rawValue
        case "direction": options.direction?.rawValue
        case "schedule": options.schedule?.rawValue
        case "estimator": options.estimator?.rawValue
        default: nil
        }
    }

    private func refuses(
        _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout Options) throws -> Void
    ) {
        var options = Options()
        options.seed = 12
        let before = options
        let error = #expect(throws: HPMError.self, sourceLocation: sourceLocation) { try change(&options) }
        #expect(error?.code == .argument, sourceLocation: sourceLocation)
        for part in parts {
            #expect(
                error?.message.contains(part) ?? false, "'\(part)' in: \(error?.message ?? "")",
                sourceLocation: sourceLocation)
        }
        #expect(options == before, sourceLocation: sourceLocation)
    }

    @Test func defaults() {
        let options = Options().resolved()
        #expect(options.population == 8 && options.seed == 0 && options.steps == 0)
        #expect(options.algorithm == .hpm && options.interval == 5 && options.burnIn == 0)
        #expect(options.truncation == 0.2 && options.trial == 0 && options.teacherUnits == 16)
        #expect(options.hyperOptimizer == .adam && options.hyperLearningRate == 0.06)
        #expect(options.teacher == .absent && options.mutationScale == 0.1)
        #expect(options.teacherLearningRate == 0.1 && options.teacherShare == 1)
        #expect(options.direction == .minimize && options.schedule == .synchronous)
    }

    /// A tenth of the steps, at least 1 and at most 5, halves rounded up.
    @Test func intervalKnowsSteps() {
        for (steps, interval) in [(0, 5), (1, 1), (14, 1), (15, 2), (24, 2), (25, 3), (35, 4), (45, 5), (.max, 5)] {
            #expect(Options.of(.pbt) { $0.steps = steps }.resolved().interval == interval, "\(steps) steps")
        }
        #expect(Options.of(.pbt) { ($0.steps, $0.interval) = (10, 4) }.resolved().interval == 4)
    }

    /// Which parts each algorithm has, by the tables of `docs/algorithms.md`.
    @Test func defaultsOfTheAlgorithms() throws {
        let space = try Spaces.box(2)
        for algorithm in Algorithm.all {
            let population = try Population(space: space, options: .of(algorithm))
            let options = population.options
            #expect((population.teacher != nil) == ["hpm-paper", "mutation-only"].contains(algorithm.name))
            #expect(
                (population.descent == nil && population.pooledDescent == nil)
                    == ["mutation-only", "pbt", "random", "bayesian", "pb2", "mf-pbt", "reinforced", "memetic"]
                    .contains(algorithm.name))
            #expect((population.pooledDescent != nil) == (algorithm == .hpm))
            if let descent = population.descent {
                #expect((descent.adam == nil) == (algorithm == .hpmPaper))
                #expect(descent.learningRate == (algorithm == .hpmPaper ? 0.1 : 0.06))
            }
            #expect(options.teacherEvaluations == (algorithm == .memetic ? 2 : 4))
            if algorithm == .hpm { #expect(population.pooledDescent?.learningRate == 0.06) }
            #expect(population.teacher?.units ?? 16 == 16)
            #expect(population.teacher?.learningRate ?? 0.1 == 0.1)
            #expect(options.mutationScale == ([.hpm, .reinforced].contains(algorithm) ? 0.1 : 0.2))
        }
    }

    @Test func integersBySetters() throws {
        for key in Self.integers + Self.optionalIntegers {
            var options = Options()
            try options.set(key, to: Int64(7))
            #expect(integer(options, key) == 7, "\(key)")
            try options.set(key, to: "13")
            #expect(integer(options, key) == 13, "\(key)")
            try options.set(key, to: Int64.max)
            #expect(integer(options, key) == .max, "\(key)")
            refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: 7.0) }
            for text in ["", " 7", "7.0", "seven", "0x7", "9223372036854775808", "1e3"] {
                refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: text) }
            }
            let lowest: Int64 = 
                [
                    "population", "interval", "teacher_units", "estimator_iterations", "sub_populations",
                    "frequency_ratio", "hypergradient_interval",
                ].contains(key) ? 1 : 0
            try options.set(key, to: lowest)
            #expect(integer(options, key) == Int(lowest))
            for value in [lowest - 1 - (Self.optionalIntegers.contains(key) ? Int64(1) + lowest : 0), .min] {
                refuses(["'\(key)'", "\(value)", "\(lowest) or more"]) { try $0.set(key, to: value) }
                refuses(["'\(key)'", "\(value)"]) { try $0.set(key, to: "\(value)") }
            }
        }
    }

    @Test func minusOneMeansTheDefault() throws {
        for key in Self.optionalIntegers {
            var options = Options()
            try options.set(key, to: Int64(3))
            try options.set(key, to: Int64(-1))
            #expect(integer(options, key) == nil)
            try options.set(key, to: "4")
            try options.set(key, to: "-1")
            #expect(integer(options, key) == nil)
        }
    }

    @Test func populationByAlgorithm() throws {
        for algorithm in Algorithm.all {
            let expected = algorithm == .memetic ? 4 : 8
            #expect(try Population(space: Spaces.box(2), options: .of(algorithm)).size == expected)
        }
        #expect(try Population(space: Spaces.box(2), options: .of(.memetic) { $0.population = 9 }).size == 9)
    }

    @Test func realsBySetters() throws {
        let limits = [
            "truncation": 0.5, "teacher_share": 1, "cool_down": 1, "mutation_scale": 1, "teacher_learning_rate": 1e6,
            "hyper_learning_rate": Double.greatestFiniteMagnitude,
            "estimator_learning_rate": Double.greatestFiniteMagnitude,
            "estimator_damping": Double.greatestFiniteMagnitude,
            "estimator_step": Double.greatestFiniteMagnitude,
            "difference_step": Double.greatestFiniteMagnitude,
            "estimator_tolerance": 1.0.nextDown, "check_tolerance": 1,
        ]
        let positive = ["estimator_learning_rate", "estimator_step"]
        for key in Self.reals + Self.optionalReals {
            let highest = try #require(limits[key])
            var options = Options()
            try options.set(key, to: 0.25)
            #expect(real(options, key) == 0.25)
            if positive.contains(key) {
                refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: Int64(0)) }
            } else {
                try options.set(key, to: Int64(0))
                #expect(real(options, key) == 0)
            }
            try options.set(key, to: "0.125")
            #expect(real(options, key) == 0.125)
            try options.set(key, to: "25e-2")
            #expect(real(options, key) == 0.25)
            try options.set(key, to: highest)
            #expect(real(options, key) == highest)
            for value in [-0.1, .nan, .infinity, -.infinity, -5e-300] {
                refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: value) }
                refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: "\(value)") }
            }
            if highest < 1e300 {
                refuses(["'\(key)'", "\(highest)"]) { try $0.set(key, to: highest.nextUp) }
            }
            refuses(["'\(key)'"]) { try $0.set(key, to: Int64.min) }
            for text in ["", "0.1 ", "a", "1e999"] {
                refuses(["'\(key)'", "allowed"]) { try $0.set(key, to: text) }
            }
        }
    }

    @Test func wordsBySetters() throws {
        for (key, values) in Self.words {
            for value in values {
                var options = Options()
                try options.set(key, to: value)
                #expect(word(options, key) == value)
            }
            for value in ["", "Adam", values[0] + " ", values[0].uppercased(), "nobody"] {
                refuses(["'\(key)'", "'\(value)'"] + values) { try $0.set(key, to: value) }
            }
            refuses(["'\(key)'"] + values) { try $0.set(key, to: Int64(0)) }
            refuses(["'\(key)'"] + values) { try $0.set(key, to: 0.5) }
        }
    }

    @Test func unknownKeysListTheKnown() {
        for key in ["", "Population", "population ", "learning_rate"] {
            refuses(["'\(key)'"] + Self.all) { try $0.set(key, to: Int64(1)) }
            refuses(["'\(key)'"] + Self.all) { try $0.set(key, to: 1.0) }
            refuses(["'\(key)'"] + Self.all) { try $0.set(key, to: "1") }
        }
        #expect(Set(OptionKey.all.map(\.name)) == Set(Self.all))
    }

    @Test func validateNamesTheOption() throws {
        try Options().validate()
        let changes: [(String, (inout Options) -> Void)] = [
            ("population", { $0.population = 0 }), ("population", { $0.population = -1 }),
            ("seed", { $0.seed = -1 }), ("steps", { $0.steps = -1 }), ("interval", { $0.interval = 0 }),
            ("burn_in", { $0.burnIn = -1 }), ("hypergradient_interval", { $0.hypergradientInterval = 0 }),
            ("cool_down", { $0.coolDown = 1.5 }), ("truncation", { $0.truncation = 0.6 }),
            ("truncation", { $0.truncation = .nan }), ("trial", { $0.trial = -1 }),
            ("hyper_learning_rate", { $0.hyperLearningRate = -1 }),
            ("hyper_learning_rate", { $0.hyperLearningRate = .infinity }),
            ("teacher_units", { $0.teacherUnits = 0 }),
            ("teacher_learning_rate", { $0.teacherLearningRate = .nan }),
            ("teacher_evaluations", { $0.teacherEvaluations = -1 }),
            ("teacher_evaluations", { $0.teacherEvaluations = .min }),
            ("mutation_scale", { $0.mutationScale = 1.1 }), ("teacher_share", { $0.teacherShare = -0.1 }),
        ]
        for (key, change) in changes {
            var options = Options()
            change(&options)
            refuses(["'\(key)'"]) { _ in try options.validate() }
            let space = try Spaces.box(1)
            refuses(["'\(key)'"]) { _ in _ = try Population(space: space, options: options) }
            refuses(["'\(key)'"]) { _ in _ = try Teacher(dimension: 1, options: options) }
        }
    }

    @Test func algorithmsByName() {
        for name in Self.words["algorithm"] ?? [] { #expect(Algorithm.named(name)?.name == name) }
        #expect(Algorithm.all.count == 13)
        #expect(Algorithm.named("HPM") == nil && Algorithm.named("") == nil)
    }
}
