/// Hyper-training: the local search that moves each student's hyperparameters along its reported
/// hypergradient, with the optimizer's state of all students.
struct HyperTraining: Equatable, Sendable {
    let optimizer: OptimizerKind
    let learningRate: Double
    let coordinates: Coordinates
    /// Moments of all students, row-major: students x dimension; nil for SGD.
    var adam: Adam?
    /// nil: each student descends its own hypergradient.
    var pool: PooledDirection?

    init(
        optimizer: OptimizerKind, pooled: Bool, learningRate: Double, coordinates: Coordinates,
        students: Int, dimension: Int
    ) {
        self.optimizer = optimizer
        self.learningRate = learningRate
        self.coordinates = coordinates
        adam = optimizer == .adam ? Adam(count: students * dimension) : nil
        pool =
            optimizer == .adam && pooled
            ? PooledDirection(students: students, dimension: dimension) : nil
    }

    /// Moves all students by the gradients of a round.
    ///
    /// - Parameter gradients: students x dimension, in the algorithm's coordinates; NaN: not moved.
    /// - Complexity: O(students x dimension).
    mutating func step(_ students: inout [Student], gradients: [Double], in space: SearchSpace) {
        guard pool != nil, adam != nil else {
            for student in students.indices {
                stepAlone(&students[student].point, student, gradients: gradients, in: space)
            }
            return
        }
        var workspace = PooledDirection.Workspace(students: students.count)
        for parameter in space.parameters where parameter.isDescended {
            for index in parameter.indices {
                update(coordinate: index, gradients, students.count, &workspace)
                for student in workspace.guided {
                    move(
                        &students[student].point, against: workspace.own[student], at: index,
                        of: parameter)
                }
            }
        }
    }

    private mutating func update(
        coordinate: Int, _ gradients: [Double], _ students: Int,
        _ workspace: inout PooledDirection.Workspace
    ) {
        guard var moments = adam else { return }
        adam = nil
        pool?.update(
            coordinate: coordinate, gradients: gradients, students: students, adam: &moments,
            &workspace)
        adam = moments
    }

    /// Moves one student by its own gradient, whatever the others do.
    ///
    /// - Complexity: O(dimension).
    mutating func stepAlone(
        _ point: inout Point, _ student: Int, gradients: [Double], in space: SearchSpace
    ) {
        var corrections = BiasCorrections()
        for parameter in space.parameters where parameter.isDescended {
            for index in parameter.indices {
                let row = student * space.dimension + index
                let gradient = gradients[row]
                if gradient.isNaN { continue }
                let direction = adam?.direction(gradient, at: row, &corrections) ?? gradient
                move(&point, against: direction, at: index, of: parameter)
            }
        }
    }

    private func move(
        _ point: inout Point, against direction: Double, at index: Int, of parameter: Hyperparameter
    ) {
        point.move(
            to: point[coordinates, index] - learningRate * direction, in: coordinates, at: index,
            of: parameter)
    }

    /// A clone goes on with the moments of its source.
    mutating func copy(from source: Int, to student: Int, dimension: Int) {
        adam?.copy(from: source, to: student, dimension: dimension)
        pool?.copy(from: source, to: student, dimension: dimension)
    }
}
