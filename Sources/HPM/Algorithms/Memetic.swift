extension Algorithm {
    /// Local searches with a common memory, for losses that are functions of the hyperparameters alone:
    /// ``MemeticSearch``.
    public static let memetic = Algorithm(
        name: "memetic", population: 4, bytesOfCoordinate: 512, needsHypergradients: true,
        memory: { [(3 * SearchMemory.capacity, $0.dimension, 16)] },
        check: { setup throws(HPMError) in try MemeticSearch.requireSearchable(setup.space) },
        options: { _ in [] },
        makeStrategy: { setup, students in MemeticSearch(setup, &students) })
}
