/// Arrays as JSON, for those who read a run's file with other programs.
enum JSONArray {
    /// Numbers, finite ones, which are written so that they are read back to the bit.
    static func of(_ numbers: some Sequence<Double>) -> [UInt8] {
        joined(numbers.lazy.map { Array("\($0)".utf8) })
    }

    static func of(_ numbers: some Sequence<Int>) -> [UInt8] {
        joined(numbers.lazy.map { Array("\($0)".utf8) })
    }

    static func of(_ texts: some Sequence<String>) -> [UInt8] {
        joined(texts.lazy.map(quoted))
    }

    private static func joined(_ elements: some Sequence<[UInt8]>) -> [UInt8] {
        var bytes = [UInt8(ascii: "[")]
        for element in elements {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += element
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }

    private static func quoted(_ text: String) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var bytes = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<32: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        return bytes + [UInt8(ascii: "\"")]
    }
}
