import HPM

/// A library of gadgets.
///
/// Its **whole** use is *two* calls, ``hpm_gadget_create`` and `n >= dimension`:
///
///     hpm_gadget_create("a", &gadget);
///
/// - one thing, which goes on for so long that it has to be wrapped, since it is longer than the
///   width of the page
/// - another
public let HPM_VERSION: StaticString = "1.2.3"
/// The first component.
public let HPM_VERSION_MAJOR: Int32 = 1
public let HPM_VERSION_MINOR: Int32 = 2
public let HPM_VERSION_PATCH: Int32 = 3
/// Of the binary interface.
public let HPM_ABI_VERSION: Int32 = 4
/// Not below zero.
public let HPM_LOWEST: Int32 = -1

/// The version of the library.
/// - Returns: A string that is never freed.
/// - Since: 0.1
@_cdecl("hpm_version")
public func hpm_version() -> UnsafePointer<CChar> { "1.2.3" }

// None of these belongs to the interface.
let HPM_SECRET: Int32 = 1
public func helper() {}
public struct Helper {}
extension Helper { public func hpm_member() {} }
