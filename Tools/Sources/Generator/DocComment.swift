import SwiftSyntax

/// A piece of the Markdown that doc comments are written in.
indirect enum Block: Equatable {
    case paragraph(String)
    case item(marker: String, [Block])
    case code([String])
    case table([[String]])
}

/// A doc comment, split into what the C header and the reference lay out differently.
public struct DocComment {
    struct Field {
        let name: String
        let blocks: [Block]
    }

    var summary = ""
    var discussion: [Block] = []
    var parameters: [Field] = []
    /// `Returns`, `Thread safety` and so on, in the order of the source.
    var fields: [Field] = []

    static let fieldNames: Set<String> = [
        "Returns", "Errors", "Ownership", "Thread safety", "Complexity", "Source", "Since", "Note",
        "Warning", "See also",
    ]

    var isEmpty: Bool { summary.isEmpty }

    /// Summary and discussion.
    var prose: [Block] { [.paragraph(summary)] + discussion }

    var since: String? { fields.first { $0.name == "Since" }?.blocks.plainText }

    /// Every paragraph, wherever it stands.
    var allBlocks: [Block] {
        prose + parameters.flatMap(\.blocks) + fields.flatMap(\.blocks)
    }
}

extension DocComment {
    /// The doc comment directly before a declaration; empty if there is none.
    init(trivia: Trivia) {
        self.init(lines: Self.lines(of: trivia))
    }

    init(lines: [String]) {
        for block in Block.parse(lines) {
            if case .item(_, let content) = block, let (label, rest) = content.splitLabel() {
                if label == "Parameters" {
                    parameters += rest.compactMap(Self.parameter)
                    continue
                }
                if label.hasPrefix("Parameter ") {
                    let name = String(label.dropFirst("Parameter ".count))
                    parameters.append(Field(name: name, blocks: rest))
                    continue
                }
                if Self.fieldNames.contains(label) {
                    fields.append(Field(name: label, blocks: rest))
                    continue
                }
            }
            if summary.isEmpty, case .paragraph(let text) = block {
                summary = text
            } else {
                discussion.append(block)
            }
        }
    }

    private static func parameter(_ block: Block) -> Field? {
        guard case .item(_, let content) = block, let (name, rest) = content.splitLabel() else {
            return nil
        }
        return Field(name: name, blocks: rest)
    }

    private static func lines(of trivia: Trivia) -> [String] {
        var lines: [String] = []
        for piece in trivia.pieces {
            switch piece {
            case .docLineComment(let text):
                let line = text.dropFirst(3)
                lines.append(String(line.hasPrefix(" ") ? line.dropFirst() : line))
            case .docBlockComment(let text):
                lines += blockLines(text)
            case .newlines(let count) where count > 1:
                // A blank line detaches a comment: it belongs to the file, not the declaration.
                lines = []
            default:
                break
            }
        }
        return lines
    }

    private static func blockLines(_ text: String) -> [String] {
        let body = text.dropFirst(3).dropLast(2)
        var lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let content = line.drop { $0 == " " || $0 == "\t" }
            if content.hasPrefix("* ") { return String(content.dropFirst(2)) }
            return content == "*" ? "" : String(line)
        }
        if let first = lines.first { lines[0] = String(first.drop { $0 == " " }) }
        let indent = lines.dropFirst().filter { !$0.isBlank }.map(\.indent).min() ?? 0
        for index in lines.indices.dropFirst() { lines[index] = lines[index].dedented(by: indent) }
        return lines
    }
}

extension Block {
    static func parse(_ lines: [String]) -> [Block] {
        var blocks: [Block] = []
        var paragraph: [String] = []
        var index = 0

        func endParagraph() {
            if !paragraph.isEmpty { blocks.append(.paragraph(paragraph.joined(separator: " "))) }
            paragraph = []
        }

        while index < lines.count {
            let line = lines[index]
            let content = line.trimmed
            if content.isEmpty {
                endParagraph()
                index += 1
            } else if content.hasPrefix("```") {
                endParagraph()
                let end = lines[(index + 1)...].firstIndex { $0.trimmed == "```" } ?? lines.count
                blocks.append(.code(lines[(index + 1)..<end].map { $0.dedented(by: line.indent) }))
                index = end + 1
            } else if paragraph.isEmpty, line.indent >= 4 {
                let end =
                    lines[index...].firstIndex { !$0.isBlank && $0.indent < 4 } ?? lines.count
                var code = lines[index..<end].map { $0.dedented(by: 4) }
                while code.last?.isBlank == true { code.removeLast() }
                blocks.append(.code(code))
                index = end
            } else if content.hasPrefix("|") {
                endParagraph()
                let end = lines[index...].firstIndex { !$0.trimmed.hasPrefix("|") } ?? lines.count
                blocks.append(.table(lines[index..<end].compactMap(tableRow)))
                index = end
            } else if let marker = content.listMarker {
                endParagraph()
                let end = itemEnd(lines, start: index)
                let width = line.indent + marker.count + 1
                let first = String(content.dropFirst(marker.count + 1))
                let rest = lines[(index + 1)..<end]
                // Continuation lines may be indented by less than the width of the marker.
                let indent = rest.filter { !$0.isBlank }.map(\.indent).min() ?? width
                let dedented = rest.map { $0.dedented(by: min(width, indent)) }
                blocks.append(.item(marker: marker, parse([first] + dedented)))
                index = end
            } else {
                paragraph.append(content)
                index += 1
            }
        }
        endParagraph()
        return blocks
    }

    /// The line after an item: the next one that is neither indented nor a lazy continuation.
    private static func itemEnd(_ lines: [String], start: Int) -> Int {
        let indent = lines[start].indent
        var index = start + 1
        var afterBlank = false
        while index < lines.count {
            let line = lines[index]
            if line.isBlank {
                afterBlank = true
            } else if line.indent > indent {
                afterBlank = false
            } else if afterBlank || line.trimmed.listMarker != nil
                || line.trimmed.hasPrefix("```") || line.trimmed.hasPrefix("|")
            {
                break
            }
            index += 1
        }
        return index
    }

    /// The cells of a row; nil for the rule under a table's header.
    private static func tableRow(_ line: String) -> [String]? {
        let row = line.trimmed.dropFirst()
        let body = row.hasSuffix("|") ? row.dropLast() : row
        if body.allSatisfy({ "-:| ".contains($0) }) { return nil }
        return body.split(separator: "|", omittingEmptySubsequences: false).map {
            String($0).trimmed
        }
    }
}

extension [Block] {
    /// Splits `Label: text` off the first paragraph.
    func splitLabel() -> (label: String, rest: [Block])? {
        guard case .paragraph(let text) = first, let colon = text.firstIndex(of: ":") else {
            return nil
        }
        let rest = String(text[text.index(after: colon)...]).trimmed
        let label = String(text[..<colon].filter { $0 != "`" })
        return (label, (rest.isEmpty ? [] : [.paragraph(rest)]) + dropFirst())
    }

    /// The words alone, in one line.
    var plainText: String {
        map { block in
            switch block {
            case .paragraph(let text): text
            case .item(_, let content): content.plainText
            case .code(let lines): lines.joined(separator: " ")
            case .table(let rows): rows.flatMap { $0 }.joined(separator: " ")
            }
        }.joined(separator: " ")
    }

    func containsWord(_ word: String) -> Bool {
        plainText.split { !$0.isLetter }.contains { $0 == word }
    }
}

extension String {
    var trimmed: String {
        var text = drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    var isBlank: Bool { trimmed.isEmpty }

    var indent: Int { prefix { $0 == " " }.count }

    func dedented(by count: Int) -> String { String(dropFirst(min(count, indent))) }

    /// `-`, `*` or `1.` at the start of a list item.
    var listMarker: String? {
        if hasPrefix("- ") || hasPrefix("* ") { return String(prefix(1)) }
        let digits = prefix { $0.isNumber }
        if !digits.isEmpty, dropFirst(digits.count).hasPrefix(". ") { return digits + "." }
        return nil
    }
}
