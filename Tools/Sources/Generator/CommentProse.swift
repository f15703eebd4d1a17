/// Documentation as the comments of the C header word it.
struct CommentProse {
    private let functions: Set<String>
    private let width = 97

    init(_ interface: Interface) {
        functions = Set(interface.functions.map(\.name))
    }

    func layout(width: Int) -> TextLayout { TextLayout(width: width, inline: inline) }

    func blocks(_ doc: DocComment) -> [String] {
        doc.isEmpty ? [] : layout(width: width).lines(doc.prose) + fields(doc)
    }

    /// What is said about a constant or member: one line, to be wrapped, where one will do.
    func remark(_ doc: DocComment) -> [String] {
        if doc.isEmpty { return [] }
        let layout = layout(width: .max)
        let fields = fields(doc, width: .max).dropFirst()
        if doc.discussion.isEmpty, fields.count <= 1 {
            return [([inline(doc.summary)] + fields).joined(separator: " ")]
        }
        return layout.lines(doc.prose) + (fields.isEmpty ? [] : [""]) + fields
    }

    /// Prose, then a line for each parameter, then what is returned and the rest.
    func function(_ signature: Signature) -> [String] {
        let doc = signature.doc
        let layout = layout(width: width)
        var lines = layout.lines(doc.prose)
        let described = signature.parameters.filter { !$0.doc.isEmpty }
        if !described.isEmpty {
            let column = (described.map(\.name.count).max() ?? 0) + 4
            lines.append("")
            for parameter in described {
                let label = ("  " + parameter.name).padded(to: column)
                lines += layout.hanging(label, parameter.doc, indent: column)
            }
        }
        return lines + fields(doc)
    }

    /// A blank line, then the fields. Short ones share a line: most functions have the same.
    private func fields(_ doc: DocComment, width: Int? = nil) -> [String] {
        if doc.fields.isEmpty { return [] }
        let width = width ?? self.width
        let layout = layout(width: width)
        var lines = [""]
        var mayJoin = false
        for field in doc.fields {
            let text = layout.hanging(label(field), blocks(of: field), indent: 2)
            let isShort =
                text.count == 1 && !["Returns", "Errors", "Ownership"].contains(field.name)
            let sentence = sentence(text[0])
            if isShort, mayJoin, lines[lines.count - 1].count + 1 + sentence.count <= width {
                lines[lines.count - 1] += " " + sentence
            } else {
                lines += isShort ? [sentence] : text
            }
            mayJoin = isShort
        }
        return lines
    }

    private func label(_ field: DocComment.Field) -> String {
        ["Returns", "Since"].contains(field.name) ? field.name + " " : field.name + ": "
    }

    /// 'Returns' begins a sentence that the text goes on with.
    private func blocks(of field: DocComment.Field) -> [Block] {
        guard field.name == "Returns", case .paragraph(let text) = field.blocks.first,
            let word = text.split(separator: " ").first,
            word.dropFirst().allSatisfy({ $0.isLowercase || $0 == "-" || $0 == "," })
        else { return field.blocks }
        let lowered = text.prefix(1).lowercased() + text.dropFirst()
        return [.paragraph(lowered)] + field.blocks.dropFirst()
    }

    private func sentence(_ text: String) -> String {
        text.last.map { ".!?".contains($0) } == true ? text : text + "."
    }

    /// C names stand for themselves; other code keeps its backticks, so that `out` is no word.
    private func inline(_ text: String) -> String {
        InlineText.parse(text).map { piece in
            switch piece {
            case .words(let words): return plain(words)
            case .reference(let name): return functions.contains(name) ? name + "()" : name
            case .code(let code):
                let isName = code.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
                let isSymbol = code.lowercased().hasPrefix("hpm_") || code.hasPrefix("_")
                return isName && isSymbol ? code : "`\(code)`"
            }
        }.joined()
    }

    /// Drops the marks of emphasis, which are noise in a comment.
    private func plain(_ words: String) -> String {
        var result = ""
        var rest = words[...]
        while let star = rest.firstIndex(of: "*") {
            let mark = rest[star...].hasPrefix("**") ? "**" : "*"
            let start = rest.index(star, offsetBy: mark.count)
            let before = star == rest.startIndex ? result.last : rest[rest.index(before: star)]
            let opens = (before == nil || before == " " || before == "(")
            if opens, start < rest.endIndex, rest[start] != " ",
                let close = rest[start...].firstRange(of: mark)
            {
                result += rest[..<star] + rest[start..<close.lowerBound]
                rest = rest[close.upperBound...]
            } else {
                result += rest[..<start]
                rest = rest[start...]
            }
        }
        return result + rest
    }
}
