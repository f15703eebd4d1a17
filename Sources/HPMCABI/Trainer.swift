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
                "trainer lacks the callback '\(name)', which algorithm '\(population.options.algorithm.name)' calls with these options")
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
            case .evaluate: ("evaluate", train(callbacks.evaluate, task, task.source, &report))
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
        guard state.withLock({ $0.population.isSynchronous }) else { return try runInTurn(trainer) }
        while true {
            var isDone = true
            var student = 0
            while student < state.withLock({ $0.population.size }) {
                if try serve(student, trainer) != .stop { isDone = false }
                student += 1
            }
            if isDone { return state.withLock { !$0.population.isFinished } }
        }
    }

    /// Where nobody waits a clone is made at once, while its source is as it was.
    private func runInTurn(_ trainer: Trainer) throws(HPMError) -> Bool {
        // Somebody is asked also where all are done, which a callback that may not call is told by.
        var turn: Int? = state.withLock { $0.population.studentInTurn } ?? 0
        while let student = turn {
            _ = try serve(student, trainer)
            turn = state.withLock { $0.population.studentInTurn }
        }
        return state.withLock { !$0.population.isFinished }
    }

    /// Asks for a student's task and has it done.
    private func serve(_ student: Int, _ trainer: Trainer) throws(HPMError) -> Action {
        let task = try next(student)
        if task.action == .stop || task.action == .wait { return task.action }
        let start = MonotonicClock.seconds()
        var report = try trainer.perform(task, student: student)
        try addHypergradient(to: &report, task, student, since: start)
        let result = (report.hypergradient ?? []).withUnsafeBufferPointer { buffer in
            Result { () throws(HPMError) in
                try change(
                    nil,
                    { (population) throws(HPMError) in
                        .one(
                            try population.reportInput(
                                student, loss: report.loss, report.hypergradient == nil ? nil : buffer))
                    }, { _ in })
            }
        }
        try requireSeen(try result.get())
        return task.action
    }

    private func next(_ student: Int) throws(HPMError) -> Assignment {
        var hyperparameters = Array(repeating: 0.0, count: state.withLock { $0.population.dimension })
        var (action, source, ticket) = (Action.wait, student, 0)
        try requireSeen(
            try change(
                nil,
                { population in
                    population.beginning(of: student).map { .one(.begin(student: student, $0)) } ?? .none
                },
                { population in
                    hyperparameters.withUnsafeMutableBufferPointer {
                        (action, source, ticket) = population.assignment(student, into: $0)
                    }
                }))
        return Assignment(
            action: action, source: source, hyperparameters: hyperparameters, ticket: ticket)
    }

    /// - Throws: `callback` where an observer has returned non-zero.
    private func requireSeen(_ status: hpm_status) throws(HPMError) {
        if status == HPM_OBSERVER {
            throw HPMError(.callback, "an observer returned \(ThreadState.current.callbackStatus); 0 lets the run go on")
        }
    }

    /// Computes the hypergradient of a student that has a problem and whose callback gave none.
    private func addHypergradient(
        to report: inout Trainer.Report, _ task: Assignment, _ student: Int, since start: Double
    ) throws(HPMError) {
        let trained = MonotonicClock.seconds()
        // An evaluation is made on a copy of its source.
        let owner = task.action == .evaluate ? task.source : student
        let (problem, options, reports, isWanted) = state.withLock {
            (
                $0.problems[owner], $0.population.options, $0.population.reports(of: student),
                $0.population.wantsHypergradient(student)
            )
        }
        guard let problem, isWanted, report.hypergradient == nil,
            task.action == .train || task.action == .evaluate
        else { return }
        let found = try problem.problem.hypergradient(
            options, w: problem.w, at: task.hyperparameters,
            seed: Self.seed(options, task, student, reports))
        report.hypergradient = found.hypergradient
        let hasCost = state.withLock { driven in
            driven.certificates[student] = found.certificate
            return driven.population.hasReportedCost(student)
        }
        if hasCost { return }
        try requireSeen(
            try change(
                nil,
                { _ in
                    .one(
                        .cost(
                            student: student, training: trained - start,
                            hypergradient: found.certificate.seconds))
                }, { _ in }))
    }

    /// A seed of its own for each estimate: a training report and the evaluations before it have the
    /// same number of reports behind them, and evaluations differ in where they are made.
    private static func seed(
        _ options: ResolvedOptions, _ task: Assignment, _ student: Int, _ reports: Int
    ) -> UInt64 {
        let seed = RandomSeed.derived(from: UInt64(options.seed), student: student, event: reports)
        guard task.action == .evaluate else { return seed }
        return task.hyperparameters.reduce(seed) { seed, number in
            RandomSeed.derived(
                from: seed ^ number.bitPattern, student: student, event: Int(task.action.rawValue))
        }
    }
}
