import Testing
@testable import HPM

/// The parts of `memetic`.
@Suite struct LocalSearchTests {
    private func box(_ dimension: Int) throws -> SearchBox { SearchBox(try Spaces.box(dimension)) }

    private func known(_ latent: [Double], _ loss: Double) -> KnownPoint {
        KnownPoint(point: Point(natural: latent, latent: latent), loss: loss)
    }

    /// Without pairs: -D g / |g|, what points out of the box left out.
    @Test func projectedGradient() throws {
        let box = try box(4)
        #expect((box.firstRadius - 0.2).magnitude < 1e-15 && box.largestRadius == 1)
        var search = LocalSearch(box: box)
        search.begin(
            at: Point(natural: [0, 1, 0, 0.5], latent: [0, 1, 0, 0.5]), loss: 1, gradient: [2, -3, -4, 3])
        let planned = search.plan(tolerance: 0, box: box)
        let target = try #require(planned)
        let expected = [0, 1, 0.2 * 4 / 5, 0.5 - 0.2 * 3 / 5]
        for (value, expected) in zip(target, expected) { #expect((value - expected).magnitude < 1e-15) }
        // All of it points out.
        search = LocalSearch(box: box)
        search.begin(at: Point(natural: [0, 1, 0, 1], latent: [0, 1, 0, 1]), loss: 1, gradient: [2, -3, 4, -3])
        #expect(search.plan(tolerance: 0, box: box) == nil)
    }

    /// The region: doubled by long accepted steps up to its largest, cut by rejected ones.
    @Test func trustRegion() throws {
        let box = try box(1)
        var search = LocalSearch(box: box)
        search.begin(at: Point(natural: [0.9], latent: [0.9]), loss: 10, gradient: [1])
        func step(_ loss: Double, _ gradient: Double) throws -> Double {
            let planned = search.plan(tolerance: 0, box: box)
            let target = try #require(planned)
            search.advance(
                to: Point(natural: target, latent: target), loss: loss, gradient: [gradient], common: 0,
                box: box)
            return target[0]
        }
        #expect(try step(9, 1) == 0.8)
        #expect(search.radius == 0.2 && (search.rate - 0.3).magnitude < 1e-15)
        #expect(search.iterate?.known.loss == 9 && search.pairs.isEmpty)
        #expect((try step(11, 1) - 0.6).magnitude < 1e-15)
        #expect((search.radius - 0.07).magnitude < 1e-15 && (search.rate - 0.21).magnitude < 1e-15)
        #expect(search.iterate?.known.point.latent == [0.8] && search.best?.loss == 9)
        // |9 - 10 + 0.1|, |11 - 9 + 0.2|
        #expect((search.residuals[0] - 0.9).magnitude < 1e-12 && (search.residuals[1] - 2.2).magnitude < 1e-12)
        #expect((try step(8, 0.5) - 0.73).magnitude < 1e-15)
        #expect(search.pairs.steps.count == 1 && search.age == 3)
        #expect((search.radius - 0.14).magnitude < 1e-15)
        // An equal value is no decrease.
        _ = try step(8, 0.4)
        #expect(search.iterate?.known.loss == 8)
        for _ in 0..<12 { _ = try step(0, 0.4) }
        #expect(search.radius <= 0.5)
    }

    /// In noise: shortened by 1 / (1 + j / 2), accepted in any case, averaged, D and pairs untouched.
    @Test func stepsInNoise() throws {
        let box = try box(1)
        var search = LocalSearch(box: box)
        search.begin(at: Point(natural: [0.5], latent: [0.5]), loss: 10, gradient: [1])
        search.reversals = 2
        // Predicted: 0.1 / 2 < 1.
        let planned = search.plan(tolerance: 1, box: box)
        var target = try #require(planned)
        #expect(search.step?.isInNoise == true && (target[0] - 0.45).magnitude < 1e-15)
        search.advance(
            to: Point(natural: target, latent: target), loss: 12, gradient: [-3], common: 1, box: box)
        // tz = (1 - 3) (-0.05) / 2 = 0.05; E = (10.05 + 12) / 2.
        let value = try #require(search.iterate?.known)
        #expect((value.value - 11.025).magnitude < 1e-12 && value.count == 2 && value.loss == 12)
        #expect(search.reversals == 3 && search.pairs.isEmpty && search.radius == 0.1)
        #expect((search.rate + 0.3 * 1.025).magnitude < 1e-12)
        // A larger count is kept as the best although its bound may be higher.
        #expect(search.best?.count == 2)
        // A surprise of 13 tolerances starts the mean anew.
        let replanned = search.plan(tolerance: 1, box: box)
        target = try #require(replanned)
        #expect((target[0] - 0.45 - 0.1 / 2.5).magnitude < 1e-12)
        search.advance(
            to: Point(natural: target, latent: target), loss: 50, gradient: [-3], common: 1, box: box)
        #expect(search.iterate?.known.count == 1 && search.iterate?.known.value == 50)
        #expect(search.reversals == 3)
    }

    /// An estimate is given up where it is further from the value than noise explains.
    @Test func credible() throws {
        var point = known([0.5], 3)
        point.value = 1
        point.count = 4
        #expect(point.credible(0.2) == point && point.bound(0.2) == 1 + 8.9 * 0.2 / 2)
        #expect(point.credible(0.1) == known([0.5], 3) && point.bound(0.1) == 3 + 8.9 * 0.1)
        let box = try box(1)
        var search = LocalSearch(box: box)
        search.begin(at: point.point, loss: 3, gradient: [1])
        search.iterate?.known = point
        _ = search.plan(tolerance: 0.1, box: box)
        #expect(search.iterate?.known == known([0.5], 3))
    }

    /// The best that lie apart, at most 20, best first.
    @Test func memory() {
        var memory = SearchMemory()
        memory.insert(known([0.5, 0.5], 3), tolerance: 0)
        memory.insert(known([0.505, 0.495], 2), tolerance: 0)
        #expect(memory.points.map(\.loss) == [2])
        memory.insert(known([0.505, 0.51], 2.5), tolerance: 0)
        #expect(memory.points.map(\.loss) == [2, 2.5])
        memory.insert(known([0.502, 0.502], 1), tolerance: 0)
        #expect(memory.points.map(\.loss) == [1])
        for number in 0..<30 { memory.insert(known([0.03 * Double(number), 0], Double(30 - number)), tolerance: 0) }
        #expect(memory.points.map(\.loss) == [1] + (1...19).map(Double.init))
        // By E + sigma / sqrt(c).
        var sure = known([0.9, 0.9], 1.5)
        sure.count = 100
        memory.insert(sure, tolerance: 0.1)
        #expect(memory.points[0] == sure)
    }

    private func search(_ students: Int) throws -> MemeticSearch {
        MemeticSearch(space: try Spaces.box(2), students: students, seed: 1)
    }

    private func point(_ latent: [Double]) -> Point { Point(natural: latent, latent: latent) }

    /// Own residuals count once there are five, before that the smallest median of the others.
    @Test func tolerances() throws {
        var search = try search(3)
        #expect(search.tolerance == 0)
        search.searches[0].residuals = [5, 1, 4, 2, 3]
        search.searches[1].residuals = [0.3, 0.1, 0.5, 0.2, 0.4]
        search.searches[2].residuals = [9, 9, 9, 9]
        #expect(search.tolerance(of: 0) == 2 && search.tolerance(of: 1) == 0.2)
        #expect(search.tolerance(of: 2) == 0.3 && search.tolerance == 0.3)
        var two = try self.search(2)
        two.searches[0].residuals = [5, 1, 4, 2, 3]
        #expect(two.tolerance(of: 1) == 3 && two.tolerance == 2.5)
        // Nobody has enough: the last that each knew.
        two.searches[0].lastTolerance = 2
        two.searches[1].lastTolerance = 5
        for student in 0..<2 { two.searches[student].restart(box: two.box) }
        #expect(two.tolerance(of: 0) == 2 && two.tolerance(of: 1) == 5 && two.tolerance == 3.5)
    }

    @Test(arguments: 0..<50)
    func median(seed: Int) {
        var random = TestRandom(seed)
        for count in 1...30 {
            // Many equal ones.
            var numbers = (0..<count).map { _ in Double(random.index(1 + seed)) }
            let sorted = numbers.sorted()
            let expected =
                count.isMultiple(of: 2)
                ? sorted[count / 2 - 1] / 2 + sorted[count / 2] / 2 : sorted[count / 2]
            #expect(Median.of(&numbers) == expected, "seed \(seed)")
            #expect(numbers.sorted() == sorted)
        }
    }

    /// Both students at their first point, then student 1 so many steps old at a rate.
    private func aged(
        _ age: Int, rate: Double = 0, loss: Double = 2, at latent: [Double] = [0.2, 0.2]
    ) throws -> MemeticSearch {
        var search = try search(2)
        _ = search.advance(0, from: point([0.5, 0.5]), loss: 1, gradient: [1, 1])
        _ = search.advance(1, from: point(latent), loss: loss, gradient: [1, 1])
        search.searches[1].age = age
        // After the next step, which changes nothing: 0.7 of this.
        search.searches[1].rate = rate / 0.7
        return search
    }

    private func isSpentNext(_ search: MemeticSearch) -> Bool {
        var search = search
        _ = search.advance(
            1, from: point([0.21, 0.21]), loss: 1000, gradient: [1, 1])
        return search.searches[1].restarts == 1
    }

    @Test func spentByRate() throws {
        #expect(isSpentNext(try aged(4)))
        // Patience.
        #expect(!isSpentNext(try aged(3)))
        // Twenty steps of this rate: just there, and just not.
        #expect(!isSpentNext(try aged(9, rate: 0.0501)))
        #expect(isSpentNext(try aged(9, rate: 0.0499)))
        #expect(isSpentNext(try aged(9, rate: -1)))
        // The best itself goes on while it descends.
        #expect(!isSpentNext(try aged(9, rate: 1e-9, loss: 0.5)))
        #expect(isSpentNext(try aged(9, rate: 0, loss: 0.5)))
    }

    @Test func spentNearABetterOne() throws {
        #expect(isSpentNext(try aged(9, rate: 9, at: [0.5005, 0.4995])))
        #expect(!isSpentNext(try aged(3, rate: 9, at: [0.5005, 0.4995])))
        #expect(!isSpentNext(try aged(9, rate: 9, at: [0.5005, 0.498])))
        // It is the better one.
        #expect(!isSpentNext(try aged(9, rate: 9, loss: 0.5, at: [0.5005, 0.4995])))
    }

    /// In noise it may stay until j = 20, while E - 3 tol / sqrt(c) is below the best known value.
    @Test func spentInNoise() throws {
        func outcome(reversals: Int, loss: Double) throws -> Bool {
            var search = try aged(9, loss: loss)
            for student in 0..<2 { search.searches[student].residuals = [1, 1, 1, 1, 1] }
            search.searches[1].step = LocalSearch.Step(
                direction: [0.01, 0.01], tolerance: 1, kind: .inNoise)
            search.searches[1].reversals = reversals
            _ = search.advance(1, from: point([0.21, 0.21]), loss: loss - 0.01, gradient: [-1, -1])
            return search.searches[1].restarts == 1
        }
        // The best known: 1 + 8.9.
        #expect(try !outcome(reversals: 0, loss: 11))
        #expect(try outcome(reversals: 20, loss: 11))
        #expect(try outcome(reversals: 0, loss: 14))
    }

    /// What a spent search leaves, and what its child keeps.
    @Test func restart() throws {
        var search = try aged(9)
        search.searches[1].residuals = [1, 2, 3]
        let target = search.advance(1, from: point([0.21, 0.21]), loss: 1000, gradient: [1, 1])
        let fresh = search.searches[1]
        #expect(search.memory.points.map(\.loss) == [2])
        #expect(fresh.iterate == nil && fresh.step == nil && fresh.best == nil && fresh.pairs.isEmpty)
        #expect(fresh.age == 0 && fresh.rate == 0 && fresh.reversals == 0 && fresh.residuals.isEmpty)
        #expect(fresh.radius == search.box.firstRadius && fresh.restarts == 1)
        #expect(target != [0.5, 0.5] && target != [0.2, 0.2])
        #expect(target.allSatisfy { (0...1).contains($0) })
    }

    /// Children: of the best four, in all or some coordinates, at least one.
    @Test func children() throws {
        let space = try Spaces.box(6)
        var search = MemeticSearch(space: space, students: 1, seed: 3)
        // All in one place but for the first coordinate, which tells the parent.
        for number in 0..<8 {
            let latent = [0.1 * Double(number)] + Array(repeating: 0.5, count: 5)
            search.memory.insert(known(latent, Double(number)), tolerance: 0)
        }
        var counts = Array(repeating: 0, count: 8)
        var (all, single) = (0, 0)
        for _ in 0..<2000 {
            let child = search.restart(0, from: point(Array(repeating: 0.5, count: 6)))
            #expect(child.allSatisfy { (0...1).contains($0) })
            let moved = child.dropFirst().filter { $0 != 0.5 }.count
            if moved == 5 { all += 1 }
            if moved == 1 { single += 1 }
            let place = (child[0] * 10).rounded()
            if (child[0] * 10 - place).magnitude < 1e-9, place < 8 { counts[Int(place)] += 1 }
        }
        // Gaussian in all coordinates: a half of a half; differences move the first alone.
        #expect(isShareWithinFiveSigma(all, of: 2000, 0.25))
        #expect(single > 100)
        #expect(counts[..<4].min()! > 100 && counts[..<4].max()! > counts[4...].max()!)
    }

    @Test func normOfAnySize() {
        #expect((Vector.norm([3e200, 4e200]) / 5e200 - 1).magnitude < 1e-15)
        #expect((Vector.norm([3e-200, 4e-200]) / 5e-200 - 1).magnitude < 1e-15)
        #expect(Vector.norm([0, 0]) == 0 && Vector.norm([]) == 0)
        #expect(Vector.norm([.infinity, 1]) == .infinity && Vector.norm([.nan, .infinity]).isNaN)
    }
}
