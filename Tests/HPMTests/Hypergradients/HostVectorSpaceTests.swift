import Testing
@testable import HPM

extension Hypergradients {
    /// Every operation of host vectors against naive loops, at lengths that leave every tail.
    @Suite struct HostVectorSpaceTests {
        private static let lengths = Array(1...67) + [128, 1000]

        private func values<E: HostElement>(_ count: Int, _ random: inout TestRandom) -> [E] {
            (0..<count).map { _ in E(random.uniform(-10...10)) }
        }

        private func array<E>(_ vector: HostVectorSpace<E>.Vector) -> [E] { Array(vector.components) }

        private func testOperations<E: HostElement>(_ element: E.Type) throws {
            for count in Self.lengths {
                var random = TestRandom(count, 13)
                let space = try HostVectorSpace<E>(count: count)
                #expect(space.dimension == count)
                let (x, y): ([E], [E]) = (values(count, &random), values(count, &random))
                let (left, right) = (try space.makeVector(x), try space.makeVector(y))
                #expect(array(left) == x)
                #expect(array(try space.makeZeros()) == Array(repeating: 0, count: count))

                var (exact, size) = (0.0, 0.0)
                for index in 0..<count {
                    exact += Double(x[index]) * Double(y[index])
                    size += (Double(x[index]) * Double(y[index])).magnitude
                }
                // In double precision also for floats: 2^-53 an addition.
                let error = (space.dot(left, right) - exact).magnitude
                #expect(error <= Double(2 * count) * 0x1p-53 * size, "length \(count)")
                #expect(space.dot(left, right) == space.dot(right, left))
                // A norm has a kernel of its own; it must be that of a copy.
                #expect(space.dot(left, left) == space.dot(left, try space.makeVector(x)))
                #expect(array(left) == x && array(right) == y)

                for factor in [1.0, -1, 0.3, 0, -2.5e10] {
                    let target = try space.makeVector(y)
                    space.add(factor, left, to: target)
                    #expect(array(target) == (0..<count).map { y[$0] + E(factor) * x[$0] })
                    let scaled = try space.makeVector(x)
                    space.scale(scaled, by: factor)
                    #expect(array(scaled) == x.map { factor == 0 ? 0 : E(factor) * $0 })
                }
                // A vector with itself.
                let twice = try space.makeVector(x)
                space.add(2, twice, to: twice)
                #expect(array(twice) == x.map { $0 + 2 * $0 })

                let copy = try space.makeZeros()
                space.copy(left, to: copy)
                #expect(array(copy) == x)
                space.scale(copy, by: 3)
                #expect(array(left) == x)

                for index in [0, count / 2, count - 1] {
                    space.setUnit(copy, index: index)
                    #expect(array(copy) == (0..<count).map { $0 == index ? 1 : 0 })
                }
                #expect(space.dot(copy, left) == Double(x[count - 1]))

                // Zeros of NaN and infinity, at every place of the kernels.
                let spoiled = try space.makeVector((0..<count).map { $0 % 2 == 0 ? .nan : .infinity })
                space.scale(spoiled, by: 0)
                #expect(array(spoiled).allSatisfy { $0 == 0 && $0.sign == .plus })
                try space.invalidate(spoiled)
                #expect(array(spoiled).allSatisfy { $0.isNaN })
                let mixed = try space.makeVector(x)
                try space.scale(mixed, by: 0.5, adding: right)
                #expect(array(mixed) == (0..<count).map { E(0.5) * x[$0] + y[$0] })
                let place = random.index(count)
                var nan = x
                nan[place] = .nan
                #expect(space.dot(try space.makeVector(nan), right).isNaN)
            }
        }

        @Test func operationsOfDouble() throws { try testOperations(Double.self) }
        @Test func operationsOfFloat() throws { try testOperations(Float.self) }

        /// Products of floats that cancel: a sum in single precision would lose all of it.
        @Test func dotOfFloatsAddsInDouble() throws {
            for count in Self.lengths where count >= 3 {
                let space = try HostVectorSpace<Float>(count: count)
                var x = Array(repeating: Float(0), count: count)
                x[0] = 3e7
                x[count / 2] = 1
                x[count - 1] = -3e7
                let ones = try space.makeVector(Array(repeating: 1, count: count))
                #expect(space.dot(try space.makeVector(x), ones) == 1)
                // Nor do products overflow.
                let large = try space.makeVector(Array(repeating: 3e38, count: count))
                #expect(space.dot(large, large).isFinite)
            }
        }

        @Test func borrowedMemory() throws {
            var values = [1.0, 2, 3, 4, 5]
            let space = try HostVectorSpace<Double>(count: 3)
            values.withUnsafeMutableBufferPointer { buffer in
                let part = UnsafeMutableBufferPointer(rebasing: buffer[1..<4])
                let vector = HostVectorSpace<Double>.Vector(borrowing: part)
                space.scale(vector, by: 10)
                #expect(space.dot(vector, vector) == 2900)
            }
            #expect(values == [1, 20, 30, 40, 5])
        }

        /// Memory that is aligned to its elements alone.
        @Test func unalignedMemory() throws {
            for count in [1, 8, 33, 67] {
                let space = try HostVectorSpace<Float>(count: count)
                var values = (0...count).map { Float($0) }
                let expected = (1...count).reduce(0.0) { $0 + Double($1 * $1) }
                values.withUnsafeMutableBufferPointer { buffer in
                    let vector = HostVectorSpace<Float>.Vector(
                        borrowing: UnsafeMutableBufferPointer(rebasing: buffer[1...]))
                    #expect(space.dot(vector, vector) == expected)
                }
            }
        }

        private func testRandom<E: HostElement>(_ element: E.Type) throws {
            let count = 20_000
            let space = try HostVectorSpace<E>(count: count)
            for distribution in RandomDistribution.allCases {
                func draw(_ seed: UInt64) throws -> [E] {
                    let vector = try space.makeZeros()
                    space.randomize(vector, seed: seed, distribution)
                    return array(vector)
                }
                let drawn = try draw(5)
                #expect(drawn == (try draw(5)))
                for seed: UInt64 in [0, 4, 6, 5 + (1 << 32), .max] { #expect(drawn != (try draw(seed))) }
                let numbers = drawn.map { Double($0) }
                let other = try draw(6).map { Double($0) }
                #expect(isWithinFiveSigma(numbers.mean, of: 0, variance: 1, count: count))
                #expect(
                    isWithinFiveSigma(
                        dot(numbers, other) / Double(count), of: 0, variance: 1, count: count))
                // Neighbours are independent.
                let shifted = zip(numbers, numbers.dropFirst()).map { $0 * $1 }
                #expect(isWithinFiveSigma(shifted.mean, of: 0, variance: 1, count: count - 1))
                switch distribution {
                case .rademacher: #expect(drawn.allSatisfy { $0 == 1 || $0 == -1 })
                case .normal:
                    #expect(isWithinFiveSigma(numbers.moment(2), of: 1, variance: 2, count: count))
                    #expect(isWithinFiveSigma(numbers.moment(3), of: 0, variance: 15, count: count))
                    #expect(isWithinFiveSigma(numbers.moment(4), of: 3, variance: 96, count: count))
                }
            }
        }

        @Test func randomDoubles() throws { try testRandom(Double.self) }
        @Test func randomFloats() throws { try testRandom(Float.self) }

        @Test func errors() throws {
            for count in [0, -1, Int.min] {
                #expect { try HostVectorSpace<Double>(count: count) } throws: {
                    ($0 as? HPMError)?.code == .argument
                }
            }
            let space = try HostVectorSpace<Double>(count: 3)
            for values in [[], [1.0, 2], [1, 2, 3, 4]] {
                #expect { try space.makeVector(values) } throws: {
                    ($0 as? HPMError)?.code == .argument
                }
            }
            // No machine has so much: an error, no crash.
            #expect { try HostVectorSpace<Double>(count: .max / 64).makeZeros() } throws: {
                ($0 as? HPMError)?.code == .memory
            }
            #expect { try HostVectorSpace<Float>(count: .max).makeZeros() } throws: {
                ($0 as? HPMError)?.code == .memory
            }
        }
    }
}
