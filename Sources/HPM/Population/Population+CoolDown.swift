extension Population {
    /// By what a learning rate is multiplied in the training that a student does next: 1, and over the last share
    /// `cool_down` of `steps` less for each report, in equal parts, so that the last report is made with the smallest
    /// part above 0. Selection alone never finds this: what it brings in one interval looks the same early and late.
    ///
    /// Source: Hägele et al., 'Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations', 2024.
    func cooling(of student: Int) -> Double {
        let length = coolDown * Double(steps)
        guard length > 0 else { return 1 }
        // An evaluation trains a copy of its source, whoever makes it.
        let task = tasks[student]
        let reports = task.action == .evaluate ? task.sourceReport : students.reports[student]
        return max(min(Double(steps - reports) / length, 1), 0)
    }

    /// Takes learning rates down in what is handed to a student, never below their lower bounds; what the population
    /// holds, moves and reports stays as it is.
    func cool(_ hyperparameters: UnsafeMutableBufferPointer<Double>, _ student: Int) {
        guard hasLearningRates else { return }
        let factor = cooling(of: student)
        guard factor < 1 else { return }
        for span in students.spans where span.role == .learningRate {
            for index in span.indices {
                hyperparameters[index] = max(factor * hyperparameters[index], span.low)
            }
        }
    }

    /// A hypergradient of cooled values is that of the values before, by the chain rule: times the factor, 0 where
    /// the lower bound held.
    func warmed(
        _ hypergradient: UnsafeBufferPointer<Double>?, _ student: Int
    ) -> [Double]? {
        guard hasLearningRates, let hypergradient else { return nil }
        let factor = cooling(of: student)
        guard factor < 1 else { return nil }
        var warmed = Array(hypergradient)
        let natural = tasks[student].evaluation?.point.natural ?? students.point(student).natural
        for span in students.spans where span.role == .learningRate {
            for index in span.indices {
                // An infinite component is counted as it came.
                guard warmed[index].isFinite else { continue }
                warmed[index] *= factor * natural[index] > span.low ? factor : 0
            }
        }
        return warmed
    }
}
