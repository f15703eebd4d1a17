/// Two doubles at a time, which every processor of this library's platforms has in one register: loops over neighbouring
/// coordinates written once, an odd last one included. Each lane is computed as a single number would be, to the bit.
typealias Lanes = SIMD2<Double>

extension UnsafePointer<Double> {
    /// The numbers at an index and the one after it; where there is none, the first one twice.
    @inline(__always)
    func lanes(_ index: Int, _ isPair: Bool) -> Lanes {
        isPair
            ? UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
            : Lanes(repeating: self[index])
    }
}

extension UnsafeMutablePointer<Double> {
    @inline(__always)
    func lanes(_ index: Int, _ isPair: Bool) -> Lanes { UnsafePointer(self).lanes(index, isPair) }

    @inline(__always)
    func store(_ lanes: Lanes, _ index: Int, _ isPair: Bool) {
        if isPair {
            UnsafeMutableRawPointer(self + index).storeBytes(of: lanes, as: Lanes.self)
        } else {
            self[index] = lanes[0]
        }
    }
}

extension Lanes {
    typealias Mask = SIMDMask<SIMD2<Int64>>

    /// Calls `body` with each second index below `count`, and whether there is another after it.
    @inline(__always)
    static func each(below count: Int, _ body: (_ index: Int, _ isPair: Bool) -> Void) {
        var index = 0
        while index &+ 1 < count {
            body(index, true)
            index &+= 2
        }
        if index < count { body(index, false) }
    }

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
