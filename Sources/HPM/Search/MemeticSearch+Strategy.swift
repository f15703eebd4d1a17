extension MemeticSearch: Strategy {
    /// The loss is a function of the hyperparameters.
    var coolsDown: Bool { false }

    /// Every student starts with the fixed values of student 0: they search one function.
    init(_ setup: Setup, _ students: inout Students) {
        self.init(space: setup.space, students: setup.students, seed: setup.seed)
        shareFixedValues(&students, from: 1)
    }

    private func shareFixedValues(_ students: inout Students, from joined: Int) {
        let first = students.point(0)
        for student in joined..<max(students.count, joined) {
            var point = students.point(student)
            for span in students.spans where span.update == .fixed {
                for index in span.indices {
                    point.natural[index] = first.natural[index]
                    point.latent[index] = first.latent[index]
                }
            }
            students.start(student, at: point)
        }
    }

    /// A search follows derivatives everywhere, so all that it is to move must be real.
    ///
    /// - Throws: `argument`, naming a parameter that it can't take.
    static func requireSearchable(_ space: SearchSpace) throws(HPMError) {
        for parameter in space.parameters where !parameter.kind.isReal && parameter.update != .fixed {
            throw HPMError(
                .argument,
                "'\(parameter.name)' is of kind \(parameter.kind); allowed with algorithm memetic: real parameters and blocks, others only where their update is fixed")
        }
    }

    /// - Throws: `argument` where a finite loss lacks its hypergradient; also where a component is NaN that was in
    ///   every earlier report while another one is finite: it has no derivative, and every step would be rejected.
    func check(
        _ student: Int, loss: Double, _ hypergradient: UnsafeBufferPointer<Double>?, _ students: Students
    ) throws(HPMError) {
        guard loss.isFinite, let some = students.spans.firstIndex(where: \.isDescended) else { return }
        guard let hypergradient else {
            throw HPMError(
                .argument,
                "the hypergradient of student \(student) is absent, so '\(students.space.parameters[some].name)' has no derivative; algorithm memetic needs one with each finite loss")
        }
        // One bad number may not end a run, so it is not judged by the first reports; by earlier rounds alone, so
        // that the order of this one's reports does not matter.
        let reports = students.reports[student]
        guard reports >= LocalSearch.patience else { return }
        let lacking = students.spans.firstIndex { span in
            span.isDescended
                && span.indices.contains { hypergradient[$0].isNaN && !hasDerivative[$0] }
        }
        let isFiniteElsewhere = students.spans.contains { span in
            span.isDescended && span.indices.contains { hypergradient[$0].isFinite }
        }
        guard let lacking, isFiniteElsewhere else { return }
        throw HPMError(
            .argument,
            "the hypergradient of student \(student) is NaN for '\(students.space.parameters[lacking].name)', which had a derivative in none of \(reports) rounds; algorithm memetic needs one with each finite loss: allowed are a number, NaN for all parameters, and the update fixed or mutate")
    }

    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        for student in cohort { advance(student, &students) }
        if best == nil { bestRejected = students.bestReport(or: bestRejected) }
    }

    private mutating func advance(_ student: Int, _ students: inout Students) {
        let report = students.point(student)
        let target = advance(
            student, from: report, loss: students.loss(student), gradient: students.gradient(student))
        if let point = repeated(student) {
            students.place(student, point, .hyperStep("search"))
            return
        }
        let spans = students.spans
        students.move(student, .hyperStep("search")) { places in
            for span in spans where span.update != .fixed {
                for index in span.indices where target[index] != report.latent[index] {
                    places.set(student, latent: target[index], at: index, of: span)
                }
            }
        }
    }

    mutating func plan(_ cohort: [Int], _ students: inout Students) -> [Decision] { [] }

    func best(_ students: Students) -> KnownReport? {
        if let best { return KnownReport(hyperparameters: best.point.natural, loss: best.value) }
        return students.bestReport(or: bestRejected)
    }

    mutating func grow(_ students: inout Students) {
        shareFixedValues(&students, from: searches.count)
        searches += Array(repeating: LocalSearch(box: box), count: students.count - searches.count)
    }

    func actions(students: Int) -> Set<Action> { [] }
}
