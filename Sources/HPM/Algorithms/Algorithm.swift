/// An algorithm: hyper-training, selection, mutation and search, each a part or nothing. The named ones
/// are the entries of one table, ``all``.
public struct Algorithm: Equatable, Sendable {
    /// How reported hypergradients move a student.
    enum HyperTraining: Sendable {
        case none
        /// Each student descends its own.
        case own
        /// Pooled over the population: ``PooledDirection``.
        case pooled
    }

    enum Selection: Sendable {
        case none
        /// `strict`: a student is replaced only by one whose loss is lower.
        case truncation(strict: Bool)
        /// ``SubPopulations``.
        case subPopulations
    }

    /// How the parameters of a clone move that no teacher moves.
    enum Perturbation: Sendable {
        /// u + scale N(0, 1), reflected into [0, 1].
        case gaussian
        /// The natural value times 1 - scale or 1 + scale; drawn anew with a probability.
        case factors(resampling: Double)
        /// ``ScoreFunctionTeacher``, choices included.
        case scoreFunction
        /// Chosen by a ``PopulationBandit``; drawn anew before it has a history.
        case bandit
    }

    /// Whether students begin anew every `trial` reports, and with which values.
    enum Trials: Sendable {
        case none
        /// Drawn.
        case drawn
        /// Proposed by ``BayesianTrials``.
        case bayesian
    }

    /// How the guided parameters of a clone move where that differs from the others.
    enum GuidedMutation: Sendable {
        case asOthers
        case hypergradientStep
    }

    /// How all students are moved where old values stay true.
    enum Search: Sendable {
        case none
        /// Local searches that restart from what the population knows: ``MemeticSearch``.
        case memetic
    }

    public let name: String
    var coordinates = Coordinates.latent
    var hyperTraining = HyperTraining.own
    var selection = Selection.truncation(strict: false)
    var guidedMutation = GuidedMutation.asOthers
    var perturbation = Perturbation.factors(resampling: 0)
    var choiceProbability = 0.25
    var trials = Trials.none
    var optimizer = OptimizerKind.adam
    var adamLearningRate = 0.06
    var sgdLearningRate = 0.1
    var teacher = TeacherKind.absent
    var search = Search.none
    var population = 8

    func learningRate(_ optimizer: OptimizerKind) -> Double {
        optimizer == .adam ? adamLearningRate : sgdLearningRate
    }

    var defaultMutationScale: Double {
        switch perturbation {
        case .gaussian, .scoreFunction: 0.1
        case .factors, .bandit: 0.2
        }
    }

    /// The most points that a Gaussian process of the algorithm keeps.
    var surrogateCapacity: Int {
        if case .bandit = perturbation { return PopulationBandit.capacity + PopulationBandit.choices }
        return trials == .bayesian ? BayesianTrials.capacity + BayesianTrials.proposals : 0
    }

    public static func == (left: Algorithm, right: Algorithm) -> Bool { left.name == right.name }

    /// The algorithm of a name, or nil.
    public static func named(_ name: String) -> Algorithm? {
        all.first { $0.name == name }
    }

    /// Hypergradients pooled over the population, truncation selection, a Gaussian mutation: the
    /// default.
    public static let hpm = Algorithm(
        name: "hpm", hyperTraining: .pooled, selection: .truncation(strict: true),
        perturbation: .gaussian, choiceProbability: 0.1)
    /// As published: natural coordinates, a teacher trained on the worse half of the population.
    public static let hpmPaper = Algorithm(
        name: "hpm-paper", coordinates: .natural, optimizer: .sgd, teacher: .attention)
    /// Random factors in place of the teacher.
    public static let hpmNoTeacher = Algorithm(name: "hpm-no-teacher")
    /// One more hypergradient step of the clone in place of the teacher.
    public static let cloneStep = Algorithm(name: "clone-step", guidedMutation: .hypergradientStep)
    /// The teacher alone.
    public static let mutationOnly = Algorithm(
        name: "mutation-only", hyperTraining: .none, teacher: .attention)
    /// Population-based training (Jaderberg et al. 2017).
    public static let pbt = Algorithm(
        name: "pbt", hyperTraining: .none, perturbation: .factors(resampling: 0.25))
    /// Sub-populations that evolve at different frequencies (Doulazmi et al. 2025).
    public static let mfPBT = Algorithm(
        name: "mf-pbt", hyperTraining: .none, selection: .subPopulations)
    /// Mutations drawn from policies that a score function trains (after Chen et al. 2018).
    public static let reinforced = Algorithm(
        name: "reinforced", hyperTraining: .none, perturbation: .scoreFunction)
    /// Each student alone descends its hypergradient.
    public static let hypergradient = Algorithm(name: "hypergradient", selection: .none)
    /// Values drawn anew for each trial.
    public static let random = Algorithm(
        name: "random", hyperTraining: .none, selection: .none, trials: .drawn)
    /// Values proposed for each trial by a Gaussian process with expected improvement.
    public static let bayesian = Algorithm(
        name: "bayesian", hyperTraining: .none, selection: .none, trials: .bayesian)
    /// Population-based bandits (Parker-Holder et al. 2020).
    public static let pb2 = Algorithm(name: "pb2", hyperTraining: .none, perturbation: .bandit)

    /// Local searches with a common memory, for losses that are functions of the hyperparameters.
    public static let memetic = Algorithm(
        name: "memetic", hyperTraining: .none, selection: .none, search: .memetic, population: 4)

    public static let all = [
        hpm, hpmPaper, hpmNoTeacher, cloneStep, mutationOnly, pbt, hypergradient, random, bayesian, pb2,
        mfPBT, reinforced, memetic,
    ]
}
