import HPM

/// A struct of the caller that is written to. Its first member says its size, which is read once: a
/// callback may change it meanwhile.
struct StructTarget<Struct> {
    private let pointer: UnsafeMutableRawPointer
    private let size: Int

    /// - Parameter firstSize: That of the first version in which there was the struct: later ones only
    ///   append members.
    init(_ pointer: UnsafeMutableRawPointer, firstSize: UInt, _ name: String) throws(HPMError) {
        let size = pointer.loadUnaligned(as: UInt.self)
        guard size >= firstSize, size <= 4096, size.isMultiple(of: 8) else {
            throw HPMError(
                .argument,
                "\(name)->size is \(size); allowed: sizeof(\(Struct.self)), which is \(MemoryLayout<Struct>.size) here")
        }
        self.pointer = pointer
        self.size = Int(size)
    }

    /// Writes the members that the caller knows; the size is the one that was read.
    func write(_ value: Struct) {
        withUnsafeBytes(of: value) { bytes in
            let known = bytes.prefix(size)
            UnsafeMutableRawBufferPointer(start: pointer, count: known.count).copyBytes(from: known)
        }
        pointer.storeBytes(of: UInt(size), as: UInt.self)
    }
}
