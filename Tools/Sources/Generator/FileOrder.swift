/// The order in which the header presents the source files: what a reader needs first.
enum FileOrder {
    static let first = [
        "Version", "Status", "Space", "Options", "Population", "Student", "Run", "Blend", "Teacher",
        "Snapshot", "RunFile", "Schedule",
    ]

    static func precedes(_ left: SourceFile, _ right: SourceFile) -> Bool {
        let ranks = (rank(left.baseName), rank(right.baseName))
        return ranks.0 != ranks.1 ? ranks.0 < ranks.1 : left.path < right.path
    }

    private static func rank(_ name: String) -> (Int, String) {
        (first.firstIndex(of: name) ?? first.count, name)
    }

    /// `VectorSpace` reads 'Vector space'.
    static func heading(_ name: String) -> String {
        var heading = ""
        var previous: Character?
        for character in name {
            if character.isUppercase, let previous, previous.isLowercase {
                heading += " " + character.lowercased()
            } else {
                heading.append(character)
            }
            previous = character
        }
        return heading
    }
}

/// A Swift file to read.
public struct SourceFile: Sendable {
    public let path: String
    public let text: String

    public init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    var baseName: String {
        let name = path.split(separator: "/").last ?? ""
        return String(name.hasSuffix(".swift") ? name.dropLast(6) : name)
    }
}
