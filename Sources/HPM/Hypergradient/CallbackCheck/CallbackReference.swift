/// What a callback is compared with.
struct CallbackReference {
    let words: String
    /// The callback that it is made of; nil: the one that is tested.
    let callback: String?
    /// Whether what contradicts it is wrong.
    let isTrusted: Bool
    /// The name of an identity, which holds for any multiple of a product.
    let identity: String?

    static func differences(of callback: String, isTrusted: Bool) -> CallbackReference {
        CallbackReference(
            words: "differences of \(callback)", callback: callback, isTrusted: isTrusted,
            identity: nil)
    }

    static var symmetry: CallbackReference {
        CallbackReference(words: "v.Hu", callback: nil, isTrusted: true, identity: "its symmetry")
    }

    /// - Parameter isTrusted: Whether step_forward is known to be right, so that it gives the size, too.
    static func stepForward(isTrusted: Bool) -> CallbackReference {
        CallbackReference(
            words: "the adjoint identity with step_forward", callback: "step_forward",
            isTrusted: isTrusted,
            identity: isTrusted ? nil : "the adjoint identity with step_forward")
    }
}
