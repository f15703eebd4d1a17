/// Checks of estimators' settings.
enum EstimatorSettings {
    /// Counts of steps stay exact in every sum of the schedules.
    static let largestCount = 1 << 40

    static func requirePositive(_ value: Double, _ name: String) throws(HPMError) {
        guard value > 0, value.isFinite else {
            throw HPMError(.argument, "\(name) is \(value); allowed: finite numbers above 0")
        }
    }

    static func requireNonNegative(_ value: Double, _ name: String) throws(HPMError) {
        guard value >= 0, value.isFinite else {
            throw HPMError(.argument, "\(name) is \(value); allowed: finite numbers, 0 or more")
        }
    }

    static func requireCount(_ value: Int, _ name: String) throws(HPMError) {
        guard value >= 1, value <= largestCount else {
            throw HPMError(.argument, "\(name) is \(value); allowed: 1 to \(largestCount)")
        }
    }

    static func requireTolerance(_ value: Double) throws(HPMError) {
        guard value >= 0, value < 1 else {
            throw HPMError(.argument, "tolerance is \(value); allowed: 0 or more, below 1")
        }
    }

    static func requireDimension(_ value: Int?, _ what: String) throws(HPMError) -> Int {
        guard let value else {
            throw HPMError(
                .unsupported, "\(what) needs the number of hyperparameters; this vector space has no dimension")
        }
        return value
    }
}
