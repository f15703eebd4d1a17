extension SearchSpace {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(parameters) { encoder, parameter in
            encoder.put(parameter.name)
            encoder.put(parameter.kind.rawValue)
            encoder.put(count: parameter.count)
            encoder.put(parameter.labels) { $0.put($1) }
            encoder.put(parameter.scale.rawValue)
            encoder.put(parameter.low)
            encoder.put(parameter.high)
            encoder.put(parameter.initial) { $0.put($1) }
            // The role stands in the second byte, which was 0 before there were roles.
            encoder.put(parameter.update.rawValue | parameter.role.rawValue << 8)
        }
    }

    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self.init()
        do throws(HPMError) {
            for _ in 0..<(try decoder.count(ofSize: 43, "the space")) {
                try decodeParameter(&decoder)
            }
        } catch {
            throw error.code == .memory || error.code == .snapshot
                ? error : SnapshotDecoder.damaged(error.message)
        }
    }

    private mutating func decodeParameter(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        let name = try decoder.string()
        let kind = Hyperparameter.Kind(rawValue: try decoder.integer(UInt8.self))
        let count = try decoder.index(below: Int.max, "a block's count")
        let labels = try decoder.array(minimumSize: 8, "the labels") { (decoder) throws(HPMError) in
            try decoder.string()
        }
        let scale = Scale(rawValue: try decoder.integer(Int32.self))
        let low = try decoder.double()
        let high = try decoder.double()
        let initial = try decoder.optional { (decoder) throws(HPMError) in
            try decoder.double(in: SnapshotDecoder.finite, "an initial value")
        }
        let flags = try decoder.integer(Int32.self)
        guard let kind, let scale, let update = Update(rawValue: flags & 0xff), let role = Role(rawValue: flags >> 8)
        else {
            throw SnapshotDecoder.damaged("a parameter is of no known kind")
        }
        switch kind {
        case .real:
            try addReal(name, low: low, high: high, scale: scale, initial: initial)
        case .block:
            try addBlock(name, count: count, low: low, high: high, scale: scale, initial: initial)
        case .integer:
            try addInteger(name, low: low, high: high, scale: scale, initial: initial)
        case .choice:
            try addChoice(name, labels: labels, initial: initial.flatMap { Int(exactly: $0) })
        }
        try setUpdate(update, of: name)
        try setRole(role, of: name)
    }

    func decodeNatural(_ decoder: inout SnapshotDecoder) throws(HPMError) -> [Double] {
        let values = try decoder.doubles(count: dimension, in: SnapshotDecoder.finite, "the hyperparameters")
        for parameter in parameters {
            for index in parameter.indices where parameter.complaint(about: values[index]) != nil {
                throw SnapshotDecoder.damaged("'\(parameter.name)' is \(values[index])")
            }
        }
        return values
    }

    func decodePoint(_ decoder: inout SnapshotDecoder) throws(HPMError) -> Point {
        Point(
            natural: try decodeNatural(&decoder),
            latent: try decoder.doubles(count: dimension, in: 0...1, "the latent coordinates"))
    }
}

extension Point {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(natural)
        encoder.put(latent)
    }
}
