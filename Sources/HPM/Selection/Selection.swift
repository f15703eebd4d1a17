/// Who is replaced by whom.
protocol Selection: Sendable {
    /// Those of `judged`, students that have just trained, that are to be replaced; in student order.
    ///
    /// Students whose present weights were never judged, such as clones that have not trained yet, are neither
    /// ranked nor sources.
    func replacements(
        of judged: [Int], _ students: Students, interval: Int, _ random: inout RandomStream
    ) -> [Clone]

    /// Whether any of so many students can ever be replaced.
    func replaces(students: Int) -> Bool
}

/// Each student alone.
struct NoSelection: Selection {
    func replacements(
        of judged: [Int], _ students: Students, interval: Int, _ random: inout RandomStream
    ) -> [Clone] { [] }
    func replaces(students: Int) -> Bool { false }
}

/// Orders by loss.
enum Ranking {
    /// From best to worst; equal ones in their order.
    static func of(_ losses: [Double]) -> [Int] {
        losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    }
}
