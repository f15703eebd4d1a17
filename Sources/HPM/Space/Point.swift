/// A place in a search space, in both coordinates. Both are kept, so that a value that was given is
/// handed back to the bit and a move in latent coordinates loses nothing to the map.
struct Point: Equatable, Sendable {
    /// Natural units; whole for integers and choices.
    var natural: [Double]
    /// In [0, 1].
    var latent: [Double]

    mutating func setNatural(_ value: Double, at index: Int, of parameter: Hyperparameter) {
        natural[index] = value
        latent[index] = parameter.map.latent(value)
    }

    /// Integers and choices are rounded.
    mutating func setLatent(_ value: Double, at index: Int, of parameter: Hyperparameter) {
        (natural[index], latent[index]) = parameter.span.place(value)
    }
}

/// The coordinates in which an algorithm moves parameters.
enum Coordinates: Sendable {
    case latent
    case natural
}

extension Point {
    subscript(_ coordinates: Coordinates, index: Int) -> Double {
        coordinates == .latent ? latent[index] : natural[index]
    }

    /// Moves a value, clipped to its bounds.
    mutating func move(
        to value: Double, in coordinates: Coordinates, at index: Int, of parameter: Hyperparameter
    ) {
        switch coordinates {
        case .latent: setLatent(min(max(value, 0), 1), at: index, of: parameter)
        case .natural: setNatural(parameter.clamp(value), at: index, of: parameter)
        }
    }
}

extension SearchSpace {
    /// Where a student starts: student 0 at the initial values, the rest drawn uniformly in latent
    /// coordinates.
    func start(of student: Int, seed: UInt64) -> Point {
        var random = RandomStream(seed: seed, purpose: .start, student: student)
        var point = draw(&random)
        guard student == 0 else { return point }
        for parameter in parameters {
            guard let initial = parameter.initial else { continue }
            for index in parameter.indices {
                point.setNatural(initial, at: index, of: parameter)
            }
        }
        return point
    }

    func draw(_ random: inout RandomStream) -> Point {
        var point = Point(
            natural: Array(repeating: 0, count: dimension),
            latent: Array(repeating: 0, count: dimension))
        for parameter in parameters {
            for index in parameter.indices {
                point.setLatent(random.uniform(), at: index, of: parameter)
            }
        }
        return point
    }

    /// - Throws: `argument`, naming the parameter, for a value that its parameter can't have.
    func point(natural values: some Collection<Double>) throws(HPMError) -> Point {
        var point = Point(
            natural: Array(values), latent: Array(repeating: 0, count: dimension))
        for parameter in parameters {
            for index in parameter.indices {
                let value = point.natural[index]
                if let complaint = parameter.complaint(about: value) {
                    let place = parameter.count > 1 ? "[\(index - parameter.offset)]" : ""
                    throw HPMError(
                        .argument, "'\(parameter.name)'\(place) is \(value); \(complaint)")
                }
                point.setNatural(value, at: index, of: parameter)
            }
        }
        return point
    }
}
