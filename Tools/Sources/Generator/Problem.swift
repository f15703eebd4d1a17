/// Something in the sources that can't become part of a C interface.
public struct Problem: Error, Equatable, CustomStringConvertible {
    let location: Location
    let message: String

    public var description: String { "\(location.file):\(location.line): \(message)" }
}

/// All problems of one run, so that they can be mended in one go.
public struct Problems: Error, CustomStringConvertible {
    public let all: [Problem]

    public var description: String { all.map(\.description).joined(separator: "\n") }
}
