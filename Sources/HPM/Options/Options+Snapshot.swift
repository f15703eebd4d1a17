extension ResolvedOptions {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(OptionKey.all) { encoder, key in
            encoder.put(key.name)
            encoder.put(key.text(self))
        }
    }
}

extension Options {
    init(_ decoder: inout SnapshotDecoder) throws(HPMError) {
        self.init()
        for _ in 0..<(try decoder.count(ofSize: 16, "the options")) {
            let key = try decoder.string()
            let value = try decoder.string()
            do throws(HPMError) {
                try set(key, to: value)
            } catch {
                throw SnapshotDecoder.damaged(error.message)
            }
        }
    }
}
