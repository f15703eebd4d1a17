import ArgumentParser
import Foundation
import Generator

@main
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Writes the C header, the ABI description, the Python prototypes and the C reference."
    )

    @Option(help: "The folder of the exported Swift functions.")
    var sources = "Sources/HPMCABI"

    @Option(help: "The root of the repository, under which the files are written.")
    var root = "."

    @Flag(help: "Write nothing; fail where a file is out of date.")
    var check = false

    func run() throws {
        let folder = sources.hasSuffix("/") ? String(sources.dropLast()) : sources
        let outputs: [Output]
        do {
            let files = try SourceFile.all(in: folder).map(OptionTable.insert)
            outputs = try Output.all(of: Interface.read(files)) + OptionTable.outputs
        } catch let problems as Problems {
            for problem in problems.all { complain("\(problem)") }
            throw ExitCode.failure
        }
        let root = URL(fileURLWithPath: root, isDirectory: true)
        if check {
            let differences = outputs.compactMap { $0.difference(under: root) }
            for difference in differences { print(difference) }
            if !differences.isEmpty {
                complain("\(differences.count) files are out of date: run `make generate`")
                throw ExitCode.failure
            }
        } else {
            for output in outputs where try output.write(under: root) {
                print("wrote \(output.path)")
            }
        }
    }

    private func complain(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }
}
