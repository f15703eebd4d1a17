/// The asynchronous schedule: one student by its report.
extension PooledDescent {
    /// Moves one student by its report.
    mutating func stepOne(_ student: Int, _ students: inout Students) {
        let row = student * dimension
        let living = students.living
        let weight = 1 / Double(max(living.count, 1))
        let spans = students.spans
        let gradients = students.gradients
        var directions: [Double] = []
        swap(&directions, &self.directions)
        defer { swap(&directions, &self.directions) }
        for span in spans where span.isDescended {
            let start = row + span.indices.lowerBound
            gradients.withUnsafeBufferPointer { gradients in
                directions.withUnsafeMutableBufferPointer { directions in
                    guard let gradients = gradients.baseAddress, let directions = directions.baseAddress
                    else { return }
                    adam.directions(
                        from: start, count: span.indices.count, gradients + start,
                        into: directions + span.indices.lowerBound)
                }
            }
            for index in span.indices where !gradients[row + index].isNaN {
                directions[index] = pooled(
                    student, index, directions[index], gradients, living, weight)
            }
        }
        students.move(student, .hyperStep("pooled-descent")) { places in
            gradients.withUnsafeBufferPointer { gradients in
                directions.withUnsafeBufferPointer { directions in
                    guard let gradients = gradients.baseAddress, let directions = directions.baseAddress
                    else { return }
                    for span in spans where span.isDescended {
                        places.descend(
                            student, span.indices, span, gradients + row, directions, learningRate,
                            .latent)
                    }
                }
            }
        }
    }

    /// - Complexity: O(students).
    private mutating func pooled(
        _ student: Int, _ coordinate: Int, _ own: Double, _ gradients: [Double], _ living: [Int],
        _ weight: Double
    ) -> Double {
        let place = student * dimension + coordinate
        let sign = Self.sign(gradients[place])
        mean[place] = 0.9 * mean[place] + 0.1 * sign
        square[place] = 0.99 * square[place] + 0.01 * sign * sign
        if rounds[coordinate] < .max { rounds[coordinate] += 1 }
        sharedMean[coordinate] += 0.1 * weight * (sign - sharedMean[coordinate])

        var (count, signs, center, noise) = (0.0, 0.0, 0.0, 0.0)
        for other in living {
            guard let (value, variance) = smoothed(other, coordinate, gradients) else { continue }
            count += 1
            signs += Self.sign(gradients[other * dimension + coordinate])
            center += value
            noise += variance
        }
        let mean = signs / count
        sharedSquare[coordinate] += 0.01 * weight * (mean * mean - sharedSquare[coordinate])
        guard count > 1 else { return own }
        center /= count
        noise /= count
        var deviations = 0.0
        for other in living {
            guard let (value, _) = smoothed(other, coordinate, gradients) else { continue }
            deviations += (value - center) * (value - center)
        }
        let ownShare = Self.ownShare(deviations: deviations, count: count, noise: noise)
        let reports = Double(rounds[coordinate])
        let shared = Self.direction(
            sharedMean[coordinate] / (1 - Elementary.pow(1 - 0.1 * weight, reports)),
            sharedSquare[coordinate] / (1 - Elementary.pow(1 - 0.01 * weight, reports)))
        return ownShare * own + (1 - ownShare) * shared
    }

    /// N of a gradient.
    private static func sign(_ gradient: Double) -> Double { gradient / (gradient.magnitude + floor) }

    /// p of a student and its noise; nil where its last report did not hold the coordinate.
    private func smoothed(
        _ student: Int, _ coordinate: Int, _ gradients: [Double]
    ) -> (value: Double, noise: Double)? {
        let place = student * dimension + coordinate
        if gradients[place].isNaN || adam.counts[place] == 0 { return nil }
        let count = adam.counts[place]
        let value = mean[place] / BiasCorrections.first(count)
        let variance = max(square[place] / BiasCorrections.second(count) - value * value, 0)
        return (value, variance * BiasCorrections.variance(count))
    }
}
