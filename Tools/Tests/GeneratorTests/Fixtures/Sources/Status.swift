/// The outcome of a call.
public typealias hpm_status = Int32
/// Success.
public let HPM_OK: hpm_status = 0
/// A word that needs more than one line: ``hpm_gadget_create`` was called twice for one name, and
/// the second call gave the gadget of the first.
/// - Since: 0.2
public let HPM_AGAIN: hpm_status = 1
public let HPM_ERROR: hpm_status = -0x10

/// A set of switches.
public typealias hpm_switches = UInt32
/// Its comment is long, so all of this type stand above their constants: it tells at length what a
/// switch is, which is a thing that is on or off, and it goes on until there are three lines, after
/// which no reader can be expected to look to the right of a constant for the rest of the text.
public let HPM_SWITCH_LONG: hpm_switches = 1
/// Short.
public let HPM_SWITCH_SHORT: hpm_switches = 2
