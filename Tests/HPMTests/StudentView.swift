@testable import HPM

/// A student of a population as a value, for tests that look at all of them.
struct StudentView: Equatable {
    let point: Point
    let loss: Double?
    /// The hyperparameters of its latest training report.
    let reported: [Double]
    /// In the algorithm's coordinates; NaN: not guided.
    let gradient: [Double]
}

extension Students {
    func view(_ student: Int) -> StudentView {
        StudentView(
            point: point(student), loss: losses[student], reported: reportedHyperparameters(student),
            gradient: Array(gradient(student)))
    }

    var views: [StudentView] { (0..<count).map { view($0) } }

    /// Students alone, for tests of one part: each at a point, with its last hypergradient.
    init(space: SearchSpace, _ points: [Point]) {
        self.init(space: space)
        for point in points { append(point) }
    }
}
