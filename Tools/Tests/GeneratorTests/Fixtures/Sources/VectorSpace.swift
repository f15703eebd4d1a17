/// Called for each gadget.
///
/// - Parameters:
///   - values: Array of `n`.
///   - results: Array of `n` that receives results.
/// - Returns: 0; anything else ends the visit.
public typealias hpm_visit_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ values: UnsafePointer<Double>?,
    _ results: UnsafeMutablePointer<Float>?, _ loss: UnsafeMutablePointer<Double>?, _ n: UInt,
    _ report: hpm_report_pointer?
) -> Int32

/// Called at the end, without anything.
public typealias hpm_end_callback = @convention(c) () -> Void

/**
 * What a visit found.
 */
public struct hpm_report {
    /// Its size in bytes.
    public var size: UInt
    /// The status.
    public var status: hpm_status
    public var text: UnsafePointer<CChar>?
    /// Called last; may be NULL.
    public var end: hpm_end_callback?

    public static let zero = 0
    public var isEmpty: Bool { size == 0 }
    public init() { fatalError() }
}
public typealias hpm_report_pointer = UnsafeRawPointer

/// The limits of a gadget, which the caller makes and the library fills; its summary is so long that
/// it takes two lines.
public struct hpm_limits {
    public var low: Double
    public var high: Double
}
public typealias hpm_limits_pointer = UnsafeMutableRawPointer

/// What a gadget is limited to.
/// - Parameter limits: Receives the limits.
@_cdecl("hpm_gadget_limits")
public func hpm_gadget_limits(_ limits: hpm_limits_pointer?) -> hpm_status { 0 }
