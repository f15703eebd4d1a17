import Testing
@testable import HPM

/// Everything about hypergradients, so that one filter runs it.
@Suite struct Hypergradients {}

/// |left - right| / |right|.
func relativeError(_ left: [Double], _ right: [Double]) -> Double {
    precondition(left.count == right.count)
    let difference = zip(left, right).map { $0 - $1 }
    return norm(difference) / norm(right)
}

func dot(_ left: [Double], _ right: [Double]) -> Double {
    var sum = 0.0
    for index in left.indices { sum += left[index] * right[index] }
    return sum
}

func norm(_ vector: [Double]) -> Double { dot(vector, vector).squareRoot() }

/// left + factor right.
func sum(_ left: [Double], _ factor: Double, _ right: [Double]) -> [Double] {
    var result = left
    for index in left.indices { result[index] += factor * right[index] }
    return result
}

func scaled(_ vector: [Double], by factor: Double) -> [Double] { vector.map { factor * $0 } }

extension TestRandom {
    mutating func vector(_ count: Int, _ range: ClosedRange<Double> = -1...1) -> [Double] {
        (0..<count).map { _ in uniform(range) }
    }
}
