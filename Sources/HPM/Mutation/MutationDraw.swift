/// What a score-function teacher drew for a clone and has yet to learn from.
struct MutationDraw: Equatable, Sendable {
    /// The student that the clone descends from and is compared with.
    let source: Int
    /// The source's values, in natural units.
    let parent: [Double]
    /// Of each coordinate the standard normal number that was drawn, of a choice the label; NaN: not
    /// moved.
    let draws: [Double]
}
