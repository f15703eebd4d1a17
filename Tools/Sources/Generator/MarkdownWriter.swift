/// Writes `docs/reference-c.md`.
struct MarkdownWriter {
    let interface: Interface
    private let anchors: [String: String]

    init(_ interface: Interface) {
        self.interface = interface
        anchors = interface.anchors
    }

    func text() -> String {
        var parts = [
            "# C reference",
            "<!-- Generated from the Swift sources by `make generate`: edit those instead. -->",
            "libhpm \(interface.version), `#include <hpm.h>`. The same words stand in the header.",
            contents(), "## Introduction",
        ]
        parts.append(blocks(interface.introduction.prose))
        if !interface.macros.isEmpty {
            parts.append("## Macros")
            parts.append(
                interface.macros.map { macro in
                    let doc = macro.name == "HPM_VERSION" ? "The whole version." : inline(macro.doc)
                    return "- `\(macro.name)` = `\(macro.sourceText)`"
                        + (doc.isEmpty ? "" : ": " + doc)
                }.joined(separator: "\n"))
        }
        if !interface.handles.isEmpty { parts.append("## Handles") }
        for handle in interface.handles {
            parts += ["### \(handle.name)", code("typedef struct \(handle.name) \(handle.name);")]
            parts += remarks(handle.doc)
        }
        if !interface.integerTypes.isEmpty { parts.append("## Constants") }
        for type in interface.integerTypes {
            parts += ["### \(type.name)", code("typedef \(type.scalar.spelling) \(type.name);")]
            parts += remarks(type.doc)
            if !type.constants.isEmpty {
                let rows = type.constants.map { constant in
                    "| `\(constant.name)` | \(constant.value) | \(cell(inline(constant.doc))) |"
                }
                parts.append(
                    (["| name | value | meaning |", "| --- | --- | --- |"] + rows)
                        .joined(separator: "\n"))
            }
        }
        if !interface.composites.isEmpty { parts.append("## Callbacks and structs") }
        for composite in interface.composites { parts += self.composite(composite) }
        for section in interface.sections {
            parts.append("## \(section.heading)")
            for function in section.functions {
                parts += ["### \(function.name)", code(function.cDeclaration)]
                parts += signature(function)
            }
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    private func contents() -> String {
        func links(_ title: String, _ names: [String]) -> [String] {
            if names.isEmpty { return [] }
            let anchor = title.lowercased().replacing(" ", with: "-")
            return [
                "- [\(title)](#\(anchor)): "
                    + names.map { "[`\($0)`](#\($0))" }.joined(separator: ", ")
            ]
        }
        var lines = ["- [Introduction](#introduction)"]
        if !interface.macros.isEmpty { lines.append("- [Macros](#macros)") }
        lines += links("Handles", interface.handles.map(\.name))
        lines += links("Constants", interface.integerTypes.map(\.name))
        lines += links("Callbacks and structs", interface.composites.map(\.name))
        for section in interface.sections {
            lines += links(section.heading, section.functions.map(\.name))
        }
        return lines.joined(separator: "\n")
    }

    private func composite(_ composite: Composite) -> [String] {
        switch composite {
        case .callback(let callback):
            return ["### \(callback.name)", code(callback.cTypedef)] + signature(callback)
        case .structure(let structure):
            let members = structure.fields.map { "    \($0.type.declaration(of: $0.name));" }
            let source =
                ["typedef struct \(structure.name) {"] + members + ["} \(structure.name);"]
            let meanings = structure.fields.filter { !$0.doc.isEmpty }.map { field in
                "- `\(field.name)`: \(inline(field.doc))"
            }
            return ["### \(structure.name)", code(source.joined(separator: "\n"))]
                + remarks(structure.doc)
                + (meanings.isEmpty ? [] : [meanings.joined(separator: "\n")])
        }
    }

    private func signature(_ signature: Signature) -> [String] {
        var parts = [blocks(signature.doc.prose)]
        let described = signature.parameters.filter { !$0.doc.isEmpty }
        if !described.isEmpty {
            parts.append(
                described.map { item("`\($0.name)`: ", $0.doc) }.joined(separator: "\n"))
        }
        return parts + fields(signature.doc)
    }

    private func remarks(_ doc: DocComment) -> [String] {
        doc.isEmpty ? [] : [blocks(doc.prose)] + fields(doc)
    }

    private func fields(_ doc: DocComment) -> [String] {
        if doc.fields.isEmpty { return [] }
        let lines = doc.fields.map { item("**\($0.name):** ", $0.blocks) }
        return [lines.joined(separator: "\n")]
    }

    private func item(_ label: String, _ blocks: [Block]) -> String {
        TextLayout(width: .max, inline: inline).hanging("- " + label, blocks, indent: 2)
            .joined(separator: "\n")
    }

    private func code(_ source: String) -> String { "```c\n\(source)\n```" }

    /// Tables and code as Markdown has them; `TextLayout` is for plain text.
    private func blocks(_ blocks: [Block]) -> String {
        var groups: [String] = []
        for (index, block) in blocks.enumerated() {
            let text: String
            switch block {
            case .code(let lines):
                text = code(lines.joined(separator: "\n"))
            case .table(let rows):
                let lines = rows.map { "| " + $0.map(inline).joined(separator: " | ") + " |" }
                let rule = "|" + String(repeating: " --- |", count: rows.first?.count ?? 0)
                text = (lines.prefix(1) + [rule] + lines.dropFirst()).joined(separator: "\n")
            case .paragraph, .item:
                text = TextLayout(width: .max, inline: inline).lines([block])
                    .joined(separator: "\n")
            }
            if block.isItem, index > 0, blocks[index - 1].isItem {
                groups[groups.count - 1] += "\n" + text
            } else {
                groups.append(text)
            }
        }
        return groups.joined(separator: "\n\n")
    }

    private func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }

    /// A doc comment as one line, for a cell or an item.
    private func inline(_ doc: DocComment) -> String {
        doc.isEmpty ? "" : inline(doc.prose.plainText)
    }

    private func inline(_ text: String) -> String {
        InlineText.parse(text).map { piece in
            switch piece {
            case .words(let words): return words
            case .code(let name), .reference(let name):
                if let anchor = anchors[name] { return "[`\(name)`](#\(anchor))" }
                return "`\(name)`"
            }
        }.joined()
    }
}

extension Signature {
    fileprivate var cDeclaration: String { broken(cSignature) }

    fileprivate var cTypedef: String {
        let declared = "(*\(name))"
        let list = parameters.map { $0.type.declaration(of: $0.name) }
        return broken(
            "typedef " + returns.declaration(of: declared) + "("
                + (list.isEmpty ? "void" : list.joined(separator: ", ")) + ")")
    }

    /// One parameter a line where the whole is too long for a page.
    private func broken(_ signature: String) -> String {
        guard signature.count > 88 else { return signature + ";" }
        let list = parameters.map { "    " + $0.type.declaration(of: $0.name) }
        let isTypedef = signature.hasPrefix("typedef")
        let declared =
            isTypedef
            ? "typedef " + returns.declaration(of: "(*\(name))")
            : returns.declaration(of: name)
        return declared + "(\n" + list.joined(separator: ",\n") + ");"
    }
}
