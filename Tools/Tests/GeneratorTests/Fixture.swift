import Foundation

@testable import Generator

/// The fixture: an interface with one of everything, and what is expected to be made of it.
///
/// After a change that is meant to show, write the expected files anew and read their difference:
/// `swift run --package-path Tools generate --sources $FIXTURES/Sources --root $FIXTURES/Expected`
enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures")
    static let expected = folder.appending(path: "Expected")

    static func outputs() throws -> [Output] {
        let sources = try SourceFile.all(in: folder.appending(path: "Sources").path)
        return try Output.all(of: Interface.read(sources))
    }

    /// Runs a program by the shell's search path; its status and what it said.
    static func run(_ command: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
