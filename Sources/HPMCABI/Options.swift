import HPM

/// The options of a population or a teacher, each with a default.
///
/// <options>
public typealias hpm_options = OpaquePointer

/// Creates options, all at their defaults.
///
/// - Parameter out: Receives the options.
/// - Returns: `HPM_OK`, or `HPM_ERROR_ARGUMENT` where `out` is NULL.
/// - Ownership: The caller's, until ``hpm_options_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_create")
public func hpm_options_create(_ out: UnsafeMutablePointer<hpm_options?>?) -> hpm_status {
    attempt { () throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = try Handles.insert(Options())
    }
}

/// Destroys options. Populations that were made with them keep their copy.
///
/// - Parameter options: The options; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where they are no living options.
/// - Thread safety: Any thread; a call that is under way on the handle ends unharmed.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_destroy")
public func hpm_options_destroy(_ options: hpm_options?) -> hpm_status {
    destroy(options, Options.self)
}

/// Sets an option to a whole number: one of the integer options, or a real one.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The value.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key or a value that is not allowed: the
///   sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_integer")
public func hpm_options_set_integer(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: Int64
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: value)
    }
}

/// Sets a real option.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The value, finite.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key, one of another type, or a value that
///   is not allowed: the sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_real")
public func hpm_options_set_real(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: Double
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: value)
    }
}

/// Sets an option from text: a word for those that take one, decimal text for the numbers.
///
/// - Parameters:
///   - options: The options.
///   - key: A key of the table at `hpm_options`.
///   - value: The text, UTF-8; copied.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` (an unknown key or a value that is not allowed: the
///   sentence lists what is) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_options_set_string")
public func hpm_options_set_string(
    _ options: hpm_options?, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> hpm_status {
    edit(options, Options.self) { (options) throws(HPMError) in
        try options.set(try string(key, "key"), to: try string(value, "value"))
    }
}

/// The names of the options, one after the other.
///
/// - Parameter index: From 0.
/// - Returns: A NUL-terminated string that is never freed; NULL past the last.
/// - Thread safety: Any thread.
/// - Since: 0.1
@_cdecl("hpm_option_name")
public func hpm_option_name(_ index: UInt) -> UnsafePointer<CChar>? {
    constantName(OptionKey.all.map(\.name), index)
}

/// The names of the algorithms, one after the other.
///
/// - Parameter index: From 0.
/// - Returns: A NUL-terminated string that is never freed; NULL past the last.
/// - Thread safety: Any thread.
/// - Since: 0.1
@_cdecl("hpm_algorithm_name")
public func hpm_algorithm_name(_ index: UInt) -> UnsafePointer<CChar>? {
    constantName(Algorithm.all.map(\.name), index)
}
