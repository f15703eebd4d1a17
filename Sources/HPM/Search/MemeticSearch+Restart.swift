extension MemeticSearch {
    /// Puts a spent search's best into the memory and begins a new one.
    ///
    /// - Returns: Its first point, in latent coordinates.
    mutating func restart(_ student: Int, from point: Point) -> [Double] {
        if let best = searches[student].best { memory.insert(best, tolerance: tolerance) }
        searches[student].restart(box: box)
        var random = RandomStream(
            seed: seed, purpose: .search, student: student, event: searches[student].restarts)
        return child(of: pool, in: point.latent, &random)
    }

    /// The best that is known, best first.
    private var pool: [KnownPoint] {
        SearchMemory.best(
            of: memory.points + searches.compactMap(\.iterate?.known), tolerance: tolerance)
    }

    /// One of the best four, changed by a random step or, one time in two, by a difference of two of the
    /// pool; in some of the coordinates, at least one. Where nothing is known, drawn uniformly.
    ///
    /// - Parameter latent: Where coordinates that are not moved by mutation stay.
    private func child(
        of pool: [KnownPoint], in latent: [Double], _ random: inout RandomStream
    ) -> [Double] {
        var child = latent
        guard !box.mutable.isEmpty else { return child }
        guard !pool.isEmpty else {
            for index in box.mutable { child[index] = random.uniform() }
            return child
        }
        let parent = pool[random.index(below: min(4, pool.count))].point.latent
        let isDifference = random.uniform() >= 0.5 && pool.count >= 3
        for index in child.indices where box.descends[index] { child[index] = parent[index] }
        for index in box.mutable { child[index] = parent[index] }

        let (shares, change): ([Double], (Int, inout RandomStream) -> Double)
        if isDifference {
            let first = random.index(below: pool.count)
            let second = (first + 1 + random.index(below: pool.count - 1)) % pool.count
            let factor = random.uniform() < 0.5 ? 0.5 : 0.8
            let (left, right) = (pool[first].point.latent, pool[second].point.latent)
            shares = [0.1, 0.5, 0.9]
            change = { index, _ in factor * (left[index] - right[index]) }
        } else {
            let scale = Elementary.pow(10, -2 + 1.5 * random.uniform())
            shares = [0.2, 1]
            change = { _, random in scale * random.normal() }
        }
        let share = shares[random.index(below: shares.count)]
        let sure = box.mutable[random.index(below: box.mutable.count)]
        let moved = box.mutable.filter { _ in random.uniform() < share }
        for index in moved.isEmpty ? [sure] : moved {
            child[index] = GaussianMutator.reflect(child[index] + change(index, &random))
        }
        return child
    }
}
