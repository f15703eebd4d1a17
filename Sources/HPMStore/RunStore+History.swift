import HPM

/// What became of inputs, for those who look at a run.
extension RunStore {
    func insert(_ change: Change, input: Int, at time: Double) throws(HPMError) {
        for event in change.events {
            if event.kind == .trained {
                try insert(report: event, change.hyperparameters[event.student], input: input, at: time)
            } else {
                try insert(event: event, input: input, at: time)
            }
        }
        for (position, parameter) in (change.space?.parameters ?? []).enumerated() {
            let update = try database.prepare("UPDATE parameters SET low = ?, high = ? WHERE position = ?")
            update.bind(1, parameter.low)
            update.bind(2, parameter.high)
            update.bind(3, position)
            try update.run()
        }
        for place in change.retired { try insertRetired(place.student, report: place.report, input: input, at: time) }
        for clone in change.clones {
            insertClone.bind(1, input)
            insertClone.bind(2, time)
            insertClone.bind(3, clone.student)
            insertClone.bind(4, clone.report)
            insertClone.bind(5, clone.source)
            insertClone.bind(6, clone.sourceReport)
            try insertClone.run()
        }
    }

    private func insert(
        report event: Event, _ hyperparameters: [Double]?, input: Int, at time: Double
    ) throws(HPMError) {
        insertReport.bind(1, input)
        insertReport.bind(2, time)
        insertReport.bind(3, event.student)
        insertReport.bind(4, event.report)
        insertReport.bind(5, event.loss)
        insertReport.bind(6, event.trainingCost)
        insertReport.bind(7, event.hypergradientCost)
        if let hyperparameters, !isWide {
            insertReport.bind(8, text: JSONArray.of(hyperparameters))
        } else {
            insertReport.bindNull(8)
        }
        try insertReport.run()
    }

    private func insert(event: Event, input: Int, at time: Double) throws(HPMError) {
        insertEvent.bind(1, input)
        insertEvent.bind(2, time)
        insertEvent.bind(3, event.kind.name)
        insertEvent.bind(4, event.student)
        insertEvent.bind(5, event.report)
        insertEvent.bind(6, event.source)
        insertEvent.bind(7, event.parent)
        for position in Int32(8)...13 { insertEvent.bindNull(position) }
        if event.kind == .cloned {
            insertEvent.bind(8, event.rank)
            insertEvent.bind(9, event.sourceRank)
        }
        if event.kind == .evaluated {
            insertEvent.bind(10, event.loss)
            insertEvent.bind(11, event.trainingCost)
            insertEvent.bind(12, event.hypergradientCost)
        }
        if let part = event.part { insertEvent.bind(13, "\(part)") }
        insertEvent.bind(14, event.changes.count)
        if event.changes.isEmpty {
            for position in Int32(15)...17 { insertEvent.bindNull(position) }
        } else {
            let kept = keptChanges(event.changes)
            insertEvent.bind(15, text: JSONArray.of(kept.lazy.map(\.index)))
            insertEvent.bind(16, text: JSONArray.of(kept.lazy.map(\.from)))
            insertEvent.bind(17, text: JSONArray.of(kept.lazy.map(\.to)))
        }
        try insertEvent.run()
    }

    private func insertRetired(_ student: Int, report: Int, input: Int, at time: Double) throws(HPMError) {
        insertEvent.bind(1, input)
        insertEvent.bind(2, time)
        insertEvent.bind(3, "retired")
        for position in [Int32(4), 6, 7] { insertEvent.bind(position, student) }
        insertEvent.bind(5, report)
        for position in Int32(8)...17 { insertEvent.bindNull(position) }
        insertEvent.bind(14, 0)
        try insertEvent.run()
    }

    /// All changes; in wide spaces those of the values that moved farthest on their scales.
    private func keptChanges(_ changes: [Event.Change]) -> [Event.Change] {
        guard isWide, changes.count > Self.changesKept else { return changes }
        let distances = space.latentDistances(changes)
        return changes.indices.sorted { (-distances[$0], $0) < (-distances[$1], $1) }
            .prefix(Self.changesKept).sorted().map { changes[$0] }
    }

    /// Stores a number of the user's own.
    ///
    /// - Parameter report: The student's training report that it belongs to.
    /// - Throws: `storage`.
    public func logMetric(student: Int, report: Int, name: String, value: Double) throws(HPMError) {
        try requireOpen()
        insertMetric.bind(1, Machine.time)
        insertMetric.bind(2, student)
        insertMetric.bind(3, report)
        insertMetric.bind(4, name)
        insertMetric.bind(5, value)
        do throws(HPMError) {
            try insertMetric.run()
        } catch {
            database.rollBack()
            throw error
        }
    }
}
