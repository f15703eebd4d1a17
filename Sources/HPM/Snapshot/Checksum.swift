/// CRC-64 (ECMA-182 polynomial, reflected, as in xz): finds every burst of up to 64 flipped bits.
enum Checksum {
    private static let table: [UInt64] = (0..<256).map { byte in
        (0..<8).reduce(UInt64(byte)) { value, _ in
            value & 1 == 1 ? value >> 1 ^ 0xC96C_5795_D787_0F42 : value >> 1
        }
    }

    static func crc64(_ bytes: some Sequence<UInt8>) -> UInt64 {
        let table = table
        var value = ~UInt64(0)
        for byte in bytes {
            value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8
        }
        return ~value
    }
}
