/// One option as the C interface sees it: its key, the type of its values and what they may be.
struct OptionKey: Sendable {
    enum Access: Sendable {
        case integer(WritableKeyPath<Options, Int> & Sendable, ClosedRange<Int>)
        case real(WritableKeyPath<Options, Double> & Sendable, ClosedRange<Double>)
        /// -1 stands for nil.
        case optionalInteger(WritableKeyPath<Options, Int?> & Sendable, ClosedRange<Int>)
        case optionalReal(WritableKeyPath<Options, Double?> & Sendable, ClosedRange<Double>)
        case word(
            @Sendable () -> [String], get: @Sendable (Options) -> String?,
            set: @Sendable (inout Options, String) -> Void)
    }

    let name: String
    let access: Access

    static let all: [OptionKey] = [
        OptionKey(name: "population", access: .optionalInteger(\.population, 1...Int.max)),
        OptionKey(name: "seed", access: .integer(\.seed, 0...Int.max)),
        OptionKey(name: "steps", access: .integer(\.steps, 0...Int.max)),
        word("algorithm", \.algorithm, Algorithm.all, \.name),
        OptionKey(name: "interval", access: .integer(\.interval, 1...Int.max)),
        OptionKey(name: "burn_in", access: .integer(\.burnIn, 0...Int.max)),
        OptionKey(name: "truncation", access: .real(\.truncation, 0...0.5)),
        OptionKey(
            name: "sub_populations", access: .optionalInteger(\.subPopulations, 1...Int.max)),
        OptionKey(name: "frequency_ratio", access: .integer(\.frequencyRatio, 1...Int.max)),
        OptionKey(name: "trial", access: .integer(\.trial, 0...Int.max)),
        word("hyper_optimizer", \.hyperOptimizer, OptimizerKind.allCases, \.rawValue),
        OptionKey(
            name: "hyper_learning_rate",
            access: .optionalReal(\.hyperLearningRate, 0...Double.greatestFiniteMagnitude)),
        word("teacher", \.teacher, TeacherKind.allCases, \.rawValue),
        OptionKey(name: "teacher_units", access: .integer(\.teacherUnits, 1...Int.max)),
        word("teacher_squashing", \.teacherSquashing, Squashing.allCases, \.rawValue),
        word("teacher_activation", \.teacherActivation, TeacherActivation.allCases, \.rawValue),
        OptionKey(
            name: "teacher_learning_rate",
            access: .real(\.teacherLearningRate, 0...1e6)),
        OptionKey(
            name: "teacher_evaluations", access: .optionalInteger(\.teacherEvaluations, 0...Int.max)),
        OptionKey(name: "mutation_scale", access: .optionalReal(\.mutationScale, 0...1)),
        OptionKey(name: "teacher_share", access: .real(\.teacherShare, 0...1)),
        word("direction", \.direction, Options.Direction.allCases, \.rawValue),
        word("schedule", \.schedule, Options.Schedule.allCases, \.rawValue),
        word("estimator", \.estimator, EstimatorKind.allCases, \.rawValue),
        OptionKey(
            name: "estimator_iterations", access: .integer(\.estimatorIterations, 1...Int.max)),
        OptionKey(
            name: "estimator_learning_rate", access: .real(\.estimatorLearningRate, positive)),
        OptionKey(
            name: "estimator_tolerance", access: .real(\.estimatorTolerance, 0...1.0.nextDown)),
        OptionKey(
            name: "estimator_damping",
            access: .optionalReal(\.estimatorDamping, 0...Double.greatestFiniteMagnitude)),
        OptionKey(
            name: "estimator_checkpoints", access: .integer(\.estimatorCheckpoints, 0...Int.max)),
        OptionKey(name: "estimator_step", access: .real(\.estimatorStep, positive)),
        OptionKey(name: "difference_step", access: .optionalReal(\.differenceStep, positive)),
        OptionKey(name: "check_tolerance", access: .optionalReal(\.checkTolerance, 0...1)),
    ]

    private static let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude

    private static func word<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Options, Value> & Sendable, _ values: [Value],
        _ text: @escaping @Sendable (Value) -> String
    ) -> OptionKey {
        OptionKey(
            name: name,
            access: .word(
                { values.map(text) }, get: { text($0[keyPath: path]) },
                set: { options, word in
                    if let value = values.first(where: { text($0) == word }) {
                        options[keyPath: path] = value
                    }
                }))
    }

    private static func word<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Options, Value?> & Sendable, _ values: [Value],
        _ text: @escaping @Sendable (Value) -> String
    ) -> OptionKey {
        OptionKey(
            name: name,
            access: .word(
                { values.map(text) }, get: { $0[keyPath: path].map(text) },
                set: { options, word in
                    if let value = values.first(where: { text($0) == word }) {
                        options[keyPath: path] = value
                    }
                }))
    }

    static func named(_ name: String) throws(HPMError) -> OptionKey {
        for key in all where key.name == name { return key }
        throw HPMError(
            .argument,
            "key '\(name)' is no option; allowed: \(all.map(\.name).joined(separator: ", "))")
    }

    /// What the option may be, for the end of a sentence.
    var allowed: String {
        switch access {
        case .integer(_, let range):
            range.upperBound == Int.max
                ? "whole numbers, \(range.lowerBound) or more"
                : "whole numbers, \(range.lowerBound) to \(range.upperBound)"
        case .optionalInteger(_, let range):
            "whole numbers, \(range.lowerBound) or more, or -1 for the algorithm's default"
        case .real(_, let range), .optionalReal(_, let range):
            range.upperBound == Double.greatestFiniteMagnitude
                ? "finite numbers, \(range.lowerBound) or more"
                : "numbers, \(range.lowerBound) to \(range.upperBound)"
        case .word(let words, _, _):
            words().joined(separator: ", ")
        }
    }

    func refuse(_ value: String) -> HPMError {
        HPMError(.argument, "option '\(name)' is \(value); allowed: \(allowed)")
    }
}

extension Options {
    /// Sets an option by its key.
    ///
    /// - Throws: `argument` for an unknown key, one of another type, or a value that is not allowed.
    ///   The message lists what is; nothing is changed.
    public mutating func set(_ key: String, to value: Int64) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .integer(let path, let range):
            guard let whole = Int(exactly: value), range.contains(whole) else {
                throw option.refuse("\(value)")
            }
            self[keyPath: path] = whole
        case .optionalInteger(let path, let range):
            guard let whole = Int(exactly: value), whole == -1 || range.contains(whole) else {
                throw option.refuse("\(value)")
            }
            self[keyPath: path] = whole == -1 ? nil : whole
        case .real, .optionalReal:
            try set(key, to: Double(value))
        case .word:
            throw option.refuse("the number \(value)")
        }
    }

    /// As ``set(_:to:)`` for whole numbers.
    public mutating func set(_ key: String, to value: Double) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .real(let path, let range):
            guard range.contains(value) else { throw option.refuse("\(value)") }
            self[keyPath: path] = value
        case .optionalReal(let path, let range):
            guard range.contains(value) else { throw option.refuse("\(value)") }
            self[keyPath: path] = value
        case .integer, .optionalInteger, .word:
            throw option.refuse("the real number \(value)")
        }
    }

    /// As ``set(_:to:)`` for whole numbers; numbers are given as decimal text.
    public mutating func set(_ key: String, to value: String) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .word(let words, _, let assign):
            guard words().contains(value) else { throw option.refuse("'\(value)'") }
            assign(&self, value)
        case .integer, .optionalInteger:
            guard let whole = Int64(value) else { throw option.refuse("'\(value)'") }
            try set(key, to: whole)
        case .real, .optionalReal:
            let isDecimal = value.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
            guard isDecimal, let number = Double(value) else { throw option.refuse("'\(value)'") }
            try set(key, to: number)
        }
    }

    /// - Throws: `argument`, naming the option, for a value that is not allowed.
    public func validate() throws(HPMError) {
        var copy = self
        for option in OptionKey.all {
            switch option.access {
            case .integer(let path, _): try copy.set(option.name, to: Int64(self[keyPath: path]))
            case .real(let path, _): try copy.set(option.name, to: self[keyPath: path])
            case .optionalInteger(let path, let range):
                if let value = self[keyPath: path], !range.contains(value) {
                    throw option.refuse("\(value)")
                }
            case .optionalReal(let path, _):
                if let value = self[keyPath: path] { try copy.set(option.name, to: value) }
            case .word: continue
            }
        }
    }
}
