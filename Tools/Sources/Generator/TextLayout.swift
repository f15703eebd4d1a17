/// Lays blocks out as lines of plain text.
struct TextLayout {
    let width: Int
    /// How a paragraph reads in the target: what becomes of code spans and references.
    let inline: (String) -> String

    /// Blocks with blank lines between paragraphs, none between the items of a list.
    func lines(_ blocks: [Block]) -> [String] {
        var lines: [String] = []
        for (index, block) in blocks.enumerated() {
            if index > 0, !(block.isItem && blocks[index - 1].isItem) {
                lines.append("")
            }
            lines += self.lines(block)
        }
        return lines
    }

    private func lines(_ block: Block) -> [String] {
        switch block {
        case .paragraph(let text):
            return wrap(inline(text))
        case .item(let marker, let content):
            return hanging(marker + " ", content, indent: marker.count + 1)
        case .code(let lines):
            return lines.map { $0.isBlank ? "" : "    " + $0 }
        case .table(let rows):
            return table(rows)
        }
    }

    /// `label` followed by blocks whose further lines are indented.
    func hanging(_ label: String, _ blocks: [Block], indent: Int) -> [String] {
        let inner = TextLayout(width: width - indent, inline: inline)
        var rest = blocks
        var first: [String] = []
        if case .paragraph(let text) = blocks.first {
            first = wrap(label + inline(text), indent: indent)
            rest.removeFirst()
        } else {
            first = [label.trimmed]
        }
        let margin = String(repeating: " ", count: indent)
        let needsBlank = !rest.isEmpty && !(rest.first?.isItem ?? false)
        return first + (needsBlank ? [""] : [])
            + inner.lines(rest).map { $0.isEmpty ? "" : margin + $0 }
    }

    /// Breaks a line between words; code spans up to a third of the width stay in one piece.
    func wrap(_ text: String, indent: Int = 0) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        // A label's own spaces are alignment.
        let lead = text.prefix { $0 == " " }
        for word in words(String(text.dropFirst(lead.count))) {
            if line.isEmpty {
                line = (lines.isEmpty ? String(lead) : margin) + word.text
            } else if line.count + word.space.count + word.text.count <= width {
                line += word.space + word.text
            } else {
                lines.append(line)
                line = margin + word.text
            }
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }

    private func words(_ text: String) -> [(space: String, text: String)] {
        var words: [(space: String, text: String)] = []
        var space = ""
        var word = ""
        var inSpan = false
        var keepsTogether = false
        let characters = Array(text)
        for (index, character) in characters.enumerated() {
            if character == "`" {
                inSpan.toggle()
                let close = characters[(index + 1)...].firstIndex(of: "`") ?? characters.count
                keepsTogether = inSpan && close - index <= width / 3
            }
            if character == " ", !keepsTogether {
                if !word.isEmpty {
                    words.append((space, word))
                    space = ""
                    word = ""
                }
                space.append(" ")
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append((space, word)) }
        return words
    }

    /// A table with aligned columns, wrapped where it is too wide.
    private func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let cells = rows.map { row in
            row.map(cell) + Array(repeating: "", count: columns - row.count)
        }
        let widths = fit(cells)
        var lines: [String] = []
        for (index, row) in cells.enumerated() {
            let wrapped = zip(row, widths).map { Self.wrap($0, $1) }
            for line in 0..<(wrapped.map(\.count).max() ?? 0) {
                let parts = zip(wrapped, widths).map { cell, width in
                    (line < cell.count ? cell[line] : "").padded(to: width)
                }
                lines.append(parts.joined(separator: Self.gap).trimmedEnd)
            }
            if index == 0 {
                let rules = widths.map { String(repeating: "-", count: $0) }
                lines.append(rules.joined(separator: Self.gap))
            }
        }
        return lines
    }

    private static let gap = "  "

    /// A cell of keys and values needs no backticks to tell them from words.
    private func cell(_ text: String) -> String {
        let words = InlineText.parse(text).flatMap { piece in
            if case .words(let words) = piece { words } else { "" }
        }
        let laidOut = inline(text)
        return words.contains(where: \.isLetter) ? laidOut : laidOut.filter { $0 != "`" }
    }

    private static func wrap(_ cell: String, _ width: Int) -> [String] {
        TextLayout(width: width, inline: { $0 }).wrap(cell)
    }

    /// Column widths that fit: each step narrows the column where it costs the fewest lines.
    private func fit(_ cells: [[String]]) -> [Int] {
        let columns = (0..<(cells.first?.count ?? 0)).map { column in cells.map { $0[column] } }
        var widths = columns.map { $0.map(\.count).max() ?? 0 }
        let minima = columns.map { cells in
            cells.flatMap { $0.split(separator: " ").map(\.count) }.max() ?? 0
        }
        var heights = zip(columns, widths).map { cells, width in
            cells.map { Self.wrap($0, width).count }
        }
        func total(_ heights: [[Int]]) -> Int {
            cells.indices.reduce(0) { sum, row in sum + (heights.map { $0[row] }.max() ?? 0) }
        }
        while widths.reduce(0, +) + Self.gap.count * (widths.count - 1) > width {
            var best: (lines: Int, column: Int, heights: [Int])?
            for column in widths.indices where widths[column] > minima[column] {
                let narrowed = columns[column].map { Self.wrap($0, widths[column] - 1).count }
                var trial = heights
                trial[column] = narrowed
                let lines = total(trial)
                let isWider = best.map { widths[column] > widths[$0.column] } ?? true
                if best == nil || lines < best?.lines ?? 0 || (lines == best?.lines && isWider) {
                    best = (lines, column, narrowed)
                }
            }
            guard let best else { break }
            widths[best.column] -= 1
            heights[best.column] = best.heights
        }
        return widths
    }
}

extension Block {
    var isItem: Bool { if case .item = self { true } else { false } }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    var trimmedEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
