/// Where to put checkpoints so that the fewest steps are taken again.
///
/// Source: Griewank and Walther, 'Algorithm 799: revolve', ACM TOMS 26, 2000, section 2.
enum BinomialSchedule {
    /// How far to go before the next checkpoint is made, 1 ..< steps: the smallest distance that leaves
    /// no more than can be reversed in one repeat less on either side.
    ///
    /// - Parameter checkpoints: States in memory, the one that the steps begin at counted; 2 or more.
    static func firstCheckpoint(steps: Int, checkpoints: Int) -> Int {
        if checkpoints >= steps { return 1 }
        let repeats = repeats(steps: steps, checkpoints: checkpoints)
        return max(
            1, binomial(checkpoints + repeats - 2, checkpoints),
            steps - binomial(checkpoints - 1 + repeats, checkpoints - 1))
    }

    /// The smallest r with C(s + r, s) >= steps.
    private static func repeats(steps: Int, checkpoints: Int) -> Int {
        var repeats = 0
        var reach = 1
        while reach < steps {
            repeats += 1
            reach = binomial(checkpoints + repeats, checkpoints)
        }
        return repeats
    }

    private static func binomial(_ n: Int, _ k: Int) -> Int {
        guard k >= 0, k <= n else { return 0 }
        var result = 1
        for index in 0..<min(k, n - k) {
            let (product, overflow) = result.multipliedReportingOverflow(by: n - index)
            if overflow { return Int.max / 4 }
            result = product / (index + 1)
        }
        return min(result, Int.max / 4)
    }
}
