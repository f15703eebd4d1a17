import Testing
@testable import HPM

@Suite struct ChecksumTests {
    /// The check value of CRC-64/XZ in the catalogue of parametrised CRC algorithms.
    @Test func checkValue() {
        #expect(Checksum.crc64(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
        #expect(Checksum.crc64([UInt8]()) == 0)
    }

    /// Bit by bit, without a table.
    @Test func bitwise() {
        var random = TestRandom(1)
        for length in [1, 2, 7, 64, 300] {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var value = UInt64.max
            for byte in bytes {
                for bit in 0..<8 {
                    let input = UInt64(byte >> UInt8(bit)) & 1
                    let feedback = (value & 1) ^ input
                    value >>= 1
                    if feedback == 1 { value ^= 0xC96C_5795_D787_0F42 }
                }
            }
            #expect(Checksum.crc64(bytes) == ~value)
        }
    }
}
