/// A part of a guided population: hyper-training, a teacher, a mutation. It owns its state, what a clone takes
/// over of it and its lines of a snapshot.
protocol Part: Sendable {
    /// Students have reported on training.
    mutating func trained(_ cohort: [Int], _ students: inout Students)
    /// Students are judged: an exploit is about to replace some of them.
    mutating func judged(_ cohort: [Int], _ students: inout Students)
    mutating func becameClone(_ student: Int, of source: Int, _ students: Students)
    /// Moves clones, all of the same exploit, in student order.
    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students)
    /// What it wants to be told before it mutates.
    func evaluations(_ students: Students, affordable: (Int) -> Int) -> [Evaluation]
    mutating func evaluated(_ answers: [Answer], _ students: inout Students)
    mutating func grow(_ students: Students)

    var asksForEvaluations: Bool { get }
    /// As ``Strategy/allowsOtherBounds``.
    var allowsOtherBounds: Bool { get }
    func encode(into encoder: inout SnapshotEncoder)
    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError)
}

/// A clone and where it is before anybody mutates it.
struct PlacedClone: Sendable {
    let clone: Clone
    let parent: Point

    var student: Int { clone.student }
}

extension Part {
    mutating func trained(_ cohort: [Int], _ students: inout Students) {}
    mutating func judged(_ cohort: [Int], _ students: inout Students) {}
    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {}
    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {}
    func evaluations(_ students: Students, affordable: (Int) -> Int) -> [Evaluation] { [] }
    mutating func evaluated(_ answers: [Answer], _ students: inout Students) {}
    mutating func grow(_ students: Students) {}
    var asksForEvaluations: Bool { false }
    var allowsOtherBounds: Bool { true }
    func encode(into encoder: inout SnapshotEncoder) {}
    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {}
}
