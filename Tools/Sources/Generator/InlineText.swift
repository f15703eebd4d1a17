/// A run of prose: words, or a code span.
enum InlineText: Equatable {
    case words(String)
    case code(String)
    /// A reference to another symbol, in double backticks.
    case reference(String)

    static func parse(_ text: String) -> [InlineText] {
        var pieces: [InlineText] = []
        var rest = text[...]
        while let tick = rest.firstIndex(of: "`") {
            let fence = rest[tick...].hasPrefix("``") ? "``" : "`"
            let start = rest.index(tick, offsetBy: fence.count)
            guard let close = rest[start...].firstRange(of: fence) else { break }
            if tick > rest.startIndex { pieces.append(.words(String(rest[..<tick]))) }
            let content = String(rest[start..<close.lowerBound])
            pieces.append(fence == "``" ? .reference(content) : .code(content))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { pieces.append(.words(String(rest))) }
        return pieces
    }

    /// The symbols that a comment refers to.
    static func references(in blocks: [Block]) -> [String] {
        blocks.flatMap { block -> [String] in
            switch block {
            case .paragraph(let text):
                parse(text).compactMap { piece in
                    if case .reference(let name) = piece { name } else { nil }
                }
            case .item(_, let content): references(in: content)
            case .code: []
            case .table(let rows):
                references(in: rows.flatMap { $0 }.map { Block.paragraph($0) })
            }
        }
    }
}
