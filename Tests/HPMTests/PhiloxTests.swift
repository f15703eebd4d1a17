import Testing
@testable import HPM

@Suite struct PhiloxTests {
    /// Random123's `kat_vectors` for philox4x64 with 10 rounds (checked against numpy's Philox too).
    @Test func knownAnswers() {
        let ones = UInt64.max
        #expect(
            Philox.block(counter: SIMD4(0, 0, 0, 0), key: SIMD2(0, 0))
                == SIMD4(
                    0x1655_4d9e_ca36_314c, 0xdb20_fe9d_672d_0fdc, 0xd7e7_72ce_e186_176b,
                    0x7e68_b68a_ec7b_a23b))
        #expect(
            Philox.block(counter: SIMD4(ones, ones, ones, ones), key: SIMD2(ones, ones))
                == SIMD4(
                    0x87b0_92c3_013f_e90b, 0x438c_3c67_be8d_0224, 0x9cc7_d7c6_9cd7_77b6,
                    0xa09c_aebf_594f_0ba0))
        #expect(
            Philox.block(
                counter: SIMD4(
                    0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0,
                    0x082e_fa98_ec4e_6c89),
                key: SIMD2(0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c))
                == SIMD4(
                    0xa528_f454_03e6_1d95, 0x38c7_2dbd_566e_9788, 0xa5a1_610e_72fd_18b5,
                    0x57bd_43b5_e52b_7fe6))
    }

    /// The round function written with 128-bit products instead of vectors.
    @Test func secondImplementation() {
        func block(_ counter: [UInt64], _ key: [UInt64]) -> [UInt64] {
            var x = counter
            for round in 0..<10 {
                let first = UInt128(0xD2E7_470E_E14C_6C93 as UInt64) * UInt128(x[0])
                let second = UInt128(0xCA5A_8263_9512_1157 as UInt64) * UInt128(x[2])
                let k0 = key[0] &+ UInt64(round) &* 0x9E37_79B9_7F4A_7C15
                let k1 = key[1] &+ UInt64(round) &* 0xBB67_AE85_84CA_A73B
                x = [
                    UInt64(second >> 64) ^ x[1] ^ k0, UInt64(truncatingIfNeeded: second),
                    UInt64(first >> 64) ^ x[3] ^ k1, UInt64(truncatingIfNeeded: first),
                ]
            }
            return x
        }
        var random = TestRandom(1)
        for _ in 0..<200 {
            let c = (0..<4).map { _ in random.next() }
            let k = (0..<2).map { _ in random.next() }
            let expected = block(c, k)
            #expect(
                Philox.block(counter: SIMD4(c[0], c[1], c[2], c[3]), key: SIMD2(k[0], k[1]))
                    == SIMD4(expected[0], expected[1], expected[2], expected[3]),
                "counter \(c), key \(k)")
        }
    }
}
