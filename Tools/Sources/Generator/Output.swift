import Foundation

/// A generated file.
public struct Output: Sendable {
    public let path: String
    public let text: String

    public init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    /// Every file that is made from the interface, relative to the root of the repository.
    public static func all(of interface: Interface) throws -> [Output] {
        [
            Output(path: "include/hpm.h", text: HeaderWriter(interface).text()),
            Output(path: "include/hpm.abi.json", text: try JSONWriter(interface: interface).text()),
            Output(
                path: "bindings/python/libhpm/_abi.py",
                text: PythonWriter(interface: interface).text()),
            Output(path: "docs/reference-c.md", text: MarkdownWriter(interface).text()),
        ]
    }

    /// Writes the file; false where it is up to date, so that its time stamp stays.
    @discardableResult
    public func write(under root: URL) throws -> Bool {
        let url = root.appending(path: path)
        if current(under: root) == text { return false }
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        return true
    }

    /// What is out of date, in the manner of `diff -u`; nil where nothing is.
    public func difference(under root: URL, limit: Int = 20) -> String? {
        guard let current = current(under: root) else { return "--- \(path) is missing" }
        if current == text { return nil }
        let old = current.split(separator: "\n", omittingEmptySubsequences: false)
        let new = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = zip(old, new).prefix { $0 == $1 }.count
        let end = zip(old.dropFirst(start).reversed(), new.dropFirst(start).reversed())
            .prefix { $0 == $1 }.count
        let removed = old[start..<(old.count - end)]
        let added = new[start..<(new.count - end)]

        func listed(_ lines: ArraySlice<Substring>, _ mark: String) -> [String] {
            let rest = lines.count - limit
            return lines.prefix(limit).map { mark + $0 }
                + (rest > 0 ? ["\(mark)... \(rest) more lines"] : [])
        }
        let hunk = "@@ -\(start + 1),\(removed.count) +\(start + 1),\(added.count) @@"
        return
            (["--- \(path)", "+++ \(path) (generated)", hunk] + listed(removed, "-")
            + listed(added, "+")).joined(separator: "\n")
    }

    private func current(under root: URL) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}

extension SourceFile {
    /// Every Swift file in a folder and its subfolders, in a fixed order.
    public static func all(in folder: String) throws -> [SourceFile] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return try paths.filter { $0.hasSuffix(".swift") }.sorted().map { path in
            let full = folder + "/" + path
            return SourceFile(path: full, text: try String(contentsOfFile: full, encoding: .utf8))
        }
    }
}
