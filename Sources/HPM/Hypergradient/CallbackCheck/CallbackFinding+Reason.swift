extension CallbackFinding {
    /// The raw values are the C interface's `hpm_finding_reason`.
    public enum Reason: Int32, Sendable {
        /// It was compared with another callback, or with itself by its symmetry.
        case comparison = 0
        /// It was asked again with the same input, of what no more can be tested or where it fails already.
        case repetition = 1
        /// It gives numbers that are not finite, or leaves some unwritten.
        case notFinite = 2
        /// There is no other callback to compare it with.
        case missingReference = 3
        /// The other callback is wrong itself.
        case wrongReference = 4
        /// The other callback agrees with it, and disagrees with a third.
        case disputedReference = 5
        /// The other callback's differences are not finite here.
        case referenceNotFinite = 6
        /// What was to be compared is beyond the range of the numbers.
        case tooLarge = 7
        /// A wrong number could hide in the rounding of the differences.
        case rounding = 8
        /// The differences depend on the length of their step, as where kinks are crossed.
        case kinks = 9
        /// An identity holds, as it would for any multiple of the callback's results.
        case identity = 10
    }
}
