/// A gadget. Its keys:
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `size` | 8 | how large it is |
/// | `mode` | `fast`, or `slow` where the gadget is large and nothing else, such as `medium`, was asked for by `hpm_gadget` | what it does, at a length for which the last column of this table is too narrow, so that it is wrapped |
public typealias hpm_gadget = OpaquePointer

/// Creates a gadget.
///
/// 1. The first paragraph of a list.
/// 2. The second, with code:
///    ```c
///    if (n > 0) {
///        go();
///    }
///    ```
///
/// - Parameters:
///   - name: Its name, UTF-8; copied.
///   - labels: Array of `count` strings, not empty: a rather long line that goes on
///     over the end of the line.
///   - count: The number of labels.
///   - out: Receives the gadget.
/// - Returns: `HPM_OK`, or
///   - `HPM_AGAIN` where it exists;
///   - `HPM_ERROR` else.
/// - Ownership: The caller's.
/// - Thread safety: Any thread.
/// - Complexity: O(count).
/// - Since: 0.1
@_cdecl("hpm_gadget_create")
public func hpm_gadget_create(
    _ name: UnsafePointer<CChar>?, _ labels: UnsafePointer<UnsafePointer<CChar>?>?,
    _ count: UInt, _ out: UnsafeMutablePointer<hpm_gadget?>?
) -> hpm_status { 0 }

/// Destroys a gadget.
/// - Parameter gadget: NULL does nothing.
@_cdecl("hpm_gadget_destroy")
public func hpm_gadget_destroy(_ gadget: hpm_gadget?) {}

/// Takes one of everything.
///
/// - Parameters:
///   - gadget: The gadget.
///   - flag: A number.
///   - big: A number.
///   - mask: A number.
///   - huge: A number.
///   - ratio: A number.
///   - context: Anything. May be NULL.
///   - data: Anything, read.
///   - bytes: Bytes.
///   - room: Room for bytes.
///   - text: Array of `n` that receives text. NULL: the size alone.
///   - values: Numbers.
///   - result: Receives one number; never NULL.
///   - results: Array of `n` that receives numbers.
///   - counts: Receives a count.
///   - statuses: Array of `n` statuses.
///   - visit: The callback.
///   - report: What was found.
/// - Returns: What ``hpm_visit_callback`` returned.
@_cdecl("hpm_gadget_everything")
public func hpm_gadget_everything(
    _ gadget: hpm_gadget?, _ flag: Int32, _ big: Int64, _ mask: hpm_switches, _ huge: UInt64,
    _ ratio: Float, _ context: UnsafeMutableRawPointer?, _ data: UnsafeRawPointer?,
    _ bytes: UnsafePointer<UInt8>?, _ room: UnsafeMutablePointer<UInt8>?,
    _ text: UnsafeMutablePointer<CChar>?, _ values: UnsafePointer<Double>?,
    _ result: UnsafeMutablePointer<Double>?, _ results: UnsafeMutablePointer<Double>?,
    _ counts: UnsafeMutablePointer<UInt>?, _ statuses: UnsafeMutablePointer<hpm_status>?,
    _ visit: hpm_visit_callback?, _ report: hpm_report_pointer?
) -> Int32 { 0 }
