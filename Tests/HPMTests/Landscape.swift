@testable import HPM

/// A made-up trainer whose answer depends on nothing but its seed, the round, the student and the
/// hyperparameters, so that a run is repeated by whoever asks in whatever order.
struct Landscape: Sendable {
    var seed = 0
    var lossNoise = 0.3
    var gradientNoise = 0.3
    var nonfiniteLoss = 0.0
    var withoutGradient = 0.0
    var missingComponent = 0.0
    var infiniteComponent = 0.0
    /// 1; -1 turns the landscape over.
    var sign = 1.0

    struct Response {
        var loss: Double
        var hypergradient: [Double]?
    }

    /// A quadratic bowl in units of the bounds, with noise on the loss and on each component.
    func respond(
        _ space: SearchSpace, _ values: [Double], round: Int, student: Int
    ) -> Response {
        var random = TestRandom(seed, round, student)
        var loss = lossNoise * random.normal()
        var gradient: [Double] = []
        for parameter in space.parameters {
            for index in parameter.indices {
                let extent = parameter.high - parameter.low
                let place = (values[index] - parameter.low) / extent
                let optimum = 0.2 + 0.6 * Double(index % 7) / 6
                loss += (place - optimum) * (place - optimum)
                var component =
                    (2 * (place - optimum) + gradientNoise * random.normal()) / extent * sign
                if random.chance(missingComponent) { component = .nan }
                if random.chance(infiniteComponent) { component = random.chance(0.5) ? .infinity : -.infinity }
                gradient.append(component)
            }
        }
        loss *= sign
        if random.chance(nonfiniteLoss) {
            loss = [Double.nan, .infinity, -.infinity][random.index(3)]
        }
        return Response(loss: loss, hypergradient: random.chance(withoutGradient) ? nil : gradient)
    }

    /// The landscape as an algorithm takes it: a search needs a hypergradient with each finite loss.
    func fitting(_ algorithm: Algorithm) -> Landscape {
        var landscape = self
        if algorithm == .memetic {
            landscape.withoutGradient = 0
        }
        return landscape
    }

    /// All that can go wrong in a report, often.
    static func rough(seed: Int) -> Landscape {
        Landscape(
            seed: seed, nonfiniteLoss: 0.08, withoutGradient: 0.1, missingComponent: 0.1,
            infiniteComponent: 0.03)
    }
}
