/// The covariance of the values of a function at two points, a function of their distance and, where
/// it varies in time, of the time between them.
///
/// A distance is r² = sum over groups g of S_g / l_g², where S_g sums the squared differences of the
/// group's coordinates; of a choice the difference is 0 for equal labels and 1 for others (Hamming).
/// The variance is s², and a value is observed with noise of variance σ².
///
/// - `matern`: s² (1 + √5 r + 5 r²/3) exp(-√5 r). Source: Rasmussen and Williams, 'Gaussian Processes
///   for Machine Learning', 2006, equation 4.17.
/// - `timeVarying`: s² exp(-r²/2) (1 - ω)^(|t - t'|/2). Source: Parker-Holder et al. 2020, equation 3,
///   after Bogunovic et al., 'Time-varying Gaussian process bandit optimization', 2016.
///
/// Hyperparameters θ, natural logarithms all: l_g of each group, s², σ², and of a time-varying kernel
/// the rate -log(1 - ω)/2.
struct CovarianceKernel: Equatable, Sendable {
    enum Family: Sendable {
        case matern, timeVarying
    }

    let family: Family
    /// The group of each coordinate.
    let groups: [Int]
    let isCategorical: [Bool]
    let groupCount: Int
    /// How many coordinates a group has: distances grow with its square root.
    let groupSizes: [Double]
    /// Neighbouring coordinates that loops take alike: of one kind; of one kind and group.
    let runs: [KernelLoops.Run]
    let groupRuns: [KernelLoops.Run]

    init(family: Family, groups: [Int], isCategorical: [Bool]) {
        self.family = family
        self.groups = groups
        self.isCategorical = isCategorical
        groupCount = (groups.max() ?? -1) + 1
        var sizes = [Double](repeating: 0, count: groupCount)
        for group in groups { sizes[group] += 1 }
        groupSizes = sizes
        runs = KernelLoops.runs(isCategorical: isCategorical, groups: groups.map { _ in 0 })
        groupRuns = KernelLoops.runs(isCategorical: isCategorical, groups: groups)
    }

    var width: Int { groups.count }
    var hyperparameterCount: Int { groupCount + (family == .timeVarying ? 3 : 2) }

    /// The box of θ in which it is searched, wide enough for what data can say.
    var lowest: [Double] {
        groupSizes.map { Elementary.log(0.01 * $0.squareRoot()) } + [Elementary.log(0.05), Elementary.log(1e-8)]
            + (family == .timeVarying ? [Elementary.log(1e-4)] : [])
    }

    /// ω is at most 1/2.
    var highest: [Double] {
        groupSizes.map { Elementary.log(30 * $0.squareRoot()) } + [Elementary.log(20), Elementary.log(2)]
            + (family == .timeVarying ? [Elementary.log(0.5 * Elementary.log(2))] : [])
    }

    /// Centre and width of the log-normal prior that keeps θ where a few points say little. That of the
    /// length scales grows with the number of coordinates.
    ///
    /// Source: Hvarfner, Hellsten and Nardi, 'Vanilla Bayesian optimization performs great in high
    /// dimensions', 2024.
    var prior: [(mean: Double, deviation: Double)] {
        let length = 2.0.squareRoot() + 0.5 * Elementary.log(Double(max(width, 1)))
        return groupSizes.map { _ in (length, 3.0.squareRoot()) } + [(0, 1), (Elementary.log(1e-4), 3)]
            + (family == .timeVarying ? [(Elementary.log(0.03), 1.5)] : [])
    }

    /// Where a search for θ begins.
    var start: [Double] {
        groupSizes.map { Elementary.log(0.5 * $0.squareRoot() * Double(groupCount).squareRoot()) }
            + [0, Elementary.log(1e-3)] + (family == .timeVarying ? [Elementary.log(0.05)] : [])
    }

    /// The correlation at a squared distance, and its derivative with respect to r².
    func correlation(_ square: Double) -> (value: Double, slope: Double) {
        switch family {
        case .matern:
            let root = (5 * square).squareRoot()
            let decay = Elementary.exp(-root)
            return ((1 + root + root * root / 3) * decay, -5.0 / 6 * (1 + root) * decay)
        case .timeVarying:
            let value = Elementary.exp(-0.5 * square)
            return (value, -0.5 * value)
        }
    }

    /// 1 / l² of each coordinate.
    func weights(_ hyperparameters: [Double]) -> [Double] {
        let inverse = (0..<groupCount).map { Elementary.exp(-2 * hyperparameters[$0]) }
        return groups.map { inverse[$0] }
    }

    func variance(_ hyperparameters: [Double]) -> Double {
        Elementary.exp(hyperparameters[groupCount])
    }

    func noise(_ hyperparameters: [Double]) -> Double {
        Elementary.exp(hyperparameters[groupCount + 1])
    }

    /// -log(1 - ω)/2; 0 for a kernel that does not vary in time.
    func rate(_ hyperparameters: [Double]) -> Double {
        family == .timeVarying ? Elementary.exp(hyperparameters[groupCount + 2]) : 0
    }
}
