/// An algorithm: which strategy a population has, from which parts, with which defaults. The named ones are the
/// entries of one table, ``all``; each stands in a file of its own.
public struct Algorithm: Equatable, Sendable {
    public let name: String
    /// The defaults that differ between algorithms.
    var population = 8
    var optimizer = OptimizerKind.adam
    var teacher = TeacherKind.absent
    var mutationScale = 0.2
    var coordinates = Coordinates.latent
    /// Bytes of each student and dimension.
    var bytesOfCoordinate = 128
    /// Whether it can do nothing without a hypergradient in every report.
    var needsHypergradients = false
    /// What it takes beside the students.
    var memory: @Sendable (Setup) -> [Memory.Block] = { _ in [] }
    /// - Throws: `argument` for a space or options that it can't do with.
    var check: @Sendable (Setup) throws(HPMError) -> Void = { _ throws(HPMError) in }
    /// The options that it reads, beside those of every population.
    let options: @Sendable (ResolvedOptions) -> [String]
    let makeStrategy: @Sendable (Setup, inout Students) -> any Strategy

    public static func == (left: Algorithm, right: Algorithm) -> Bool { left.name == right.name }

    /// The algorithm of a name, or nil.
    public static func named(_ name: String) -> Algorithm? {
        all.first { $0.name == name }
    }

    public static let all = [
        hpm, hpmPaper, hpmNoTeacher, cloneStep, mutationOnly, pbt, hypergradient, random, bayesian, pb2,
        mfPBT, reinforced, memetic,
    ]

    /// A guided population.
    ///
    /// - Parameters:
    ///   - reads: The options of its selection and parts, beside a teacher's.
    ///   - selection: Truncation by default.
    ///   - mutation: What moves clones, and what guided coordinates are left for it.
    static func guided(
        _ name: String, optimizer: OptimizerKind = .adam, teacher: TeacherKind = .absent,
        mutationScale: Double = 0.2, coordinates: Coordinates = .latent, reads: [String],
        memory: @escaping @Sendable (Setup) -> [Memory.Block] = { _ in [] },
        check: @escaping @Sendable (Setup) throws(HPMError) -> Void = { _ throws(HPMError) in },
        selection: @escaping @Sendable (Setup) -> any Selection = { Truncation($0) },
        parts: @escaping @Sendable (_ setup: Setup, _ hasTeacher: Bool) -> [any Part]
    ) -> Algorithm {
        Algorithm(
            name: name, optimizer: optimizer, teacher: teacher, mutationScale: mutationScale,
            coordinates: coordinates,
            memory: { TeacherPart.memory($0) + memory($0) }, check: check,
            options: { GuidedPopulation.options + TeacherPart.options($0) + reads },
            makeStrategy: { setup, _ in
                let teachers = TeacherPart.teachers(setup)
                return GuidedPopulation(
                    setup, selection: selection(setup), parts: teachers + parts(setup, !teachers.isEmpty))
            })
    }
}
