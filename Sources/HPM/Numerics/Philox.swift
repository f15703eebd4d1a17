/// The counter-based random function Philox4x64-10: a block of random bits for each counter and key,
/// with no state, so that a draw depends on what it is for and not on the order of the draws.
///
/// Source: Salmon, Moraes, Dror and Shaw, 'Parallel random numbers: as easy as 1, 2, 3', SC 2011.
enum Philox {
    static func block(
        counter: SIMD4<UInt64>, key: SIMD2<UInt64>
    ) -> SIMD4<UInt64> {
        var state = counter
        var key = key
        for _ in 0..<10 {
            let first = state[0].multipliedFullWidth(by: 0xD2E7_470E_E14C_6C93)
            let second = state[2].multipliedFullWidth(by: 0xCA5A_8263_9512_1157)
            state = SIMD4(
                second.high ^ state[1] ^ key[0], second.low,
                first.high ^ state[3] ^ key[1], first.low)
            key &+= SIMD2(0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B)
        }
        return state
    }
}
