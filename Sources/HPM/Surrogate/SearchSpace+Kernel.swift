/// The space as a kernel sees it: latent coordinates of reals and integers, the latter rounded, and
/// indices of choices.
///
/// Since an integer's latent coordinate is that of the rounded value, the modelled function is constant
/// where the objective is.
///
/// Source: Garrido-Merchán and Hernández-Lobato, 'Dealing with categorical and integer-valued variables
/// in Bayesian optimization with Gaussian processes', Neurocomputing 2020.
extension SearchSpace {
    /// Up to this many coordinates, or else parameters, have length scales of their own.
    static let ownLengthScales = 20

    /// - Parameter context: Further real coordinates, in groups of their own where `isShared` is false.
    func kernel(_ family: CovarianceKernel.Family, isShared: Bool, context: Int = 0) -> CovarianceKernel {
        var groups: [Int] = []
        var isCategorical: [Bool] = []
        for (position, parameter) in parameters.enumerated() {
            for index in parameter.indices {
                if isShared {
                    groups.append(0)
                } else if dimension <= Self.ownLengthScales {
                    groups.append(index)
                } else {
                    groups.append(parameters.count <= Self.ownLengthScales ? position : 0)
                }
                isCategorical.append(parameter.kind == .choice)
            }
        }
        for _ in 0..<context {
            groups.append(isShared ? 0 : (groups.max() ?? -1) + 1)
            isCategorical.append(false)
        }
        return CovarianceKernel(family: family, groups: groups, isCategorical: isCategorical)
    }

    func kernelRow(_ point: Point) -> [Double] {
        var row = point.latent
        for parameter in parameters where parameter.kind == .choice {
            row[parameter.offset] = point.natural[parameter.offset]
        }
        return row
    }

    func point(kernelRow row: some Collection<Double>) -> Point {
        let values = Array(row)
        var point = Point(
            natural: Array(repeating: 0, count: dimension),
            latent: Array(repeating: 0, count: dimension))
        for parameter in parameters {
            for index in parameter.indices {
                if parameter.kind == .choice {
                    point.setNatural(parameter.clamp(values[index].rounded()), at: index, of: parameter)
                } else {
                    point.setLatent(values[index], at: index, of: parameter)
                }
            }
        }
        return point
    }
}
