import Testing
@testable import HPM

@Suite struct SearchSpaceTests {
    /// Expects an `argument` error that names what is wrong, and a space that has not changed.
    private func refuses(
        _ name: String, _ space: SearchSpace, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout SearchSpace) throws -> Void
    ) {
        var changed = space
        let error = #expect(throws: HPMError.self, sourceLocation: sourceLocation) { try change(&changed) }
        #expect(error?.code == .argument, sourceLocation: sourceLocation)
        #expect(error?.message.contains(name) ?? false, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        #expect(changed == space, sourceLocation: sourceLocation)
    }

    @Test func offsetsAndDimension() throws {
        let space = try Spaces.mixed()
        #expect(space.dimension == 10)
        let names = ["slope", "rate", "share", "weight", "shift", "batch", "kind", "width"]
        let offsets = [0, 1, 2, 3, 6, 7, 8, 9]
        let counts = [1, 1, 1, 3, 1, 1, 1, 1]
        for (number, name) in names.enumerated() {
            let parameter = try space.parameter(named: name)
            #expect(parameter.offset == offsets[number])
            #expect(parameter.count == counts[number])
            #expect(parameter.name == name)
        }
        #expect(SearchSpace().dimension == 0)
    }

    @Test func boundsAreKept() throws {
        let space = try Spaces.mixed()
        #expect(try space.parameter(named: "batch").low == 1)
        #expect(try space.parameter(named: "batch").high == 128)
        #expect(try space.parameter(named: "kind").low == 0)
        #expect(try space.parameter(named: "kind").high == 2)
        #expect(try space.parameter(named: "rate").low == 1e-4)
        #expect(try space.parameter(named: "shift").low == -4)
    }

    @Test(arguments: [
        (4_503_599_627_370_497.0, 4_503_599_627_370_505.0), (-0x1p53, 0x1p53),
        (-4_503_599_627_370_505, -4_503_599_627_370_497), (0x1p53 - 1, 0x1p53), (0, 0x1p53),
    ] as [(Double, Double)])
    func largeIntegers(low: Double, high: Double) throws {
        var space = SearchSpace()
        try space.addInteger("n", low: low, high: high, initial: high)
        #expect(try space.parameter(named: "n").low == low)
        #expect(try space.parameter(named: "n").high == high)
        for student in 0..<50 {
            let value = space.start(of: student, seed: 3).natural[0]
            #expect(value >= low && value <= high && value == value.rounded())
        }
    }

    @Test func realErrors() throws {
        let space = try Spaces.mixed()
        for (low, high) in [(1.0, 1.0), (2, 1), (.nan, 1), (0, .nan), (-.infinity, 1), (0, .infinity)] {
            for scale in Scale.allCases {
                refuses("'new'", space) { try $0.addReal("new", low: low, high: high, scale: scale) }
                refuses("'new'", space) {
                    try $0.addBlock("new", count: 2, low: low, high: high, scale: scale)
                }
                refuses("'new'", space) { try $0.addInteger("new", low: low, high: high, scale: scale) }
            }
        }
        for low in [0.0, -0.0, -1] {
            refuses("'new'", space) { try $0.addReal("new", low: low, high: 0.5, scale: .log) }
            refuses("'new'", space) { try $0.addReal("new", low: low, high: 0.5, scale: .logit) }
        }
        refuses("'new'", space) { try $0.addInteger("new", low: 0, high: 5, scale: .log) }
        for high in [1.0, 1.5] {
            refuses("'new'", space) { try $0.addReal("new", low: 0.5, high: high, scale: .logit) }
        }
        for initial in [-0.1, 1.1, .nan, .infinity, -.infinity] {
            refuses("'new'", space) { try $0.addReal("new", low: 0, high: 1, initial: initial) }
            refuses("'new'", space) { try $0.addBlock("new", count: 3, low: 0, high: 1, initial: initial) }
        }
        for count in [0, -1, .min] {
            refuses("'new'", space) { try $0.addBlock("new", count: count, low: 0, high: 1) }
        }
    }

    @Test func nameErrors() throws {
        let space = try Spaces.mixed()
        refuses("empty", space) { try $0.addReal("", low: 0, high: 1) }
        refuses("empty", space) { try $0.addInteger("", low: 0, high: 1) }
        refuses("name holds a NUL", space) { try $0.addReal("a\0b", low: 0, high: 1) }
        refuses("a label of 'new' holds a NUL", space) { try $0.addChoice("new", labels: ["a", "\0"]) }
        refuses("empty", space) { try $0.addChoice("", labels: ["a", "b"]) }
        for taken in ["slope", "weight", "batch", "kind"] {
            refuses("'\(taken)'", space) { try $0.addReal(taken, low: 0, high: 1) }
            refuses("'\(taken)'", space) { try $0.addBlock(taken, count: 2, low: 0, high: 1) }
            refuses("'\(taken)'", space) { try $0.addInteger(taken, low: 0, high: 1) }
            refuses("'\(taken)'", space) { try $0.addChoice(taken, labels: ["a", "b"]) }
        }
    }

    @Test func integerErrors() throws {
        let space = try Spaces.mixed()
        for (low, high) in [(0.5, 3.0), (0, 2.5), (0, 0x1p53 + 2), (-0x1p54, 0), (3, 3)] {
            refuses("'new'", space) { try $0.addInteger("new", low: low, high: high) }
        }
        refuses("'new'", space) { try $0.addInteger("new", low: 1, high: 3, scale: .logit) }
        for initial in [0.5, -1, 4, .nan] {
            refuses("'new'", space) { try $0.addInteger("new", low: 0, high: 3, initial: initial) }
        }
    }

    @Test func choiceErrors() throws {
        let space = try Spaces.mixed()
        for labels in [[], ["a"], ["a", ""], ["a", "b", "a"]] {
            refuses("'new'", space) { try $0.addChoice("new", labels: labels) }
        }
        for initial in [-1, 2, .max, .min] {
            refuses("'new'", space) { try $0.addChoice("new", labels: ["a", "b"], initial: initial) }
        }
    }

    @Test func updateErrors() throws {
        let space = try Spaces.mixed()
        for update in [Update.hypergradient, .both] {
            for name in ["shift", "batch", "kind"] {
                refuses("'\(name)'", space) { try $0.setUpdate(update, of: name) }
            }
        }
        for update in Update.allCases {
            refuses("'nobody'", space) { try $0.setUpdate(update, of: "nobody") }
            refuses("''", space) { try $0.setUpdate(update, of: "") }
            var changed = space
            try changed.setUpdate(update, of: "weight")
            #expect(try changed.parameter(named: "weight").update == update)
            #expect(try changed.parameter(named: "slope").update == .automatic)
        }
        refuses("'x'", SearchSpace()) { try $0.setUpdate(.fixed, of: "x") }
    }

    @Test func dimensionOverflowIsAnError() throws {
        var space = try Spaces.mixed()
        for count in [Int.max, Int.max / 16 + 1] {
            let error = #expect(throws: HPMError.self) {
                try space.addBlock("huge", count: count, low: 0, high: 1)
            }
            #expect(error?.code == .memory)
        }
        #expect(try space == Spaces.mixed())
    }

    @Test func blockTakesNoMemory() throws {
        var space = SearchSpace()
        try space.addBlock("huge", count: 1 << 50, low: 0, high: 1)
        #expect(space.dimension == 1 << 50)
    }

    @Test func startsAreInsideAndDrawnUniformly() throws {
        let space = try Spaces.mixed()
        let count = 4000
        let points = (1...count).map { space.start(of: $0, seed: 77) }
        for point in points.prefix(200) {
            #expect(Invariants.boundViolations(point.natural, in: space, "a start").isEmpty)
        }
        for parameter in space.parameters where parameter.kind.isReal {
            for index in parameter.offset..<parameter.offset + parameter.count {
                let map = SecondMap(parameter)
                let centred = points.map { map.latent($0.natural[index]) - 0.5 }
                #expect(isWithinFiveSigma(centred.mean, of: 0, variance: 1 / 12, count: count))
                #expect(isWithinFiveSigma(centred.moment(2), of: 1 / 12, variance: 1 / 180, count: count))
            }
        }
    }

    /// A linear integer and a choice have equal shares; on the log scale the share of n is that of
    /// [n - 1/2, n + 1/2].
    @Test func wholeValuesGetTheirShares() throws {
        let space = try Spaces.mixed()
        let count = 6000
        let points = (1...count).map { space.start(of: $0, seed: 5).natural }
        func chiSquare(_ index: Int, _ shares: [Double], from low: Double) -> Double {
            var histogram = Array(repeating: 0.0, count: shares.count)
            for point in points { histogram[Int(point[index] - low)] += 1 }
            return zip(histogram, shares).map { observed, share in
                let expected = share * Double(count)
                return (observed - expected) * (observed - expected) / expected
            }.reduce(0, +)
        }
        #expect(chiSquare(6, Array(repeating: 1 / 11.0, count: 11), from: -4) < 10 + 5 * 20.0.squareRoot())
        #expect(chiSquare(8, Array(repeating: 1 / 3.0, count: 3), from: 0) < 2 + 5 * 4.0.squareRoot())
        let total = Elementary.log(128.5 / 0.5)
        let shares = (1...128).map { Elementary.log((Double($0) + 0.5) / (Double($0) - 0.5)) / total }
        #expect(chiSquare(7, shares, from: 1) < 127 + 5 * 254.0.squareRoot())
    }

    @Test func studentZeroStartsAtTheInitialValues() throws {
        let space = try Spaces.mixed()
        for seed: UInt64 in [0, 1, 99] {
            let point = space.start(of: 0, seed: seed)
            #expect(point.natural[1] == 0.01)
            #expect(Array(point.natural[3..<6]) == [1, 1, 1])
            #expect(point.natural[7] == 16)
            #expect(point.natural[9] == 2.25)
            #expect(space.start(of: 1, seed: seed).natural[9] != 2.25)
        }
        // What has no initial value is drawn.
        #expect(space.start(of: 0, seed: 0).natural[0] != space.start(of: 0, seed: 1).natural[0])
    }
}
