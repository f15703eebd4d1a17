/// The options of a population as they are given; nil: the default.
///
///     var options = Options()
///     options.population = 20
///     options.algorithm = .named("pbt")!
///     try options.set("interval", to: "10")
///
/// Properties can be set to anything; ``validate()``, which ``Population`` calls, checks them. What each means,
/// its default and its values: ``OptionKey/all``.
public struct Options: Equatable, Sendable {
    public var population: Int?
    public var seed: Int?
    public var steps: Int?
    public var algorithm: Algorithm?
    public var interval: Int?
    public var burnIn: Int?
    public var hypergradientInterval: Int?
    public var coolDown: Double?
    public var truncation: Double?
    public var subPopulations: Int?
    public var frequencyRatio: Int?
    public var trial: Int?
    public var hyperOptimizer: OptimizerKind?
    public var hyperLearningRate: Double?
    public var teacher: TeacherKind?
    public var teacherUnits: Int?
    public var teacherSquashing: Squashing?
    public var teacherActivation: TeacherActivation?
    public var teacherLearningRate: Double?
    public var teacherEvaluations: Int?
    public var mutationScale: Double?
    public var teacherShare: Double?
    public var direction: Direction?
    public var schedule: Schedule?
    public var estimator: EstimatorKind?
    public var estimatorIterations: Int?
    public var estimatorLearningRate: Double?
    public var estimatorTolerance: Double?
    public var estimatorDamping: Double?
    public var estimatorCheckpoints: Int?
    public var estimatorStep: Double?
    public var differenceStep: Double?
    public var checkTolerance: Double?

    public init() {}
}

/// The options of a population with every default decided: a run that is saved goes on with them also where a
/// later version has others.
public struct ResolvedOptions: Equatable, Sendable {
    public internal(set) var algorithm = Algorithm.hpm
    public internal(set) var population = 0
    public internal(set) var seed = 0
    public internal(set) var steps = 0
    public internal(set) var interval = 0
    public internal(set) var burnIn = 0
    public internal(set) var hypergradientInterval = 1
    public internal(set) var coolDown = 0.0
    public internal(set) var truncation = 0.0
    public internal(set) var subPopulations = 0
    public internal(set) var frequencyRatio = 0
    public internal(set) var trial = 0
    public internal(set) var hyperOptimizer = OptimizerKind.adam
    public internal(set) var hyperLearningRate = 0.0
    public internal(set) var teacher = TeacherKind.absent
    public internal(set) var teacherUnits = 0
    public internal(set) var teacherSquashing = Squashing.tanh
    public internal(set) var teacherActivation = TeacherActivation.softmax
    public internal(set) var teacherLearningRate = 0.0
    public internal(set) var teacherEvaluations = 0
    public internal(set) var mutationScale = 0.0
    public internal(set) var teacherShare = 0.0
    public internal(set) var direction = Direction.minimize
    public internal(set) var schedule = Schedule.synchronous
    public internal(set) var estimator = EstimatorKind.conjugateGradient
    public internal(set) var estimatorIterations = 0
    public internal(set) var estimatorLearningRate = 0.0
    public internal(set) var estimatorTolerance = 0.0
    public internal(set) var estimatorDamping = 0.0
    public internal(set) var estimatorCheckpoints = 0
    public internal(set) var estimatorStep = 0.0
    /// 0: by the precision of the vectors; likewise the next one.
    public internal(set) var differenceStep = 0.0
    public internal(set) var checkTolerance = 0.0
}

/// What is done with the reported loss.
public enum Direction: String, CaseIterable, Sendable {
    case minimize, maximize
}

/// When students may go on.
public enum Schedule: String, CaseIterable, Sendable {
    /// Students wait for one another between rounds.
    case synchronous
    /// Nobody waits: each report is applied when it arrives.
    case asynchronous
}

/// The optimizers of hyper-training.
public enum OptimizerKind: String, CaseIterable, Sendable {
    case adam, sgd
}

extension ResolvedOptions {
    /// For one estimate among many.
    public func seeded(_ seed: Int) -> ResolvedOptions {
        var options = self
        options.seed = seed
        return options
    }

    /// Whether there is a teacher: one was asked for, and the algorithm takes any.
    var hasTeacher: Bool { teacher != .absent && algorithm.options(self).contains("teacher") }

    /// nil: by the precision of the vectors.
    public var givenDifferenceStep: Double? { differenceStep > 0 ? differenceStep : nil }
    public var givenCheckTolerance: Double? { checkTolerance > 0 ? checkTolerance : nil }
}
