/// A number of which host vectors are made.
public protocol HostElement: BinaryFloatingPoint, SIMDScalar, Codable, Sendable {
    /// The sum of products, added up in double precision.
    static func dot(_ left: UnsafeBufferPointer<Self>, _ right: UnsafeBufferPointer<Self>) -> Double
}

extension HostElement {
    public static func copy(
        _ source: UnsafeBufferPointer<Self>, to target: UnsafeMutableBufferPointer<Self>
    ) {
        guard let from = source.baseAddress else { return }
        target.baseAddress?.update(from: from, count: target.count)
    }

    /// target = target + factor source.
    @_specialize(where Self == Double)
    @_specialize(where Self == Float)
    public static func add(
        _ factor: Double, _ source: UnsafeBufferPointer<Self>,
        to target: UnsafeMutableBufferPointer<Self>
    ) {
        let rounded = Self(factor)
        guard rounded.isNormal else {
            // The factor alone is beyond the element's numbers, the product need not be.
            for index in target.indices {
                target[index] = Self(Double(target[index]) + factor * Double(source[index]))
            }
            return
        }
        for index in target.indices { target[index] += rounded * source[index] }
    }

    @_specialize(where Self == Double)
    @_specialize(where Self == Float)
    public static func scale(_ vector: UnsafeMutableBufferPointer<Self>, by factor: Double) {
        // NaN times 0 would stay NaN.
        if factor == 0 { return vector.update(repeating: 0) }
        let rounded = Self(factor)
        guard rounded.isNormal else {
            for index in vector.indices { vector[index] = Self(factor * Double(vector[index])) }
            return
        }
        for index in vector.indices { vector[index] *= rounded }
    }

    @_specialize(where Self == Double)
    @_specialize(where Self == Float)
    public static func randomize(
        _ vector: UnsafeMutableBufferPointer<Self>, seed: UInt64, _ distribution: RandomDistribution
    ) {
        var random = RandomStream(seed: seed, purpose: .vector)
        for index in vector.indices {
            vector[index] =
                switch distribution {
                case .normal: Self(random.normal())
                case .rademacher: random.bits() >> 63 == 0 ? 1 : -1
                }
        }
    }

    public static func setUnit(_ vector: UnsafeMutableBufferPointer<Self>, index: Int) {
        vector.update(repeating: 0)
        vector[index] = 1
    }
}

extension Double: HostElement {
    public static func dot(
        _ left: UnsafeBufferPointer<Double>, _ right: UnsafeBufferPointer<Double>
    ) -> Double {
        let width = SIMD8<Double>.scalarCount
        let (leftBytes, rightBytes) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        func product(at index: Int) -> SIMD8<Double> {
            let offset = index * MemoryLayout<Double>.stride
            return leftBytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Double>.self)
                * rightBytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Double>.self)
        }
        // Two independent sums: one would wait for itself, more would not fit the registers.
        var sums = (SIMD8<Double>(), SIMD8<Double>())
        var index = 0
        while index + 2 * width <= left.count {
            sums.0 += product(at: index)
            sums.1 += product(at: index + width)
            index += 2 * width
        }
        var sum = (sums.0 + sums.1).sum()
        while index < left.count {
            sum += left[index] * right[index]
            index += 1
        }
        return sum
    }
}

extension Float: HostElement {
    public static func dot(
        _ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>
    ) -> Double {
        let width = SIMD8<Float>.scalarCount
        let (leftBytes, rightBytes) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        func widened(_ bytes: UnsafeRawBufferPointer, at index: Int) -> SIMD8<Double> {
            SIMD8<Double>(
                bytes.loadUnaligned(
                    fromByteOffset: index * MemoryLayout<Float>.stride, as: SIMD8<Float>.self))
        }
        var sums = (SIMD8<Double>(), SIMD8<Double>())
        var index = 0
        if left.baseAddress == right.baseAddress {
            // A norm: the conversion to double, which takes most of the time, is made once.
            while index + 2 * width <= left.count {
                let (first, second) = (widened(leftBytes, at: index), widened(leftBytes, at: index + width))
                sums.0 += first * first
                sums.1 += second * second
                index += 2 * width
            }
        } else {
            while index + 2 * width <= left.count {
                sums.0 += widened(leftBytes, at: index) * widened(rightBytes, at: index)
                sums.1 += widened(leftBytes, at: index + width) * widened(rightBytes, at: index + width)
                index += 2 * width
            }
        }
        var sum = (sums.0 + sums.1).sum()
        while index < left.count {
            sum += Double(left[index]) * Double(right[index])
            index += 1
        }
        return sum
    }
}
