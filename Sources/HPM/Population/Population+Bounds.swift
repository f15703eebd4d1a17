extension Population {
    /// This population with other bounds: every student stands where it stood in natural units, and the
    /// hypergradients of its latest report are pulled back by the new scale.
    ///
    /// - Throws: `argument` for another space, for bounds that a value is outside of, and for algorithms that remember
    ///   points by where they are between the bounds; `order` while clones or evaluations are to be made.
    /// - Complexity: O(population x dimension).
    func rebounded(_ space: SearchSpace) throws(HPMError) -> Population {
        if let difference = space.difference(from: self.space, ignoringBounds: true) {
            throw HPMError(.argument, "the space differs in more than its bounds: \(difference)")
        }
        guard strategy.allowsOtherBounds else {
            throw HPMError(
                .argument,
                "algorithm \(options.algorithm.name) does not take other bounds: what it knows was learned between the old ones")
        }
        let isBetweenRounds =
            queue.isEmpty && unmutated.isEmpty && joining.isEmpty
            && tasks.allSatisfy { !$0.isOpen || $0.action == .train }
        guard isBetweenRounds else {
            throw HPMError(.order, "clones are being made; other bounds are allowed once all students train")
        }
        var points: [Point] = []
        for student in 0..<size {
            _ = try space.point(natural: students.reportedHyperparameters(student))
            points.append(try space.point(natural: hyperparameters(of: student)))
        }
        var encoder = SnapshotEncoder()
        encode(into: &encoder, bounds: space)
        let result = encoder.bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(HPMError) in
                var decoder = SnapshotDecoder(bytes)
                return try Population(&decoder)
            }
        }
        var rebounded = try result.get()
        for student in 0..<size { rebounded.students.place(student, points[student], .decision) }
        if rebounded.coordinates != .natural { rebounded.scaleGradients(from: self.space) }
        rebounded.students.journal = students.journal
        rebounded.observers = observers
        rebounded.isStopRequested = isStopRequested
        return rebounded
    }

    private mutating func scaleGradients(from old: SearchSpace) {
        for (parameter, before) in zip(space.parameters, old.parameters) where parameter.kind.isReal {
            for student in 0..<size {
                for index in parameter.indices {
                    let place = student * dimension + index
                    let natural = students.reported[place]
                    let slope = before.map.slope(atNatural: natural)
                    guard slope > 0, !students.gradients[place].isNaN else { continue }
                    students.gradients[place] = Gradient.limited(
                        students.gradients[place] / slope * parameter.map.slope(atNatural: natural))
                }
            }
        }
    }
}
