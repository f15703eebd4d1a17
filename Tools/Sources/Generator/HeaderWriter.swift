/// Writes `include/hpm.h`.
struct HeaderWriter {
    let interface: Interface
    private let width = 100
    private let prose: CommentProse

    init(_ interface: Interface) {
        self.interface = interface
        prose = CommentProse(interface)
    }

    func text() -> String {
        var parts = [opening()]
        parts += macros()
        if !interface.handles.isEmpty {
            parts.append(heading("Handles"))
            parts += interface.handles.map { handle in
                comment(prose.blocks(handle.doc)) + "typedef struct \(handle.name) \(handle.name);"
            }
        }
        if !interface.integerTypes.isEmpty {
            parts.append(heading("Constants"))
            parts += interface.integerTypes.map(integerType)
        }
        if !interface.composites.isEmpty {
            parts.append(heading("Callbacks and structs"))
            parts += interface.composites.map(composite)
        }
        for section in interface.sections {
            parts.append(heading("Functions: \(section.heading)"))
            parts += section.functions.map { comment(prose.function($0)) + declaration($0) }
        }
        parts.append(
            """
            #ifdef __cplusplus
            }
            #endif

            #endif /* HPM_H */

            """)
        return parts.joined(separator: "\n\n")
    }

    private func opening() -> String {
        var lines = prose.layout(width: width - 3).lines(interface.introduction.prose)
        lines += ["", "Generated from the Swift sources by `make generate`: edit those instead."]
        return comment(["hpm.h: the C interface of libhpm \(interface.version)", ""] + lines)
            + """
            #ifndef HPM_H
            #define HPM_H

            #include <stddef.h>
            #include <stdint.h>

            #ifdef __cplusplus
            extern "C" {
            #endif
            """
    }

    private func heading(_ text: String) -> String {
        let line = "/* ---- \(text) "
        return line + String(repeating: "-", count: width - line.count - 3) + " */"
    }

    /// A comment block with its newline; nothing where there is nothing to say.
    private func comment(_ lines: [String]) -> String {
        if lines.isEmpty { return "" }
        if lines.count == 1, lines[0].count + 6 <= width { return "/* \(lines[0]) */\n" }
        return "/*\n" + lines.map { (" * " + $0).trimmedEnd + "\n" }.joined() + " */\n"
    }

    private func macros() -> [String] {
        if interface.macros.isEmpty { return [] }
        let rows = interface.macros.map { macro -> Row in
            let isVersion = macro.name == "HPM_VERSION"
            return Row(
                code: "#define \(macro.name) \(macro.sourceText)",
                comment: isVersion ? [] : prose.remark(macro.doc))
        }
        return [heading("Version macros"), self.rows(rows, indent: "")]
    }

    private func integerType(_ type: IntegerType) -> String {
        let typedef =
            comment(prose.blocks(type.doc)) + "typedef \(type.scalar.spelling) \(type.name);"
        if type.constants.isEmpty { return typedef }
        let rows = type.constants.enumerated().map { index, constant in
            Row(
                code: "\(constant.name) = \(constant.value)"
                    + (index + 1 < type.constants.count ? "," : ""),
                comment: prose.remark(constant.doc))
        }
        return typedef + "\nenum {\n" + self.rows(rows, indent: "    ") + "\n};"
    }

    private func composite(_ composite: Composite) -> String {
        switch composite {
        case .callback(let callback):
            let start = "typedef \(callback.returns.declaration(of: "(*\(callback.name))"))("
            return comment(prose.function(callback)) + call(start, callback.parameters)
        case .structure(let structure):
            let rows = structure.fields.map { field in
                Row(
                    code: field.type.declaration(of: field.name) + ";",
                    comment: prose.remark(field.doc))
            }
            return comment(prose.blocks(structure.doc)) + "typedef struct \(structure.name) {\n"
                + self.rows(rows, indent: "    ") + "\n} \(structure.name);"
        }
    }

    private func declaration(_ function: Signature) -> String {
        call(function.returns.declaration(of: function.name) + "(", function.parameters)
    }

    /// A parameter list, broken under its parenthesis.
    private func call(_ start: String, _ parameters: [Parameter]) -> String {
        if parameters.isEmpty { return start + "void);" }
        let list = parameters.map { $0.type.declaration(of: $0.name) }
        var line = start
        var lines: [String] = []
        let margin = String(repeating: " ", count: start.count < 56 ? start.count : 8)
        for (index, item) in list.enumerated() {
            let piece = item + (index + 1 < list.count ? "," : ");")
            let space = line.hasSuffix(",") ? " " : ""
            if line.count + space.count + piece.count > width, index > 0 {
                lines.append(line)
                line = margin + piece
            } else {
                line += space + piece
            }
        }
        return (lines + [line]).joined(separator: "\n")
    }

    /// A line of code with what is said about it.
    private struct Row {
        let code: String
        let comment: [String]
    }

    /// Rows with their comments behind them, or above them where that would be a narrow column.
    private func rows(_ rows: [Row], indent: String) -> String {
        let column = indent.count + (rows.map(\.code.count).max() ?? 0) + 2
        let space = width - column - 6
        let fitsBehind = rows.allSatisfy { row in
            row.comment.count <= 1
                && wrap(row.comment.joined(), width: space).count <= 2
        }
        if space >= 40, fitsBehind {
            return rows.map { row in
                let lines = wrap(row.comment.joined(), width: space)
                if lines.isEmpty { return indent + row.code }
                let margin = String(repeating: " ", count: column + 3)
                return (indent + row.code).padded(to: column) + "/* "
                    + lines.joined(separator: "\n" + margin) + " */"
            }.joined(separator: "\n")
        }
        return rows.map { row in
            let lines = row.comment.flatMap { line in
                line.isEmpty ? [""] : wrap(line, width: width - indent.count - 6)
            }
            if lines.isEmpty { return indent + row.code }
            let comment =
                lines.prefix(1)
                + lines.dropFirst().map { $0.isEmpty ? "" : indent + "   " + $0 }
            return indent + "/* " + comment.joined(separator: "\n") + " */\n" + indent + row.code
        }.joined(separator: "\n")
    }

    private func wrap(_ text: String, width: Int) -> [String] {
        TextLayout(width: width, inline: { $0 }).wrap(text)
    }
}

extension Macro {
    var sourceText: String {
        switch value {
        case .integer(let number): number < 0 ? "(\(number))" : String(number)
        case .string(let text): "\"\(text)\""
        }
    }
}
