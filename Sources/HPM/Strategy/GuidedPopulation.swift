/// A population that is guided: a selection says who is replaced by whom, and parts do the rest, hyper-training
/// and mutation, in the order of the algorithm's row.
struct GuidedPopulation: Strategy {
    let interval: Int
    let burnIn: Int
    let seed: UInt64
    let isSynchronous: Bool
    let selection: any Selection
    var parts: [any Part]

    static let options = ["interval", "burn_in"]

    var coolsDown: Bool { true }
    var allowsOtherBounds: Bool { parts.allSatisfy(\.allowsOtherBounds) }

    init(_ setup: Setup, selection: any Selection, parts: [any Part]) {
        interval = setup.options.interval
        burnIn = setup.options.burnIn
        seed = setup.seed
        isSynchronous = setup.isSynchronous
        self.selection = selection
        self.parts = parts
    }

    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        for index in parts.indices { parts[index].trained(cohort, &students) }
    }

    mutating func plan(_ cohort: [Int], _ students: inout Students) -> [Decision] {
        let (interval, burnIn) = (interval, burnIn)
        func isJudged(_ student: Int) -> Bool {
            let reports = students.reports[student]
            return reports > 0 && reports >= burnIn && reports.isMultiple(of: interval)
        }
        guard cohort.contains(where: isJudged) else { return [] }
        let judged = cohort.filter(isJudged)
        for index in parts.indices { parts[index].judged(judged, &students) }
        guard let first = judged.first else { return [] }
        // Where all are judged at once one stream serves all of them; where each is alone, its own.
        var random = RandomStream(
            seed: seed, purpose: .exploit, student: isSynchronous ? 0 : first,
            event: students.reports[first])
        return selection.replacements(of: judged, students, interval: interval, &random)
            .map { .clone($0) }
    }

    mutating func becameClone(_ clone: Clone, _ students: Students) {
        for index in parts.indices {
            parts[index].becameClone(clone.student, of: clone.source, students)
        }
    }

    mutating func cloned(
        _ clones: [Clone], _ students: inout Students, affordable: (Int) -> Int
    ) -> [Evaluation] {
        guard clones.contains(where: \.isMutated) else { return [] }
        return parts.flatMap { $0.evaluations(students, affordable: affordable) }
    }

    mutating func evaluated(_ answers: [Answer], _ students: inout Students) {
        for index in parts.indices { parts[index].evaluated(answers, &students) }
    }

    mutating func mutate(_ clones: [Clone], _ students: inout Students) {
        let mutated = clones.compactMap { clone in
            clone.isMutated ? PlacedClone(clone: clone, parent: students.point(clone.student)) : nil
        }
        if mutated.isEmpty { return }
        for index in parts.indices { parts[index].mutate(mutated, &students) }
    }

    mutating func grow(_ students: inout Students) {
        for index in parts.indices { parts[index].grow(students) }
    }

    func actions(students: Int) -> Set<Action> {
        guard selection.replaces(students: students) else { return [] }
        return parts.contains { $0.asksForEvaluations } ? [.clone, .evaluate] : [.clone]
    }

    func encode(into encoder: inout SnapshotEncoder) {
        for part in parts { part.encode(into: &encoder) }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        for index in parts.indices { try parts[index].decode(&decoder, students) }
    }
}
