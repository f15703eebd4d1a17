import Foundation

/// Writes `include/hpm.abi.json`: the interface for programs, such as the sweep of the tests.
struct JSONWriter {
    let interface: Interface

    func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let document = Document(
            generatedBy: "make generate",
            version: interface.version,
            abiVersion: interface.abiVersion,
            macros: interface.macros.map { macro in
                Document.Macro(
                    name: macro.name, value: Document.Value(macro.value), doc: prose(macro.doc))
            },
            handles: interface.handles.map { .init(name: $0.name, doc: prose($0.doc)) },
            integers: interface.integerTypes.map { type in
                Document.IntegerType(
                    name: type.name, type: type.scalar.spelling, doc: prose(type.doc),
                    constants: type.constants.map {
                        .init(name: $0.name, value: $0.value, doc: prose($0.doc))
                    })
            },
            callbacks: interface.composites.compactMap { composite in
                if case .callback(let callback) = composite { signature(callback) } else { nil }
            },
            structs: interface.composites.compactMap { composite in
                guard case .structure(let structure) = composite else { return nil }
                return Document.Structure(
                    name: structure.name, doc: prose(structure.doc),
                    fields: structure.fields.map {
                        .init(
                            name: $0.name, type: $0.type.spelling, kind: $0.type.kind,
                            doc: prose($0.doc))
                    })
            },
            functions: interface.sections.flatMap { section in
                section.functions.map { signature($0, section: section.heading) }
            })
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }

    private func signature(_ signature: Signature, section: String? = nil) -> Document.Signature {
        Document.Signature(
            name: signature.name, section: section, returns: signature.returns.spelling,
            returnsKind: signature.returns.kind,
            parameters: signature.parameters.map { parameter in
                Document.Parameter(
                    name: parameter.name, type: parameter.type.spelling,
                    kind: parameter.type.kind, nullable: parameter.isNullable,
                    array: parameter.isArray, doc: text(parameter.doc))
            },
            doc: prose(signature.doc),
            notes: signature.doc.fields.isEmpty
                ? nil
                : Dictionary(
                    signature.doc.fields.map { ($0.name, text($0.blocks)) },
                    uniquingKeysWith: { $0 + "\n" + $1 }),
            since: signature.doc.since)
    }

    private func prose(_ doc: DocComment) -> String { doc.isEmpty ? "" : text(doc.prose) }

    private func text(_ blocks: [Block]) -> String {
        TextLayout(width: .max, inline: { $0 }).lines(blocks).joined(separator: "\n")
    }
}

/// The shape of the file, whose keys are these in snake case.
private struct Document: Encodable {
    enum Value: Encodable {
        case integer(Int)
        case string(String)

        init(_ value: Generator.Macro.Value) {
            switch value {
            case .integer(let number): self = .integer(number)
            case .string(let text): self = .string(text)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .integer(let number): try container.encode(number)
            case .string(let text): try container.encode(text)
            }
        }
    }

    struct Macro: Encodable {
        let name: String
        let value: Value
        let doc: String
    }

    struct Handle: Encodable {
        let name: String
        let doc: String
    }

    struct Constant: Encodable {
        let name: String
        let value: Int
        let doc: String
    }

    struct IntegerType: Encodable {
        let name: String
        let type: String
        let doc: String
        let constants: [Constant]
    }

    struct Parameter: Encodable {
        let name: String
        let type: String
        let kind: String
        let nullable: Bool
        let array: Bool
        let doc: String
    }

    struct Signature: Encodable {
        let name: String
        let section: String?
        let returns: String
        let returnsKind: String
        let parameters: [Parameter]
        let doc: String
        let notes: [String: String]?
        let since: String?
    }

    struct Field: Encodable {
        let name: String
        let type: String
        let kind: String
        let doc: String
    }

    struct Structure: Encodable {
        let name: String
        let doc: String
        let fields: [Field]
    }

    let generatedBy: String
    let version: String
    let abiVersion: Int
    let macros: [Macro]
    let handles: [Handle]
    let integers: [IntegerType]
    let callbacks: [Signature]
    let structs: [Structure]
    let functions: [Signature]
}

extension CType {
    /// What a caller has to provide; all but `void`, `integer` and `real` are pointers.
    var kind: String {
        switch self {
        case .void: "void"
        case .integer: "integer"
        case .scalar(let scalar): scalar.isInteger ? "integer" : "real"
        case .callback: "callback"
        case .pointer(.opaque, _): "handle"
        case .pointer(.character, true): "string"
        case .character, .opaque, .structure, .pointer: "pointer"
        }
    }
}
