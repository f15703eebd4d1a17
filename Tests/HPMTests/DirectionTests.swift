import Testing
@testable import HPM

/// Maximizing a loss is minimizing its negative, to the bit.
@Suite struct DirectionTests {
    @Test(arguments: Algorithm.all.map(\.name))
    func maximizeMirrorsMinimize(name: String) throws {
        let algorithm = try #require(Algorithm.named(name))
        var down = Landscape.rough(seed: 3).fitting(algorithm)
        var up = down
        down.sign = 1
        up.sign = -1
        func population(_ direction: Direction) throws -> Population {
            try Population(
                space: Spaces.mixed().fitting(algorithm),
                options: .of(algorithm) {
                    $0.direction = direction
                    $0.trial = 4
                    $0.interval = 3
                })
        }
        var minimizing = try population(.minimize)
        var maximizing = try population(.maximize)
        #expect(try minimizing.drive(rounds: 38, down) == maximizing.drive(rounds: 38, up))
        let low = try minimizing.bestHyperparameters()
        let high = try maximizing.bestHyperparameters()
        #expect(low.hyperparameters == high.hyperparameters && low.loss == -high.loss)
        #expect(try minimizing.best().student == maximizing.best().student)
        #expect(try minimizing.best().loss == -maximizing.best().loss)
    }
}
