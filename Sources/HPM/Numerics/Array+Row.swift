extension Array {
    /// Copies a row of a row-major matrix onto another.
    mutating func copyRow(_ source: Int, to target: Int, width: Int) {
        withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, source != target else { return }
            (base + target * width).update(from: base + source * width, count: width)
        }
    }
}
