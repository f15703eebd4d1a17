/// A teacher at work in a population: it moves the guided parameters of clones, and is trained at each exploit
/// by evaluations of the worst students, or, with `teacher_evaluations` = 0, by the next ordinary report of each
/// student that it mutated.
struct TeacherPart: Part {
    private(set) var teacher: Teacher
    let coordinates: Coordinates
    /// At each exploit; 0: it learns from ordinary reports.
    let evaluations: Int
    let share: Double
    private let truncation: Double
    private let isSynchronous: Bool
    /// Synchronous: students from best to worst at the present exploit.
    private var ranking: [Int] = []
    /// Of students that it mutated and that have not reported yet.
    private var lessons: [TaughtMutation?]

    init(_ setup: Setup, _ kind: TeacherKind) {
        let options = setup.options
        teacher = Teacher(kind, dimension: setup.dimension, options: options)
        coordinates = setup.coordinates
        evaluations = options.teacherEvaluations
        share = options.teacherShare
        truncation = options.truncation
        isSynchronous = setup.isSynchronous
        lessons = Array(repeating: nil, count: setup.students)
    }

    /// The one that the options ask for, or none.
    static func teachers(_ setup: Setup) -> [any Part] {
        let kind = setup.options.teacher
        return kind == .absent ? [] : [TeacherPart(setup, kind)]
    }

    static func memory(_ setup: Setup) -> [Memory.Block] {
        [
            Teacher.elements(
                setup.options.teacher, dimension: setup.dimension, units: setup.options.teacherUnits)
        ]
    }

    static func options(_ options: ResolvedOptions) -> [String] {
        let layers = options.teacher == .linear ? [] : ["teacher_units", "teacher_activation"]
        return options.teacher == .absent
            ? ["teacher"]
            : [
                "teacher", "teacher_squashing", "teacher_learning_rate", "teacher_evaluations",
                "teacher_share", "hypergradient_interval",
            ] + layers
    }

    var asksForEvaluations: Bool { evaluations > 0 && share > 0 }

    mutating func trained(_ cohort: [Int], _ students: inout Students) {
        guard evaluations == 0, cohort.contains(where: { lessons[$0] != nil }) else { return }
        teach(
            cohort.compactMap { student in
                lessons[student].map { ($0, Array(students.gradient(student)), student) }
            }, &students)
        for student in cohort { lessons[student] = nil }
    }

    mutating func judged(_ cohort: [Int], _ students: inout Students) {
        if isSynchronous { ranking = students.ranking }
    }

    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {
        lessons[student] = nil
    }

    /// The most for an exploit; under the asynchronous schedule, where each clone is an exploit of its own, the
    /// share of one clone.
    private func wanted(students: Int) -> Int {
        if isSynchronous || evaluations == 0 { return evaluations }
        let clones = max(Truncation.count(share: truncation, students: students), 1)
        // Rounded to the nearest; the sum of any number and half of the clones overflows.
        let (share, rest) = evaluations.quotientAndRemainder(dividingBy: clones)
        return max(1, rest >= clones - clones / 2 ? share + 1 : share)
    }

    /// One evaluation of each of the worst students, at the child that the teacher would give it.
    func evaluations(_ students: Students, affordable: (Int) -> Int) -> [Evaluation] {
        let living = students.living.count
        let count = affordable(min(wanted(students: living), living))
        // Where nobody waits, the exploit of a clone is over: others have been judged and replaced since.
        let ranking = isSynchronous ? ranking : students.ranking
        return ranking.suffix(count).sorted().compactMap { student in
            let targets = students.taughtTargets(of: student)
            if targets.isEmpty || students.isRetired[student] { return nil }
            let parent = students.point(student)
            var child = parent
            teacher.mutate(&child, at: targets, coordinates, in: students.space)
            return Evaluation(
                student: student, point: child,
                mutation: TaughtMutation(parent: parent, moved: students.marks(targets)))
        }
    }

    mutating func evaluated(_ answers: [Answer], _ students: inout Students) {
        teach(answers.map { ($0.evaluation.mutation, $0.gradient, $0.evaluation.student) }, &students)
    }

    /// Every lesson is drawn with the weights that made the children, so that their order is nothing.
    private mutating func teach(
        _ examples: [(mutation: TaughtMutation, gradient: [Double], student: Int)],
        _ students: inout Students
    ) {
        let maker = teacher
        for (mutation, gradient, student) in examples {
            let lesson = maker.lesson(
                from: mutation.parent, moved: mutation.moved, gradient: gradient, coordinates,
                in: students.space)
            guard let lesson else { continue }
            teacher.learn(lesson)
            students.noteTaught(student, by: "teacher")
        }
    }

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        for clone in clones {
            // From the parent's values, which the teacher also learns from.
            var child = clone.parent
            let targets = students.taughtTargets(of: clone.student)
            teacher.mutate(&child, at: targets, coordinates, in: students.space)
            var point = students.point(clone.student)
            for target in targets {
                point.natural[target.index] = child.natural[target.index]
                point.latent[target.index] = child.latent[target.index]
            }
            students.place(clone.student, point, .mutation("teacher"))
            if evaluations == 0 {
                lessons[clone.student] = TaughtMutation(
                    parent: clone.parent, moved: students.marks(targets))
            }
        }
        ranking = []
    }

    mutating func grow(_ students: Students) {
        lessons += Array(repeating: nil, count: students.count - lessons.count)
    }

    func encode(into encoder: inout SnapshotEncoder) {
        teacher.encode(into: &encoder)
        encoder.put(ranking) { $0.put(count: $1) }
        for lesson in lessons { encoder.put(lesson) { $1.encode(into: &$0) } }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        try teacher.decode(&decoder)
        ranking = try decoder.ranking(of: students.count)
        for student in lessons.indices {
            lessons[student] = try decoder.optional { (decoder) throws(HPMError) in
                try TaughtMutation(&decoder, in: students.space)
            }
        }
    }

    /// What a snapshot of version 1 holds of it.
    mutating func restore(ranking: [Int], lessons: [TaughtMutation?]) {
        self.ranking = ranking
        self.lessons = lessons
    }

    mutating func decodeWeights(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        try teacher.decode(&decoder)
    }
}

extension Students {
    /// Of each coordinate whether it is a target.
    func marks(_ targets: [MutationTarget]) -> [Bool] {
        var marks = Array(repeating: false, count: dimension)
        for target in targets { marks[target.index] = true }
        return marks
    }

    mutating func noteTaught(_ student: Int, by part: StaticString) {
        guard journal.kinds.contains(.taught) else { return }
        var event = Event(.taught, student: student, report: reports[student])
        event.part = part
        journal.append(event)
    }
}
