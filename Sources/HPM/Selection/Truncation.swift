/// Truncation selection: the worst students become clones of the best, and so do all whose loss is not finite.
///
/// Source: Jaderberg et al., 'Population Based Training of Neural Networks', 2017, section 4.1.1.
struct Truncation: Selection {
    let share: Double
    /// Only a student whose source has a lower loss is replaced.
    let isStrict: Bool

    static let options = ["truncation"]

    init(_ setup: Setup, isStrict: Bool = false) {
        share = setup.options.truncation
        self.isStrict = isStrict
    }

    /// How many students a share replaces: at least 1, none for a share of 0 or a single student.
    static func count(share: Double, students: Int) -> Int {
        // 0.29 x 100 is meant to be 29, not what its rounding leaves of it.
        share == 0 || students < 2 ? 0 : max(1, Int(share * Double(students) * (1 + 1e-12)))
    }

    func replaces(students: Int) -> Bool { Self.count(share: share, students: students) > 0 }

    /// - Complexity: O(students log students).
    func replacements(
        of judged: [Int], _ students: Students, interval: Int, _ random: inout RandomStream
    ) -> [Clone] {
        let ranking = students.ranking
        let count = min(
            Self.count(share: share, students: students.living.count), ranking.count / 2)
        let sources = ranking.prefix(count).filter { students.isFinite($0) }
        guard !sources.isEmpty else { return [] }
        // In student order, so that the draws do not depend on the ranks of the replaced.
        let replaced = ranking.enumerated().filter { rank, student in
            rank >= ranking.count - count || !students.isFinite(student)
        }
        return replaced.sorted { $0.element < $1.element }.compactMap { rank, student in
            guard judged.contains(student) else { return nil }
            let source = sources[random.index(below: sources.count)]
            if isStrict && students.loss(source) >= students.loss(student) { return nil }
            return Clone(
                student: student, source: source, parent: source, rank: rank,
                sourceRank: ranking.firstIndex(of: source) ?? 0)
        }
    }
}
