import Testing
@testable import HPM

extension SearchSpace {
    /// As ``Students/pullBack(_:at:sign:_:_:into:_:)``, into an array from a place on.
    fileprivate func pullBack(
        _ hypergradient: UnsafeBufferPointer<Double>?, at point: Point, sign: Double,
        _ coordinates: Coordinates, into target: inout [Double], from start: Int
    ) -> Students.Components {
        target.withUnsafeMutableBufferPointer { target in
            Students.pullBack(
                hypergradient, at: point.natural, sign: sign, coordinates, spans,
                into: target.baseAddress! + start, dimension)
        }
    }
}

/// The chain rule at the boundary.
@Suite struct HypergradientTests {
    /// A smooth function of the real natural values and its derivative.
    private func value(_ x: [Double]) -> Double {
        x[0] * x[0] / 7 + 3 * x[1] * x[2] + x[3] * x[4] * x[5] + x[0] * x[9]
    }

    private func gradient(_ x: [Double]) -> [Double] {
        [
            2 * x[0] / 7 + x[9], 3 * x[2], 3 * x[1], x[4] * x[5], x[3] * x[5], x[3] * x[4], 11, 12, 13,
            x[0],
        ]
    }

    private func pulled(
        _ hypergradient: [Double]?, _ point: Point, sign: Double = 1, _ coordinates: Coordinates = .latent
    ) throws -> ([Double], Students.Components) {
        let space = try Spaces.mixed()
        var target = Array(repeating: 5.0, count: 30)
        let components: Students.Components
        if let hypergradient {
            components = hypergradient.withUnsafeBufferPointer {
                space.pullBack($0, at: point, sign: sign, coordinates, into: &target, from: 10)
            }
        } else {
            components = space.pullBack(nil, at: point, sign: sign, coordinates, into: &target, from: 10)
        }
        #expect(target[..<10].allSatisfy { $0 == 5 } && target[20...].allSatisfy { $0 == 5 })
        return (Array(target[10..<20]), components)
    }

    @Test func latentGradientAgainstDifferences() throws {
        let space = try Spaces.mixed()
        let point = space.start(of: 3, seed: 8)
        let (latent, components) = try pulled(gradient(point.natural), point)
        #expect(components.finite == 7 && components.infinite == 0)
        for parameter in space.parameters {
            for index in parameter.offset..<parameter.offset + parameter.count {
                guard parameter.kind.isReal else {
                    #expect(latent[index].isNaN)
                    continue
                }
                let map = SecondMap(parameter)
                var (up, down) = (point.natural, point.natural)
                up[index] = map.natural(point.latent[index] + 1e-6)
                down[index] = map.natural(point.latent[index] - 1e-6)
                let difference = (value(up) - value(down)) / 2e-6
                #expect((latent[index] - difference).magnitude < 1e-7 * (1 + difference.magnitude))
            }
        }
        let (mirrored, _) = try pulled(gradient(point.natural), point, sign: -1)
        for index in 0..<10 where !latent[index].isNaN { #expect(mirrored[index] == -latent[index]) }
        let (natural, _) = try pulled(gradient(point.natural), point, .natural)
        for index in [0, 1, 2, 3, 4, 5, 9] { #expect(natural[index] == gradient(point.natural)[index]) }
    }

    @Test func missingAndInfiniteComponents() throws {
        let point = try Spaces.mixed().start(of: 1, seed: 1)
        let (none, nothing) = try pulled(nil, point)
        #expect(none.allSatisfy { $0.isNaN } && nothing.finite == 0 && nothing.infinite == 0)
        var gradient = Array(repeating: 1.0, count: 10)
        gradient[0] = .nan
        gradient[1] = .infinity
        gradient[3] = -.infinity
        let (some, components) = try pulled(gradient, point)
        #expect(some[0].isNaN && some[1].isNaN && some[3].isNaN && some[2].isFinite)
        #expect(components.finite == 4 && components.infinite == 2)
    }

    /// However large, a finite derivative keeps its sign and is a finite number.
    @Test func hugeComponentsStayFinite() throws {
        let point = try Spaces.mixed().start(of: 1, seed: 1)
        for coordinates in [Coordinates.latent, .natural] {
            let (latent, components) = try pulled(
                Array(repeating: -.greatestFiniteMagnitude, count: 10), point, coordinates)
            #expect(components.finite == 7)
            for index in [0, 1, 2, 3, 4, 5, 9] {
                #expect(latent[index].isFinite && latent[index] < 0)
            }
        }
    }

    /// Where the map is steeper than a double can say, a derivative of 0 is still 0.
    @Test func zeroAtAnInfiniteSlope() throws {
        var space = SearchSpace()
        try space.addReal("x", low: 1e-300, high: 1.7e308, scale: .log)
        let point = try space.point(natural: [1.7e308])
        var target = [1.0]
        [0.0].withUnsafeBufferPointer {
            _ = space.pullBack($0, at: point, sign: 1, .latent, into: &target, from: 0)
        }
        #expect(target[0] == 0)
    }
}
