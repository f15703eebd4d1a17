/// Two doubles at a time, which every processor of this library's platforms has in one register: loops over neighbouring
/// coordinates written once, an odd last one included. Each lane is computed as a single number would be, to the bit.
typealias Lanes = SIMD2<Double>

extension UnsafePointer<Double> {
    /// The numbers at an index and the one after it; where that is beyond `count`, the first one twice.
    @inline(__always)
    func lanes(_ index: Int, _ count: Int) -> Lanes {
        index &+ 1 < count
            ? UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
            : Lanes(repeating: self[index])
    }
}

extension UnsafeMutablePointer<Double> {
    @inline(__always)
    func lanes(_ index: Int, _ count: Int) -> Lanes { UnsafePointer(self).lanes(index, count) }

    @inline(__always)
    func store(_ lanes: Lanes, _ index: Int, _ count: Int) {
        if index &+ 1 < count {
            UnsafeMutableRawPointer(self + index).storeBytes(of: lanes, as: Lanes.self)
        } else {
            self[index] = lanes[0]
        }
    }
}

extension Lanes {
    typealias Mask = SIMDMask<SIMD2<Int64>>

    /// Which are numbers.
    @inline(__always)
    var isNumber: Mask { self .== self }

    /// `self` where the mask is set, else the other.
    @inline(__always)
    func or(_ other: Lanes, _ mask: Mask) -> Lanes { other.replacing(with: self, where: mask) }

    /// 0 where it is below.
    @inline(__always)
    var positive: Lanes { replacing(with: Lanes(), where: self .<= Lanes()) }

    @inline(__always)
    var size: Lanes { or(-self, self .>= Lanes()) }

    /// The roots of both.
    @inline(__always)
    var root: Lanes { Lanes(self[0].squareRoot(), self[1].squareRoot()) }
}
