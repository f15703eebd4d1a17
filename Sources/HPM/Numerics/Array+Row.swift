extension Array {
    /// Copies a row of a row-major matrix onto another.
    mutating func copyRow(_ source: Int, to target: Int, width: Int) {
        for offset in 0..<width {
            self[target * width + offset] = self[source * width + offset]
        }
    }
}
