/// The counter-based random function Philox4x64-10: a block of random bits for each counter and key,
/// with no state, so that a draw depends on what it is for and not on the order of the draws.
///
/// Source: Salmon, Moraes, Dror and Shaw, 'Parallel random numbers: as easy as 1, 2, 3', SC 2011.
enum Philox {
    static func block(
        counter: SIMD4<UInt64>, key: SIMD2<UInt64>
    ) -> SIMD4<UInt64> {
        // As single numbers: products of 64 bits are none of vector registers, and the way there and back takes longer.
        var (a, b, c, d) = (counter[0], counter[1], counter[2], counter[3])
        var (left, right) = (key[0], key[1])
        for _ in 0..<10 {
            let first = a.multipliedFullWidth(by: 0xD2E7_470E_E14C_6C93)
            let second = c.multipliedFullWidth(by: 0xCA5A_8263_9512_1157)
            (a, b, c, d) = (second.high ^ b ^ left, second.low, first.high ^ d ^ right, first.low)
            left &+= 0x9E37_79B9_7F4A_7C15
            right &+= 0xBB67_AE85_84CA_A73B
        }
        return SIMD4(a, b, c, d)
    }
}
