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
        let factor = Self(factor)
        for index in target.indices { target[index] += factor * source[index] }
    }

    @_specialize(where Self == Double)
    @_specialize(where Self == Float)
    public static func scale(_ vector: UnsafeMutableBufferPointer<Self>, by factor: Double) {
        // NaN times 0 would stay NaN.
        if factor == 0 { return vector.update(repeating: 0) }
        let factor = Self(factor)
        for index in vector.indices { vector[index] *= factor }
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
        // Four independent sums: one would wait for itself.
        var sums = (SIMD8<Double>(), SIMD8<Double>(), SIMD8<Double>(), SIMD8<Double>())
        let (left, right) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        let stride = MemoryLayout<SIMD8<Double>>.stride
        var offset = 0
        func product(_ step: Int) -> SIMD8<Double> {
            left.loadUnaligned(fromByteOffset: offset + step * stride, as: SIMD8<Double>.self)
                * right.loadUnaligned(fromByteOffset: offset + step * stride, as: SIMD8<Double>.self)
        }
        while offset + 4 * stride <= left.count {
            sums.0 += product(0)
            sums.1 += product(1)
            sums.2 += product(2)
            sums.3 += product(3)
            offset += 4 * stride
        }
        var sum = ((sums.0 + sums.1) + (sums.2 + sums.3)).sum()
        while offset < left.count {
            sum +=
                left.loadUnaligned(fromByteOffset: offset, as: Double.self)
                * right.loadUnaligned(fromByteOffset: offset, as: Double.self)
            offset += MemoryLayout<Double>.stride
        }
        return sum
    }
}

extension Float: HostElement {
    public static func dot(
        _ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>
    ) -> Double {
        var sums = (SIMD8<Double>(), SIMD8<Double>(), SIMD8<Double>(), SIMD8<Double>())
        let (left, right) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        let stride = MemoryLayout<SIMD8<Float>>.stride
        var offset = 0
        func product(_ step: Int) -> SIMD8<Double> {
            SIMD8<Double>(
                left.loadUnaligned(fromByteOffset: offset + step * stride, as: SIMD8<Float>.self))
                * SIMD8<Double>(
                    right.loadUnaligned(fromByteOffset: offset + step * stride, as: SIMD8<Float>.self))
        }
        while offset + 4 * stride <= left.count {
            sums.0 += product(0)
            sums.1 += product(1)
            sums.2 += product(2)
            sums.3 += product(3)
            offset += 4 * stride
        }
        var sum = ((sums.0 + sums.1) + (sums.2 + sums.3)).sum()
        while offset < left.count {
            sum +=
                Double(left.loadUnaligned(fromByteOffset: offset, as: Float.self))
                * Double(right.loadUnaligned(fromByteOffset: offset, as: Float.self))
            offset += MemoryLayout<Float>.stride
        }
        return sum
    }
}
