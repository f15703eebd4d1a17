/// One option: its key, what it may be, its default, and what it means. The header's table, Python's help and
/// docs/options.md are made from ``all``.
public struct OptionKey: Sendable {
    public let name: String
    /// The default, in words.
    public let usual: String
    /// What it may be, in words.
    public let values: String
    public let meaning: String
    let access: Access

    enum Access: Sendable {
        /// `automatic`: -1 stands for the default.
        case integer(
            WritableKeyPath<Options, Int?> & Sendable, WritableKeyPath<ResolvedOptions, Int> & Sendable,
            ClosedRange<Int>, automatic: Bool)
        case real(
            WritableKeyPath<Options, Double?> & Sendable,
            WritableKeyPath<ResolvedOptions, Double> & Sendable, ClosedRange<Double>)
        case word([String], set: @Sendable (inout Options, String) -> Void, isGiven: @Sendable (Options) -> Bool)
    }

    /// Decides the option, where those before it in ``all`` are decided.
    let resolve: @Sendable (Options, inout ResolvedOptions) -> Void
    /// The value as ``Options/set(_:to:)-(_,String)`` takes it.
    let text: @Sendable (ResolvedOptions) -> String

    static func named(_ name: String) throws(HPMError) -> OptionKey {
        for key in all where key.name == name { return key }
        throw HPMError(
            .argument,
            "key '\(name)' is no option; allowed: \(all.map(\.name).joined(separator: ", "))")
    }

    func isGiven(in options: Options) -> Bool {
        switch access {
        case .integer(let path, _, _, _): options[keyPath: path] != nil
        case .real(let path, _, _): options[keyPath: path] != nil
        case .word(_, _, let isGiven): isGiven(options)
        }
    }

    /// What the option may be, for the end of a sentence.
    var allowed: String {
        switch access {
        case .integer(_, _, let range, let automatic):
            (range.upperBound == Int.max
                ? "whole numbers, \(range.lowerBound) or more"
                : "whole numbers, \(range.lowerBound) to \(range.upperBound)")
                + (automatic ? ", or -1 for the algorithm's default" : "")
        case .real(_, _, let range):
            range.upperBound == Double.greatestFiniteMagnitude
                ? "finite numbers, \(range.lowerBound) or more"
                : "numbers, \(range.lowerBound) to \(range.upperBound)"
        case .word(let words, _, _):
            words.joined(separator: ", ")
        }
    }

    func refuse(_ value: String) -> HPMError {
        HPMError(.argument, "option '\(name)' is \(value); allowed: \(allowed)")
    }
}

// MARK: Rows

extension OptionKey {
    static func integer(
        _ name: String, _ given: WritableKeyPath<Options, Int?> & Sendable,
        _ resolved: WritableKeyPath<ResolvedOptions, Int> & Sendable, _ range: ClosedRange<Int>,
        automatic: Bool = false, usual: String, values: String, _ meaning: String,
        _ decide: @escaping @Sendable (ResolvedOptions) -> Int
    ) -> OptionKey {
        OptionKey(
            name: name, usual: usual, values: values, meaning: meaning,
            access: .integer(given, resolved, range, automatic: automatic),
            resolve: { $1[keyPath: resolved] = $0[keyPath: given] ?? decide($1) },
            text: { "\($0[keyPath: resolved])" })
    }

    static func real(
        _ name: String, _ given: WritableKeyPath<Options, Double?> & Sendable,
        _ resolved: WritableKeyPath<ResolvedOptions, Double> & Sendable, _ range: ClosedRange<Double>,
        usual: String, values: String, _ meaning: String,
        _ decide: @escaping @Sendable (ResolvedOptions) -> Double
    ) -> OptionKey {
        OptionKey(
            name: name, usual: usual, values: values, meaning: meaning,
            access: .real(given, resolved, range),
            resolve: { $1[keyPath: resolved] = $0[keyPath: given] ?? decide($1) },
            text: { "\($0[keyPath: resolved])" })
    }

    static func word<Value: Sendable>(
        _ name: String, _ given: WritableKeyPath<Options, Value?> & Sendable,
        _ resolved: WritableKeyPath<ResolvedOptions, Value> & Sendable, _ members: [Value],
        _ text: @escaping @Sendable (Value) -> String, usual: String, values: String? = nil,
        _ meaning: String, _ decide: @escaping @Sendable (ResolvedOptions) -> Value
    ) -> OptionKey {
        OptionKey(
            name: name, usual: usual,
            values: values ?? members.map { "`\(text($0))`" }.joined(separator: ", "), meaning: meaning,
            access: .word(
                members.map(text),
                set: { options, word in options[keyPath: given] = members.first { text($0) == word } },
                isGiven: { $0[keyPath: given] != nil }),
            resolve: { $1[keyPath: resolved] = $0[keyPath: given] ?? decide($1) },
            text: { text($0[keyPath: resolved]) })
    }
}

// MARK: By key

extension Options {
    /// Sets an option by its key.
    ///
    /// - Throws: `argument` for an unknown key, one of another type, or a value that is not allowed.
    ///   The message lists what is; nothing is changed.
    public mutating func set(_ key: String, to value: Int64) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .integer(let path, _, let range, let automatic):
            let isAutomatic = automatic && value == -1
            guard let whole = Int(exactly: value), isAutomatic || range.contains(whole) else {
                throw option.refuse("\(value)")
            }
            self[keyPath: path] = isAutomatic ? nil : whole
        case .real:
            try set(key, to: Double(value))
        case .word:
            throw option.refuse("the number \(value)")
        }
    }

    /// As ``set(_:to:)`` for whole numbers.
    public mutating func set(_ key: String, to value: Double) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .real(let path, _, let range):
            guard range.contains(value) else { throw option.refuse("\(value)") }
            self[keyPath: path] = value
        case .integer, .word:
            throw option.refuse("the real number \(value)")
        }
    }

    /// As ``set(_:to:)`` for whole numbers; numbers are given as decimal text.
    public mutating func set(_ key: String, to value: String) throws(HPMError) {
        let option = try OptionKey.named(key)
        switch option.access {
        case .word(let words, let assign, _):
            guard words.contains(value) else { throw option.refuse("'\(value)'") }
            assign(&self, value)
        case .integer:
            guard let whole = Int64(value) else { throw option.refuse("'\(value)'") }
            try set(key, to: whole)
        case .real:
            let isDecimal = value.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
            guard isDecimal, let number = Double(value) else { throw option.refuse("'\(value)'") }
            try set(key, to: number)
        }
    }

    /// - Throws: `argument`, naming the option, for a value that is not allowed.
    public func validate() throws(HPMError) {
        for option in OptionKey.all {
            switch option.access {
            case .integer(let path, _, let range, _):
                if let value = self[keyPath: path], !range.contains(value) {
                    throw option.refuse("\(value)")
                }
            case .real(let path, _, let range):
                if let value = self[keyPath: path], !range.contains(value) {
                    throw option.refuse("\(value)")
                }
            case .word: continue
            }
        }
    }

    /// Every default decided.
    public func resolved() -> ResolvedOptions {
        var resolved = ResolvedOptions()
        for key in OptionKey.all { key.resolve(self, &resolved) }
        return resolved
    }

    /// What is given and not read by the algorithm with these options.
    func unread() -> [String] {
        let resolved = resolved()
        let read = OptionKey.alwaysRead.union(resolved.algorithm.options(resolved))
        return OptionKey.all.filter { $0.isGiven(in: self) && !read.contains($0.name) }.map(\.name)
    }
}

extension ResolvedOptions {
    /// An option by its key, as ``Options/set(_:to:)-(_,String)`` takes it.
    ///
    /// - Throws: `argument` for an unknown key; the message lists them.
    public func text(of key: String) throws(HPMError) -> String {
        try OptionKey.named(key).text(self)
    }
}
