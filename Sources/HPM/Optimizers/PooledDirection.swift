/// The direction in which a student of `hpm` moves: its own Adam direction where students truly
/// differ, one shared by the population where they see the same slope through noise.
///
/// With N = G / (|G| + 1e-12), so that students weigh the same, for each coordinate:
///
///     student:     P = 0.9 P + 0.1 N,  R = 0.99 R + 0.01 N^2,  p = P / (1 - 0.9^c)
///     population:  Q, Z likewise from the mean of N over the students
///     noise of p:  nu = mean_k max(R / (1 - 0.99^c) - p^2, 0) 0.1 (1 + 0.9^c) / (1.9 (1 - 0.9^c))
///     spread:      tau = max(var_k(p; K - 1) - nu, 0)
///     own share:   b = tau / (tau + nu + 1e-12)         (empirical Bayes)
///     shared:      A = (Q / (1 - 0.9^t)) / (sqrt(Z / (1 - 0.99^t)) + 1e-12)
///     direction:   b a + (1 - b) A,  a the student's own Adam direction
///
/// c counts the student's reports that held the coordinate, t the population's rounds that did. A
/// student that is alone in a coordinate has no population to differ from: b = 1.
///
/// It is an attention of each student over the population's hypergradients whose weights are
/// estimated from ordinary reports, at no extra cost.
struct PooledDirection: Equatable, Sendable {
    /// P and R of each student, row-major: students x dimension.
    var mean: [Double]
    var square: [Double]
    /// Q and Z, and t of each coordinate.
    var sharedMean: [Double]
    var sharedSquare: [Double]
    var rounds: [UInt32]

    private static let floor = 1e-12

    init(students: Int, dimension: Int) {
        mean = Array(repeating: 0, count: students * dimension)
        square = mean
        sharedMean = Array(repeating: 0, count: dimension)
        sharedSquare = sharedMean
        rounds = Array(repeating: 0, count: dimension)
    }

    /// Scratch of ``directions(coordinate:gradients:students:adam:into:)``, kept between coordinates.
    struct Workspace {
        var guided: [Int] = []
        var own: [Double]
        var smoothed: [Double]
        var corrections = BiasCorrections()
        var sharedCorrections = BiasCorrections()

        init(students: Int) {
            own = Array(repeating: 0, count: students)
            smoothed = own
        }
    }

    /// Updates one coordinate with the gradients of a round and leaves the direction of each student
    /// of `workspace.guided` in `workspace.own`.
    ///
    /// - Parameter gradients: students x dimension in latent units; NaN: takes no part.
    /// - Complexity: O(students).
    mutating func update(
        coordinate: Int, gradients: [Double], students: Int, adam: inout Adam,
        _ workspace: inout Workspace
    ) {
        let dimension = rounds.count
        workspace.guided.removeAll(keepingCapacity: true)
        var signSum = 0.0
        var smoothedSum = 0.0
        var noiseSum = 0.0
        for student in 0..<students {
            let index = student * dimension + coordinate
            let gradient = gradients[index]
            if gradient.isNaN { continue }
            workspace.guided.append(student)
            workspace.own[student] = adam.direction(gradient, at: index, &workspace.corrections)
            let sign = gradient / (gradient.magnitude + Self.floor)
            mean[index] = 0.9 * mean[index] + 0.1 * sign
            square[index] = 0.99 * square[index] + 0.01 * sign * sign
            let corrections = workspace.corrections
            let smoothed = mean[index] / corrections.first
            workspace.smoothed[student] = smoothed
            signSum += sign
            smoothedSum += smoothed
            noiseSum +=
                max(square[index] / corrections.second - smoothed * smoothed, 0)
                * (0.1 * (2 - corrections.first) / (1.9 * corrections.first))
        }
        let count = Double(workspace.guided.count)
        guard count > 0 else { return }

        if rounds[coordinate] < .max { rounds[coordinate] += 1 }
        workspace.sharedCorrections.count = rounds[coordinate]
        let sign = signSum / count
        sharedMean[coordinate] = 0.9 * sharedMean[coordinate] + 0.1 * sign
        sharedSquare[coordinate] = 0.99 * sharedSquare[coordinate] + 0.01 * sign * sign
        guard count > 1 else { return }

        let noise = noiseSum / count
        let center = smoothedSum / count
        var deviations = 0.0
        for student in workspace.guided {
            let deviation = workspace.smoothed[student] - center
            deviations += deviation * deviation
        }
        let spread = max(deviations / (count - 1) - noise, 0)
        let ownShare = spread / (spread + noise + Self.floor)
        let shared =
            (sharedMean[coordinate] / workspace.sharedCorrections.first)
            / ((sharedSquare[coordinate] / workspace.sharedCorrections.second).squareRoot()
                + Self.floor)
        for student in workspace.guided {
            workspace.own[student] = ownShare * workspace.own[student] + (1 - ownShare) * shared
        }
    }

    mutating func copy(from source: Int, to student: Int, dimension: Int) {
        mean.copyRow(source, to: student, width: dimension)
        square.copyRow(source, to: student, width: dimension)
    }
}
