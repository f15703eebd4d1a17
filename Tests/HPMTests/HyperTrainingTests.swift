import Testing
@testable import HPM

/// Hyper-training of students that are each alone.
@Suite struct HyperTrainingTests {
    private func students(_ space: SearchSpace, _ count: Int) -> Students {
        Students(space: space, (0..<count).map { space.start(of: $0, seed: 4) })
    }

    /// Of an algorithm that has it: pooled `hpm`, in natural coordinates `hpm-paper`, else `hypergradient`.
    private func training(
        _ space: SearchSpace, _ optimizer: OptimizerKind = .adam, pooled: Bool = false, rate: Double,
        _ coordinates: Coordinates = .latent, students: Int
    ) -> any Part {
        let setup = Setup(
            space: space,
            options: Options.of(pooled ? .hpm : coordinates == .natural ? .hpmPaper : .hypergradient) {
                $0.population = students
                $0.hyperOptimizer = optimizer
                $0.hyperLearningRate = rate
            }.resolved())
        #expect(setup.coordinates == coordinates)
        return pooled ? PooledDescent(setup) : Descent(setup)
    }

    /// u = clip(u - eta d), d the gradient itself or Adam's direction; natural values alike.
    @Test(arguments: [OptimizerKind.sgd, .adam], [Coordinates.latent, .natural])
    func ownSteps(optimizer: OptimizerKind, coordinates: Coordinates) throws {
        let space = try Spaces.mixed()
        let rate = 0.07
        var training = training(space, optimizer, rate: rate, coordinates, students: 3)
        var students = students(space, 3)
        var expected = students.views.map { coordinates == .latent ? $0.point.latent : $0.point.natural }
        var adam = Array(repeating: TextbookAdam(), count: 30)
        var random = TestRandom(6)
        let reals = [0, 1, 2, 3, 4, 5, 9]
        let untouched = students.views.map { Array($0.point.natural[6..<9]) }
        for round in 0..<40 {
            var gradients = Array(repeating: Double.nan, count: 30)
            for student in 0..<3 {
                for index in reals where !random.chance(0.2) {
                    gradients[10 * student + index] = random.normal()
                }
            }
            students.gradients = gradients
            training.trained([0, 1, 2], &students)
            for student in 0..<3 {
                for parameter in space.parameters where parameter.kind.isReal {
                    for index in parameter.offset..<parameter.offset + parameter.count {
                        let gradient = gradients[10 * student + index]
                        if !gradient.isNaN {
                            let direction =
                                optimizer == .sgd
                                ? gradient : adam[10 * student + index].direction(gradient)
                            let moved = expected[student][index] - rate * direction
                            expected[student][index] =
                                coordinates == .latent
                                ? min(max(moved, 0), 1) : min(max(moved, parameter.low), parameter.high)
                        }
                        let point = students.point(student)
                        let value = coordinates == .latent ? point.latent[index] : point.natural[index]
                        #expect(
                            (value - expected[student][index]).magnitude < 1e-11,
                            "round \(round), student \(student), \(parameter.name)")
                        let map = SecondMap(parameter)
                        #expect((map.latent(point.natural[index]) - point.latent[index]).magnitude < 1e-12)
                    }
                }
            }
        }
        for student in 0..<3 {
            #expect(Array(students.point(student).natural[6..<9]) == untouched[student])
        }
    }

    @Test func whatMayNotBeDescendedStays() throws {
        var space = try Spaces.mixed()
        try space.setUpdate(.mutate, of: "slope")
        try space.setUpdate(.fixed, of: "weight")
        try space.setUpdate(.hypergradient, of: "rate")
        try space.setUpdate(.both, of: "share")
        for pooled in [false, true] {
            var training = training(space, pooled: pooled, rate: 0.05, students: 2)
            let start = try space.point(natural: [1, 0.1, 0.5, 1, 1, 1, 2, 3, 1, 2.5])
            var students = Students(space: space, [start, start])
            students.gradients = Array(repeating: 1, count: 20)
            training.trained([0, 1], &students)
            for student in students.views {
                let values = student.point.natural
                #expect(values[0] == 1 && Array(values[3..<6]) == [1, 1, 1])
                #expect(Array(values[6..<9]) == [2, 3, 1])
                #expect(values[1] < 0.1 && values[2] < 0.5 && values[9] < 2.5)
            }
        }
    }

    @Test func endlessStepsClipAtTheBounds() throws {
        let space = try Spaces.mixed()
        for rate in [1e3, Double.greatestFiniteMagnitude] {
            for optimizer in OptimizerKind.allCases {
                for coordinates in [Coordinates.latent, .natural] {
                    for sign in [1.0, -1] {
                        var training = training(space, optimizer, rate: rate, coordinates, students: 1)
                        var students = students(space, 1)
                        students.gradients = Array(repeating: sign * Gradient.largest, count: 10)
                        training.trained([0], &students)
                        for parameter in space.parameters where parameter.kind.isReal {
                            #expect(
                                students.point(0).natural[parameter.offset]
                                    == (sign > 0 ? parameter.low : parameter.high))
                        }
                    }
                }
            }
        }
    }
}
