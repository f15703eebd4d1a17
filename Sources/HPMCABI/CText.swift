/// A text of the library's that C code reads: NUL-terminated UTF-8, freed with this object.
final class CText {
    private let bytes: UnsafeMutablePointer<CChar>

    init(_ text: String) {
        let utf8 = text.utf8
        bytes = .allocate(capacity: utf8.count + 1)
        for (index, byte) in utf8.enumerated() { bytes[index] = CChar(bitPattern: byte) }
        bytes[utf8.count] = 0
    }

    deinit {
        bytes.deallocate()
    }

    var pointer: UnsafePointer<CChar> { UnsafePointer(bytes) }
}
