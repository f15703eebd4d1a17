/// Truncation selection: the worst students become clones of the best.
///
/// Source: Jaderberg et al., 'Population Based Training of Neural Networks', 2017, section 4.1.1.
enum Selection {
    struct Replacement: Equatable, Sendable {
        let student: Int
        let source: Int
    }

    /// Students from best to worst; equal ones in their order.
    static func ranking(_ losses: [Double]) -> [Int] {
        losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    }

    /// How many students a share replaces: at least 1, none for a share of 0 or a single student.
    static func count(share: Double, students: Int) -> Int {
        // 0.29 x 100 is meant to be 29, not what its rounding leaves of it.
        share == 0 || students < 2 ? 0 : max(1, Int(share * Double(students) * (1 + 1e-12)))
    }

    /// - Parameters:
    ///   - losses: Lower is better; infinite for a student that can't be a source.
    ///   - strict: Only a student whose source has a lower loss is replaced.
    /// - Returns: In student order.
    /// - Complexity: O(students log students).
    static func truncation(
        _ losses: [Double], share: Double, strict: Bool, _ random: inout RandomStream
    ) -> [Replacement] {
        let ranking = ranking(losses)
        let count = count(share: share, students: losses.count)
        let sources = ranking.prefix(count).filter { losses[$0].isFinite }
        guard !sources.isEmpty else { return [] }
        // In student order, so that the draws do not depend on the ranks of the replaced.
        return ranking.suffix(count).sorted().compactMap { student in
            let source = sources[random.index(below: sources.count)]
            return strict && losses[source] >= losses[student]
                ? nil : Replacement(student: student, source: source)
        }
    }
}
