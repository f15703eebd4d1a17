import HPM

/// The user's callbacks with their context, checked and copied.
struct Trainer {
    private let callbacks: hpm_trainer
    private let context: UnsafeMutableRawPointer?

    /// - Parameter pointer: A `hpm_trainer` whose first member says how much of it there is.
    init(_ pointer: UnsafeRawPointer, context: UnsafeMutableRawPointer?) throws(HPMError) {
        var callbacks = hpm_trainer(size: 0, train: nil, evaluate: nil, clone: nil, restart: nil)
        try copyStruct(pointer, to: &callbacks, "trainer")
        self.callbacks = callbacks
        self.context = context
    }

    func requireCallbacks(for population: Population) throws(HPMError) {
        let actions = population.possibleActions
        for (action, name, isMissing) in [
            (Action.train, "train", callbacks.train == nil),
            (.evaluate, "evaluate", callbacks.evaluate == nil),
            (.clone, "clone", callbacks.clone == nil),
            (.restart, "restart", callbacks.restart == nil),
        ] where isMissing && actions.contains(action) {
            throw HPMError(
                .argument,
                "trainer has no \(name) callback; algorithm '\(population.options.algorithm.name)' needs it with these options")
        }
    }

    /// What a callback reported.
    struct Report {
        var loss = Double.nan
        var hypergradient: [Double]?
    }

    /// Calls the callback of a task, with no lock held.
    ///
    /// - Throws: `callback` where it returns non-zero.
    func perform(_ task: Assignment, student: Int) throws(HPMError) -> Report {
        var report = Report()
        let (name, result): (String, Int32) =
            switch task.action {
            case .train: ("train", train(callbacks.train, task, student, &report))
            case .evaluate: ("evaluate", train(callbacks.evaluate, task, student, &report))
            case .clone: ("clone", callbacks.clone?(context, UInt(task.source), UInt(student)) ?? 0)
            case .restart: ("restart", callbacks.restart?(context, UInt(student)) ?? 0)
            case .wait, .stop: ("", 0)
            }
        if result != 0 {
            ThreadState.current.callbackStatus = result
            throw HPMError(
                .callback, "trainer->\(name) returned \(result) for student \(student); 0 lets the run go on")
        }
        return report
    }

    private func train(
        _ callback: hpm_train_callback?, _ task: Assignment, _ student: Int, _ report: inout Report
    ) -> Int32 {
        let n = task.hyperparameters.count
        var hypergradient = [Double](repeating: .nan, count: n)
        var hasHypergradient: Int32 = 0
        let result = task.hyperparameters.withUnsafeBufferPointer { hyperparameters in
            hypergradient.withUnsafeMutableBufferPointer { hypergradient in
                callback?(
                    context, UInt(student), hyperparameters.baseAddress, UInt(n), &report.loss,
                    hypergradient.baseAddress, &hasHypergradient) ?? 0
            }
        }
        if hasHypergradient != 0 { report.hypergradient = hypergradient }
        return result
    }
}

extension HandleObject<DrivenPopulation> {
    /// Drives the population to its end, or to a requested stop.
    ///
    /// - Returns: Whether it was stopped.
    func run(_ trainer: Trainer) throws(HPMError) -> Bool {
        try state.withLock { (driven) throws(HPMError) in
            try driven.requireIdle("hpm_population_run")
            try trainer.requireCallbacks(for: driven.population)
            driven.isRunning = true
        }
        defer { state.withLock { $0.isRunning = false } }
        while true {
            var isDone = true
            for student in 0..<state.withLock({ $0.population.size }) {
                let task = state.withLock { $0.population.next(student) }
                if task.action == .stop { continue }
                isDone = false
                if task.action == .wait { continue }
                let start = MonotonicClock.seconds()
                var report = try trainer.perform(task, student: student)
                try addHypergradient(to: &report, task, student, since: start)
                try state.withLock { (driven) throws(HPMError) in
                    try driven.population.report(
                        student, loss: report.loss, hypergradient: report.hypergradient)
                }
            }
            if isDone { return state.withLock { !$0.population.isFinished } }
        }
    }

    /// Computes the hypergradient of a student that has a problem and whose callback gave none.
    private func addHypergradient(
        to report: inout Trainer.Report, _ task: Assignment, _ student: Int, since start: Double
    ) throws(HPMError) {
        let trained = MonotonicClock.seconds()
        let (problem, options, rounds) = state.withLock {
            ($0.problems[student], $0.population.options, $0.population.trainingRounds)
        }
        guard let problem, report.hypergradient == nil,
            task.action == .train || task.action == .evaluate
        else { return }
        let found = try problem.problem.hypergradient(
            options, w: problem.w, at: task.hyperparameters,
            seed: Self.seed(options, task, student, rounds))
        report.hypergradient = found.hypergradient
        try state.withLock { (driven) throws(HPMError) in
            driven.certificates[student] = found.certificate
            if !driven.population.hasReportedCost(student) {
                try driven.population.reportCost(
                    student, training: trained - start, hypergradient: found.certificate.seconds)
            }
        }
    }

    /// A seed of its own for each estimate: a round of training and the evaluations before it have the
    /// same number of rounds behind them, and evaluations differ in where they are made.
    private static func seed(
        _ options: Options, _ task: Assignment, _ student: Int, _ rounds: Int
    ) -> UInt64 {
        let seed = RandomSeed.derived(from: UInt64(options.seed), student: student, event: rounds)
        guard task.action == .evaluate else { return seed }
        return task.hyperparameters.reduce(seed) { seed, number in
            RandomSeed.derived(
                from: seed ^ number.bitPattern, student: student, event: Int(task.action.rawValue))
        }
    }
}
