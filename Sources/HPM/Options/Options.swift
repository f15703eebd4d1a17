/// The options of a population, each with a default; nil: the algorithm's own.
///
///     var options = Options()
///     options.population = 20
///     options.algorithm = .named("pbt")!
///     try options.set("interval", to: "10")
///
/// Properties can be set to anything; ``validate()``, which ``Population`` calls, checks them.
public struct Options: Equatable, Sendable {
    public var population: Int?
    public var seed = 0
    public var steps = 0
    public var algorithm = Algorithm.hpm
    public var interval = 5
    public var burnIn = 0
    public var truncation = 0.2
    public var subPopulations: Int?
    public var frequencyRatio = 2
    public var trial = 0
    public var hyperOptimizer: OptimizerKind?
    public var hyperLearningRate: Double?
    public var teacher: TeacherKind?
    public var teacherUnits = 16
    public var teacherSquashing = Squashing.tanh
    public var teacherActivation: TeacherActivation?
    public var teacherLearningRate = 0.1
    public var teacherEvaluations: Int?
    public var mutationScale: Double?
    public var teacherShare = 1.0
    public var direction = Direction.minimize
    public var schedule = Schedule.synchronous
    public var estimator = EstimatorKind.conjugateGradient
    public var estimatorIterations = 20
    public var estimatorLearningRate = 0.1
    public var estimatorTolerance = 1e-6
    public var estimatorDamping: Double?
    public var estimatorCheckpoints = 0
    public var estimatorStep = 1e-4
    public var differenceStep: Double?
    public var checkTolerance: Double?

    public init() {}

    /// How many students there are, by the option or by the algorithm.
    public var students: Int { population ?? algorithm.population }

    /// The teacher that is made: none where nothing is ever cloned.
    var teacherKind: TeacherKind {
        if case .none = algorithm.selection { return .absent }
        return teacher ?? algorithm.teacher
    }

    /// What the algorithm decides, decided: a run that is saved goes on with it also where a later
    /// version has other defaults.
    func resolved() -> Options {
        var options = self
        options.population = students
        let optimizer = hyperOptimizer ?? algorithm.optimizer
        options.hyperOptimizer = optimizer
        options.hyperLearningRate = hyperLearningRate ?? algorithm.learningRate(optimizer)
        let teacher = teacher ?? algorithm.teacher
        options.teacher = teacher
        options.teacherActivation = teacherActivation ?? teacher.defaultActivation
        options.teacherEvaluations = teacherEvaluations ?? max(1, students / 2)
        if case .subPopulations = algorithm.selection {
            options.subPopulations =
                subPopulations ?? SubPopulations.defaultCount(students: students)
        }
        options.mutationScale = mutationScale ?? algorithm.defaultMutationScale
        return options
    }

    /// What is done with the reported loss.
    public enum Direction: String, CaseIterable, Sendable {
        case minimize, maximize
    }

    /// When students may go on.
    public enum Schedule: String, CaseIterable, Sendable {
        case synchronous
    }
}

/// The optimizers of hyper-training.
public enum OptimizerKind: String, CaseIterable, Sendable {
    case adam, sgd
}
