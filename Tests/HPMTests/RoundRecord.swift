import Testing
@testable import HPM

/// One round as a client sees it: what each student was told, nil where it had to wait.
struct RoundRecord: Equatable, Sendable {
    var action: Action
    var sources: [Int?]
    var hyperparameters: [[Double]?]

    var students: [Int] { sources.indices.filter { sources[$0] != nil } }
}

extension Population {
    /// Asks and answers until every report of a round is in.
    ///
    /// - Parameters:
    ///   - number: The number of the round in the run, on which the landscape's noise depends.
    ///   - order: Shuffles the students; nil: in student order.
    /// - Returns: nil where the answer is stop.
    mutating func driveRound(
        _ number: Int, _ landscape: Landscape, order: inout TestRandom?,
        costs: ((Int, Action) -> (training: Double, hypergradient: Double))? = nil
    ) throws -> RoundRecord? {
        var students = Array(0..<size)
        if order != nil { students.shuffle(using: &order!) }
        var record = RoundRecord(
            action: .wait, sources: Array(repeating: nil, count: size),
            hyperparameters: Array(repeating: nil, count: size))
        for student in students {
            let assignment = next(student)
            if assignment.action == .stop { return nil }
            if assignment.action == .wait { continue }
            try #require(record.action == .wait || record.action == assignment.action)
            record.action = assignment.action
            record.sources[student] = assignment.source
            record.hyperparameters[student] = assignment.hyperparameters
        }
        if order != nil { students.shuffle(using: &order!) }
        for student in students {
            guard let hyperparameters = record.hyperparameters[student] else { continue }
            let response = landscape.respond(space, hyperparameters, round: number, student: student)
            if let cost = costs?(student, record.action) {
                try reportCost(student, training: cost.training, hypergradient: cost.hypergradient)
            }
            switch record.action {
            case .train, .evaluate:
                try report(student, loss: response.loss, hypergradient: response.hypergradient)
            default:
                try report(student)
            }
        }
        return record
    }

    /// Drives up to `count` rounds in student order, or in orders drawn with `orderSeed`.
    @discardableResult
    mutating func drive(
        rounds count: Int, from first: Int = 0, _ landscape: Landscape, orderSeed: Int? = nil
    ) throws -> [RoundRecord] {
        var order = orderSeed.map { TestRandom($0) }
        var records: [RoundRecord] = []
        for number in first..<first + count {
            guard let record = try driveRound(number, landscape, order: &order) else { break }
            records.append(record)
        }
        return records
    }
}
