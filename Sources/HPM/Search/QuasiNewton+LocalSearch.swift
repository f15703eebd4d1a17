extension QuasiNewton {
    /// Of a local search.
    static let capacity = 10

    /// The pairs of a local search. Its gradients are the user's and may be noisy, so that fewer of them
    /// are taken than of a function that is known in closed form.
    init() {
        self.init(capacity: Self.capacity, leastCosine: 1e-10)
    }
}
