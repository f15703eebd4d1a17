/// The loops over coordinates that Gaussian processes spend their time in, several observations side by side.
///
/// Each sum adds its terms in the order of one plain loop, coordinates or observations ascending, so results are those of
/// the plain formula to the bit; only independent sums share a register. That is 0.15 to 0.25 ns for a term of a squared
/// distance in place of 1.3, the latency of one addition.
enum KernelLoops {
    /// Neighbouring coordinates of one kind, and where it is asked for of one group.
    struct Run: Equatable, Sendable {
        var range: Range<Int>
        let isCategorical: Bool
        let group: Int
    }

    /// - Parameter groups: Of each coordinate; runs of equal ones.
    static func runs(isCategorical: [Bool], groups: [Int]) -> [Run] {
        var result: [Run] = []
        for index in isCategorical.indices {
            let last = result.count - 1
            if last >= 0, result[last].isCategorical == isCategorical[index], result[last].group == groups[index] {
                result[last].range = result[last].range.lowerBound..<index + 1
            } else {
                result.append(Run(range: index..<index + 1, isCategorical: isCategorical[index], group: groups[index]))
            }
        }
        return result
    }

    /// Adds a run's share of the squared distances between a point x and `count` others o,
    ///
    ///     sum_c w_c (x_c - o_c)²,   of choices sum_c w_c [x_c ≠ o_c].
    ///
    /// - Parameters:
    ///   - others: Row-major: count x width.
    ///   - sums: Of each of the others, `stride` apart.
    /// - Complexity: O(count x run).
    static func addSquares(
        _ run: Run, _ point: UnsafePointer<Double>, _ others: UnsafePointer<Double>, count: Int, width: Int,
        weights: UnsafePointer<Double>, to sums: UnsafeMutablePointer<Double>, stride: Int = 1
    ) {
        var index = 0
        while index &+ 8 <= count {
            let (row0, row2) = (others + index &* width, others + (index &+ 2) &* width)
            let (row4, row6) = (row2 + 2 &* width, row2 + 4 &* width)
            let (row1, row3, row5, row7) = (row0 + width, row2 + width, row4 + width, row6 + width)
            let first = sums + index &* stride
            var sums01 = Lanes(first[0], first[stride])
            var sums23 = Lanes(first[2 &* stride], first[3 &* stride])
            var sums45 = Lanes(first[4 &* stride], first[5 &* stride])
            var sums67 = Lanes(first[6 &* stride], first[7 &* stride])
            for coordinate in run.range {
                let (x, weight) = (point[coordinate], weights[coordinate])
                add(Lanes(row0[coordinate], row1[coordinate]), x, weight, run.isCategorical, to: &sums01)
                add(Lanes(row2[coordinate], row3[coordinate]), x, weight, run.isCategorical, to: &sums23)
                add(Lanes(row4[coordinate], row5[coordinate]), x, weight, run.isCategorical, to: &sums45)
                add(Lanes(row6[coordinate], row7[coordinate]), x, weight, run.isCategorical, to: &sums67)
            }
            (first[0], first[stride]) = (sums01[0], sums01[1])
            (first[2 &* stride], first[3 &* stride]) = (sums23[0], sums23[1])
            (first[4 &* stride], first[5 &* stride]) = (sums45[0], sums45[1])
            (first[6 &* stride], first[7 &* stride]) = (sums67[0], sums67[1])
            index &+= 8
        }
        while index < count {
            // Of an odd last one the other lane repeats it.
            let next = min(index &+ 1, count &- 1)
            let (row, other) = (others + index &* width, others + next &* width)
            var both = Lanes(sums[index &* stride], sums[next &* stride])
            for coordinate in run.range {
                add(
                    Lanes(row[coordinate], other[coordinate]), point[coordinate], weights[coordinate],
                    run.isCategorical, to: &both)
            }
            (sums[index &* stride], sums[next &* stride]) = (both[0], both[1])
            index &+= 2
        }
    }

    /// One coordinate of two rows.
    @inline(__always)
    private static func add(
        _ others: Lanes, _ x: Double, _ weight: Double, _ isCategorical: Bool, to sums: inout Lanes
    ) {
        if isCategorical {
            sums += Lanes(repeating: weight).replacing(with: 0, where: others .== x)
        } else {
            let difference = Lanes(repeating: x) - others
            sums += weight * difference * difference
        }
    }

    /// Adds sum_i a_i w_c (x_c - o_ic) to one vector over c and the same with b_i to another.
    ///
    /// - Parameters:
    ///   - others: Row-major: count x width.
    ///   - first: a; count numbers, as `second`, b.
    /// - Complexity: O(count x run).
    static func addSlopes(
        _ range: Range<Int>, _ point: UnsafePointer<Double>, _ others: UnsafePointer<Double>, count: Int, width: Int,
        weights: UnsafePointer<Double>, first: UnsafePointer<Double>, second: UnsafePointer<Double>,
        to firstSums: UnsafeMutablePointer<Double>, _ secondSums: UnsafeMutablePointer<Double>
    ) {
        var index = 0
        while index < count {
            let rows = others + index * width
            let (a, b) = (first + index, second + index)
            if index + 4 <= count {
                let (a0, a1) = (Lanes(repeating: a[0]), Lanes(repeating: a[1]))
                let (a2, a3) = (Lanes(repeating: a[2]), Lanes(repeating: a[3]))
                let (b0, b1) = (Lanes(repeating: b[0]), Lanes(repeating: b[1]))
                let (b2, b3) = (Lanes(repeating: b[2]), Lanes(repeating: b[3]))
                Lanes.each(in: range) { coordinate, isPair in
                    let x = point.lanes(coordinate, isPair)
                    let weight = weights.lanes(coordinate, isPair)
                    let column = rows + coordinate
                    let d0 = weight * (x - column.lanes(0, isPair))
                    let d1 = weight * (x - column.lanes(width, isPair))
                    let d2 = weight * (x - column.lanes(2 * width, isPair))
                    let d3 = weight * (x - column.lanes(3 * width, isPair))
                    var sums = firstSums.lanes(coordinate, isPair)
                    sums += a0 * d0
                    sums += a1 * d1
                    sums += a2 * d2
                    sums += a3 * d3
                    firstSums.store(sums, coordinate, isPair)
                    sums = secondSums.lanes(coordinate, isPair)
                    sums += b0 * d0
                    sums += b1 * d1
                    sums += b2 * d2
                    sums += b3 * d3
                    secondSums.store(sums, coordinate, isPair)
                }
                index += 4
            } else {
                let (a0, b0) = (Lanes(repeating: a[0]), Lanes(repeating: b[0]))
                Lanes.each(in: range) { coordinate, isPair in
                    let difference =
                        weights.lanes(coordinate, isPair)
                        * (point.lanes(coordinate, isPair) - rows.lanes(coordinate, isPair))
                    firstSums.store(firstSums.lanes(coordinate, isPair) + a0 * difference, coordinate, isPair)
                    secondSums.store(secondSums.lanes(coordinate, isPair) + b0 * difference, coordinate, isPair)
                }
                index += 1
            }
        }
    }
}

extension Lanes {
    /// Calls `body` with each second index of a range, and whether there is another after it.
    @inline(__always)
    static func each(in range: Range<Int>, _ body: (_ index: Int, _ isPair: Bool) -> Void) {
        each(below: range.count) { body(range.lowerBound &+ $0, $1) }
    }
}
