import HPM

extension RunStore {
    /// A training report of a run.
    public struct Report {
        public let student: Int
        /// Which of the student's training reports it was, from 1.
        public let number: Int
        public let loss: Double
        /// In natural units, as the student trained with them.
        public let hyperparameters: [Double]
    }

    /// Calls `body` with each training report, in the order in which they came. The run is made again from its inputs,
    /// so it has the hyperparameters of wide spaces, too.
    ///
    /// - Parameter body: Returns whether to go on.
    /// - Throws: `storage` where the file is damaged.
    /// - Complexity: That of the calls of the run, without the training.
    public func forEachReport(_ body: (Report) -> Bool) throws(HPMError) {
        try requireOpen()
        let first = try database.prepare("SELECT bytes FROM snapshots WHERE input = 0")
        guard try first.step() else { throw damaged("its first snapshot is missing") }
        do throws(HPMError) {
            var population = try Population(snapshot: first.blob(0))
            var hyperparameters = [Double](repeating: 0, count: population.dimension)
            var isWanted = true
            let inputs = try database.prepare("SELECT number, bytes FROM inputs ORDER BY number")
            var bytes: [UInt8] = []
            var count = 0
            func flush() throws(HPMError) {
                try population.replay(bytes) { population, input in
                    guard isWanted, case .report(let student, _, let loss, _) = input,
                        population.openAction(of: student) == .train
                    else { return }
                    hyperparameters.withUnsafeMutableBufferPointer {
                        _ = population.assignment(student, into: $0)
                    }
                    isWanted = body(
                        Report(
                            student: student, number: population.reports(of: student) + 1, loss: loss,
                            hyperparameters: hyperparameters))
                }
                bytes.removeAll(keepingCapacity: true)
            }
            while isWanted, try inputs.step() {
                count += 1
                guard inputs.integer(0) == count else { throw damaged("input number \(count) is missing") }
                bytes += inputs.blob(1)
                if bytes.count > 1 << 20 { try flush() }
            }
            try flush()
        } catch where error.code == .snapshot || error.code == .order || error.code == .argument {
            throw damaged(error.message)
        }
    }

    private func damaged(_ what: String) -> HPMError {
        HPMError(.storage, "'\(path)' is damaged: \(what); `libhpm doctor` says what can be saved")
    }

    /// The schedule that trained the weights that a student holds now.
    ///
    /// - Parameter population: The run's, as it is now.
    /// - Throws: `noResult` where no training report went into them; `storage`.
    /// - Complexity: That of ``forEachReport(_:)``.
    public func schedule(of student: Int, in population: Population) throws(HPMError) -> HyperparameterSchedule {
        let ancestors = population.lineage.ancestors(of: student, reports: population.reports(of: student))
        guard !ancestors.isEmpty else {
            throw HPMError(.noResult, "no training report has gone into the weights of student \(student) yet")
        }
        var places: [Lineage.Ancestor: Int] = [:]
        for (place, ancestor) in ancestors.enumerated() { places[ancestor] = place }
        var steps = [HyperparameterSchedule.Step?](repeating: nil, count: ancestors.count)
        var missing = ancestors.count
        try forEachReport { report in
            let ancestor = Lineage.Ancestor(student: report.student, report: report.number)
            if let place = places[ancestor] {
                if steps[place] == nil { missing -= 1 }
                steps[place] = HyperparameterSchedule.Step(
                    ancestor: ancestor, loss: report.loss, hyperparameters: report.hyperparameters)
            }
            return missing > 0
        }
        guard missing == 0 else { throw damaged("of \(ancestors.count) reports of the lineage \(missing) are missing") }
        return HyperparameterSchedule(space: population.space, steps: steps.compactMap { $0 })
    }
}
