@testable import HPM

/// Search spaces of the tests.
enum Spaces {
    /// All kinds and scales: 10 values, of which the first 6 are real.
    static func mixed() throws -> SearchSpace {
        var space = SearchSpace()
        try space.addReal("slope", low: -3, high: 5)
        try space.addReal("rate", low: 1e-4, high: 2, scale: .log, initial: 0.01)
        try space.addReal("share", low: 0.02, high: 0.97, scale: .logit)
        try space.addBlock("weight", count: 3, low: 0.5, high: 2.5, initial: 1)
        try space.addInteger("shift", low: -4, high: 6)
        try space.addInteger("batch", low: 1, high: 128, scale: .log, initial: 16)
        try space.addChoice("kind", labels: ["a", "b", "c"])
        try space.addReal("width", low: 2, high: 3, initial: 2.25)
        return space
    }

    /// Reals alone, all linear on [low, high].
    static func box(_ dimension: Int, _ low: Double = 0, _ high: Double = 1) throws -> SearchSpace {
        var space = SearchSpace()
        try space.addBlock("x", count: dimension, low: low, high: high)
        return space
    }

    /// A space drawn at random: 1 to 7 parameters of any kind, scale and update.
    static func random(_ random: inout TestRandom) throws -> SearchSpace {
        var space = SearchSpace()
        for number in 0...random.index(7) {
            let name = "p\(number)"
            var updates = Update.allCases
            switch random.index(5) {
            case 0:
                let low = random.uniform(-10...10)
                try space.addReal(name, low: low, high: low + random.uniform(0.1...20))
            case 1:
                let low = Elementary.pow(10, random.uniform(-8...2))
                try space.addReal(
                    name, low: low, high: low * random.uniform(1.5...1e4), scale: .log)
            case 2:
                let low = random.uniform(1e-4...0.5)
                try space.addBlock(
                    name, count: 1 + random.index(4), low: low, high: random.uniform(0.6...0.999),
                    scale: .logit)
            case 3:
                let low = Double(random.index(20)) - 10
                try space.addInteger(
                    name, low: low, high: low + Double(1 + random.index(30)),
                    scale: low > 0 && random.chance(0.5) ? .log : .linear)
                updates = [.automatic, .mutate, .fixed]
            default:
                let labels = (0..<2 + random.index(4)).map { "label \($0)" }
                try space.addChoice(name, labels: labels)
                updates = [.automatic, .mutate, .fixed]
            }
            if random.chance(0.4) { try space.setUpdate(updates[random.index(updates.count)], of: name) }
        }
        return space
    }
}

extension SearchSpace {
    /// The space as an algorithm takes it: a search moves nothing but reals.
    func fitting(_ algorithm: Algorithm) throws -> SearchSpace {
        var space = self
        for parameter in parameters where algorithm == .memetic && !parameter.kind.isReal {
            try space.setUpdate(.fixed, of: parameter.name)
        }
        return space
    }
}

extension Algorithm {
    /// Those for losses of models in training, which take every kind of parameter.
    static let training = all.filter { $0 != .memetic }
}

extension Options {
    static func of(_ algorithm: Algorithm, _ change: (inout Options) -> Void = { _ in }) -> Options {
        var options = Options()
        options.algorithm = algorithm
        change(&options)
        return options
    }
}
