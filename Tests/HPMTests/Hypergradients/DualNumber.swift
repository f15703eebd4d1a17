import Foundation

/// What the test network computes with.
protocol NetworkScalar {
    init(_ value: Double)
    static func + (left: Self, right: Self) -> Self
    static func - (left: Self, right: Self) -> Self
    static func * (left: Self, right: Self) -> Self
    var exponential: Self { get }
    var hyperbolicTangent: Self { get }
}

extension Double: NetworkScalar {
    var exponential: Double { Foundation.exp(self) }
    var hyperbolicTangent: Double { Foundation.tanh(self) }
}

/// A value and its slope along one direction: differentiation without differences, for the tests'
/// references.
struct DualNumber: NetworkScalar {
    var value: Double
    var slope: Double

    init(_ value: Double) { self.init(value, 0) }

    init(_ value: Double, _ slope: Double) {
        self.value = value
        self.slope = slope
    }

    static func + (left: DualNumber, right: DualNumber) -> DualNumber {
        DualNumber(left.value + right.value, left.slope + right.slope)
    }

    static func - (left: DualNumber, right: DualNumber) -> DualNumber {
        DualNumber(left.value - right.value, left.slope - right.slope)
    }

    static func * (left: DualNumber, right: DualNumber) -> DualNumber {
        DualNumber(left.value * right.value, left.slope * right.value + left.value * right.slope)
    }

    var exponential: DualNumber {
        let result = Foundation.exp(value)
        return DualNumber(result, slope * result)
    }

    var hyperbolicTangent: DualNumber {
        let result = Foundation.tanh(value)
        return DualNumber(result, slope * (1 - result * result))
    }

    static func along(_ values: [Double], _ slopes: [Double]) -> [DualNumber] {
        values.indices.map { DualNumber(values[$0], slopes[$0]) }
    }
}
