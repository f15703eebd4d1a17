extension Population {
    /// Somebody who is told of events.
    struct Observer: Sendable {
        let kinds: Event.Kinds
        let body: @Sendable (Event) -> Void
    }

    /// Calls `observer` for each event of some kinds from now on, after the change and before the call that caused it
    /// returns. Copies of the population have the same observers.
    public mutating func observe(
        _ kinds: Event.Kinds = .all, _ observer: @escaping @Sendable (Event) -> Void
    ) {
        observers.append(Observer(kinds: kinds, body: observer))
        students.journal.kinds.formUnion(kinds)
    }

    /// The kinds of events that are kept until ``takeEvents()``: for those who deliver events themselves. Where
    /// nobody asks nothing is computed.
    public var keptEvents: Event.Kinds {
        get { students.journal.kinds }
        set { students.journal.kinds = newValue }
    }

    /// The events since the last call, of the kinds of ``keptEvents``.
    public mutating func takeEvents() -> [Event] { students.journal.take() }

    mutating func deliver() {
        for event in takeEvents() {
            for observer in observers where observer.kinds.contains(event.kind) { observer.body(event) }
        }
    }

    mutating func noteReport(_ student: Int, _ kind: Event.Kind, _ loss: Double) {
        guard students.journal.kinds.contains(kind) else { return }
        var event = Event(kind, student: student, report: students.reports[student])
        event.source = tasks[student].source
        event.loss = loss
        event.trainingCost = tasks[student].trainingCost
        event.hypergradientCost = tasks[student].hypergradientCost
        students.journal.append(event)
    }

    mutating func noteCloned(_ clone: Clone) {
        guard students.journal.kinds.contains(.cloned) else { return }
        var event = Event(.cloned, student: clone.student, report: students.reports[clone.student])
        (event.source, event.parent) = (clone.source, clone.parent)
        (event.rank, event.sourceRank) = (clone.rank, clone.sourceRank)
        students.journal.append(event)
    }

    mutating func noteRestarted(_ student: Int) {
        students.journal.append(Event(.restarted, student: student, report: students.reports[student]))
    }

    /// - Parameter cohort: Those that have made all their reports; empty: the population was asked to stop.
    mutating func noteStopped(_ cohort: [Int]) {
        guard students.journal.kinds.contains(.stopped) else { return }
        for student in cohort.isEmpty ? students.living : cohort {
            students.journal.append(Event(.stopped, student: student, report: students.reports[student]))
        }
    }
}
