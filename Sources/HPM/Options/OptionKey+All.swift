extension OptionKey {
    /// All options, in the order in which their defaults are decided.
    public static let all: [OptionKey] = [
        .word(
            "algorithm", \.algorithm, \.algorithm, Algorithm.all, \.name, usual: "`hpm`",
            "what tunes: docs/algorithms.md") { _ in .hpm },
        .integer(
            "population", \.population, \.population, 1...Int.max, automatic: true, usual: "8",
            values: "-1, or 1 or more", "students; `memetic` has 4; -1: the algorithm's default"
        ) { $0.algorithm.population },
        .integer(
            "seed", \.seed, \.seed, 0...Int.max, usual: "0", values: "0 or more", "of everything random"
        ) { _ in 0 },
        .integer(
            "steps", \.steps, \.steps, 0...Int.max, usual: "0", values: "0 or more",
            "training reports of each student, after which `next` answers STOP; 0: until stopped"
        ) { _ in 0 },
        .word(
            "schedule", \.schedule, \.schedule, Schedule.allCases, \.rawValue, usual: "`synchronous`",
            "whether students wait for one another between rounds; `asynchronous`: nobody waits, each report is applied when it arrives"
        ) { _ in .synchronous },
        .integer(
            "interval", \.interval, \.interval, 1...Int.max, automatic: true, usual: "-1",
            values: "-1, or 1 or more",
            "training reports between exploits; -1: a tenth of `steps`, from 1 to 5; 5 where `steps` is 0"
        ) { options in
            // Measured: benchmarks/training/design/interval.md.
            options.steps == 0 ? 5 : min(max((options.steps / 5 + 1) / 2, 1), 5)
        },
        .integer(
            "burn_in", \.burnIn, \.burnIn, 0...Int.max, usual: "0", values: "0 or more",
            "training reports before the first exploit, which comes at the next multiple of `interval`"
        ) { _ in 0 },
        .integer(
            "hypergradient_interval", \.hypergradientInterval, \.hypergradientInterval, 1...Int.max,
            usual: "1", values: "1 or more",
            "a student's training reports between those for which ``hpm_student_wants_hypergradient`` says yes, the first one counted"
        ) { _ in 1 },
        .real(
            "cool_down", \.coolDown, \.coolDown, 0...1, usual: "0.3", values: "0 to 1",
            "share of `steps`, at the end, over which what a student trains with of parameters with the role `HPM_ROLE_LEARNING_RATE` falls to 0, linearly; 0: never. Not where hyperparameters are judged as they are: `memetic`, and runs of several trials"
        ) { _ in 0.3 },
        .real(
            "truncation", \.truncation, \.truncation, 0...0.5, usual: "0.2", values: "0 to 0.5",
            "share of the students that an exploit replaces: max(1, floor(truncation x population)), and all whose loss is not finite; 0: no exploit. `mf-pbt` replaces quarters of a sub-population and reads 0 alone"
        ) { _ in 0.2 },
        .integer(
            "sub_populations", \.subPopulations, \.subPopulations, 1...Int.max, automatic: true,
            usual: "-1", values: "-1, or 1 to population / 2",
            "of `mf-pbt`; -1: 4, fewer where each would have fewer than 4 students"
        ) { SubPopulations.defaultCount(students: $0.population) },
        .integer(
            "frequency_ratio", \.frequencyRatio, \.frequencyRatio, 1...Int.max, usual: "2",
            values: "1 or more",
            "of `mf-pbt`: sub-population i (from 0) evolves every interval x ratio^i reports"
        ) { _ in 2 },
        .integer(
            "trial", \.trial, \.trial, 0...Int.max, usual: "0", values: "0 or more",
            "training reports of one trial of `random` and `bayesian`; 0: the whole run") { _ in 0 },
        .word(
            "hyper_optimizer", \.hyperOptimizer, \.hyperOptimizer, OptimizerKind.allCases, \.rawValue,
            usual: "`adam`",
            "of hyper-training; the default of `hpm-paper` is `sgd`; with `sgd` the students of `hpm` are not pooled"
        ) { $0.algorithm.optimizer },
        .real(
            "hyper_learning_rate", \.hyperLearningRate, \.hyperLearningRate,
            0...Double.greatestFiniteMagnitude, usual: "0.06", values: "0 or more",
            "step of hyper-training in latent units (`hpm-paper`: in natural units); by default 0.06 times the square root of `hypergradient_interval`, with `sgd` 0.1"
        ) { $0.hyperOptimizer == .adam ? 0.06 * Double($0.hypergradientInterval).squareRoot() : 0.1 },
        .word(
            "teacher", \.teacher, \.teacher, TeacherKind.allCases, \.rawValue, usual: "`none`",
            "what mutates the guided parameters of a clone; `attention` for `hpm-paper`, `mutation-only` and ``hpm_teacher_create``. `linear` takes dimension^2 weights"
        ) { $0.algorithm.teacher },
        .integer(
            "teacher_units", \.teacherUnits, \.teacherUnits, 1...Int.max, usual: "16",
            values: "1 or more", "width of `attention` and `perceptron`") { _ in 16 },
        .word(
            "teacher_squashing", \.teacherSquashing, \.teacherSquashing, Squashing.allCases, \.rawValue,
            usual: "`tanh`",
            "of a teacher's changes: tanh(z), 1 / (1 + exp(-z)) - 1/2, min(max(z, -1), 1), z"
        ) { _ in .tanh },
        .word(
            "teacher_activation", \.teacherActivation, \.teacherActivation, TeacherActivation.allCases,
            \.rawValue, usual: "`softmax`",
            "of the units of `attention` and `perceptron`; `tanh` for `perceptron`"
        ) { $0.teacher.defaultActivation },
        .real(
            "teacher_learning_rate", \.teacherLearningRate, \.teacherLearningRate, 0...1e6,
            usual: "0.1", values: "0 to 1e6", "factor of its gradients; also of those of `reinforced`"
        ) { _ in 0.1 },
        .integer(
            "teacher_evaluations", \.teacherEvaluations, \.teacherEvaluations, 0...Int.max,
            automatic: true, usual: "-1", values: "-1 or more",
            "evaluations that train it at each exploit, one of each of the worst students, so at most `population`; -1: half of it; 0: none, it learns from the next ordinary report of each student that it mutated, costs nothing and lets nobody wait. With the asynchronous schedule each clone asks for its share of them, and no more are ever queued"
        ) { max(1, $0.population / 2) },
        .real(
            "mutation_scale", \.mutationScale, \.mutationScale, 0...1, usual: "0.2", values: "0 to 1",
            "mutation of what no teacher moves: factors of 1 - scale and 1 + scale; for `hpm` 0.1, of a Gaussian in latent units (without hypergradients factors of 1 ± 2 scale, at most 1 ± 0.5); for `reinforced` 0.1, of that Gaussian at first; `pb2` has no scale; 0: none"
        ) { $0.algorithm.mutationScale },
        .real(
            "teacher_share", \.teacherShare, \.teacherShare, 0...1, usual: "1", values: "0 to 1",
            "upper bound of the teacher's share of the budget") { _ in 1 },
        .word(
            "direction", \.direction, \.direction, Direction.allCases, \.rawValue, usual: "`minimize`",
            "what is done with the reported loss") { _ in .minimize },
        .word(
            "estimator", \.estimator, \.estimator, EstimatorKind.allCases, \.rawValue,
            usual: "`conjugate-gradient`", "of hypergradients: docs/hypergradients.md"
        ) { _ in .conjugateGradient },
        .integer(
            "estimator_iterations", \.estimatorIterations, \.estimatorIterations, 1...Int.max,
            usual: "20", values: "1 or more",
            "iterations of `conjugate-gradient`, terms of `neumann`, rank of `nystrom`, steps of `reverse` and `forward`, samples of `spsa`"
        ) { _ in 20 },
        .real(
            "estimator_learning_rate", \.estimatorLearningRate, \.estimatorLearningRate, positive,
            usual: "0.1", values: "above 0", "of `one-step` and `neumann`") { _ in 0.1 },
        .real(
            "estimator_tolerance", \.estimatorTolerance, \.estimatorTolerance, 0...1.0.nextDown,
            usual: "1e-6", values: "0 to 1", "relative residual at which a linear solve has converged"
        ) { _ in 1e-6 },
        .real(
            "estimator_damping", \.estimatorDamping, \.estimatorDamping,
            0...Double.greatestFiniteMagnitude, usual: "0", values: "0 or more",
            "added to the Hessian; above 0 for `nystrom`, where it is 1e-3 by default"
        ) { $0.estimator == .nystrom ? 1e-3 : 0 },
        .integer(
            "estimator_checkpoints", \.estimatorCheckpoints, \.estimatorCheckpoints, 0...Int.max,
            usual: "0", values: "0 or more", "states that `reverse` keeps in memory; 0: all") { _ in 0 },
        .real(
            "estimator_step", \.estimatorStep, \.estimatorStep, positive, usual: "1e-4",
            values: "above 0", "of `finite-differences` and `spsa`, in units of the hyperparameters"
        ) { _ in 1e-4 },
        .real(
            "difference_step", \.differenceStep, \.differenceStep, 0...Double.greatestFiniteMagnitude,
            usual: "0", values: "0 or more",
            "relative step of differences that stand in for missing products; 0: 6e-6, for float host vectors 5e-3"
        ) { _ in 0 },
        .real(
            "check_tolerance", \.checkTolerance, \.checkTolerance, 0...1, usual: "0", values: "0 to 1",
            "relative difference from which on a callback is wrong; 0: 1e-4, for float host vectors 1e-2"
        ) { _ in 0 },
    ]

    private static let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude

    /// By the population itself, and by the problems that its students may have.
    static let alwaysRead: Set<String> = [
        "algorithm", "population", "seed", "steps", "schedule", "cool_down", "direction", "estimator",
        "estimator_iterations", "estimator_learning_rate", "estimator_tolerance", "estimator_damping",
        "estimator_checkpoints", "estimator_step", "difference_step", "check_tolerance",
    ]
}
