extension Options {
    /// An option that is given here and has another value there.
    public struct Difference: Equatable, Sendable {
        public let key: String
        /// As ``Options/set(_:to:)-(_,String)`` takes them.
        public let given: String
        public let other: String
    }

    /// The given options that differ from those of a population, in the order of the table. What is not given differs
    /// from nothing: a default may depend on other options, and on the library's version.
    public func differences(from other: ResolvedOptions) -> [Difference] {
        let resolved = resolved()
        return OptionKey.all.compactMap { key in
            let (given, other) = (key.text(resolved), key.text(other))
            return key.isGiven(in: self) && given != other ? Difference(key: key.name, given: given, other: other) : nil
        }
    }
}
