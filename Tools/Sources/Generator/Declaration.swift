/// Where a declaration stands in the Swift sources.
public struct Location: Equatable, Sendable {
    let file: String
    let line: Int
}

struct Handle {
    let name: String
    let doc: DocComment
}

/// A `#define`; `value` is C source text.
struct Macro {
    enum Value {
        case integer(Int)
        case string(String)
    }

    let name: String
    let value: Value
    let doc: DocComment
}

struct Constant {
    let name: String
    let value: Int
    let doc: DocComment
}

/// A typedef of an integer with its named values.
struct IntegerType {
    let name: String
    let scalar: Scalar
    let doc: DocComment
    var constants: [Constant] = []
}

struct Parameter {
    let name: String
    let type: CType
    let doc: [Block]

    var isArray: Bool {
        type.pointsToArray || (type.pointsToMutableScalar && doc.containsWord("Array"))
    }

    /// Whether a clause begins with 'NULL', as in 'NULL: the size alone', or says 'may be NULL'.
    var isNullable: Bool {
        type.isPointerLike
            && doc.plainText.split(whereSeparator: { ".;:".contains($0) }).contains { clause in
                String(clause).trimmed.hasPrefix("NULL")
                    || clause.lowercased().contains("may be null")
            }
    }
}

/// What functions and callback types have in common.
struct Signature {
    let name: String
    let returns: CType
    let parameters: [Parameter]
    let doc: DocComment
    let location: Location
}

struct Field {
    let name: String
    let type: CType
    let doc: DocComment
}

struct Structure {
    let name: String
    let fields: [Field]
    let doc: DocComment
    let location: Location
}

/// Callbacks and structs mention each other, so they share one order of declaration.
enum Composite {
    case callback(Signature)
    case structure(Structure)

    var name: String {
        switch self {
        case .callback(let callback): callback.name
        case .structure(let structure): structure.name
        }
    }

    var location: Location {
        switch self {
        case .callback(let callback): callback.location
        case .structure(let structure): structure.location
        }
    }

    var doc: DocComment {
        switch self {
        case .callback(let callback): callback.doc
        case .structure(let structure): structure.doc
        }
    }

    /// The callbacks and structs that have to be declared first.
    var requirements: [String] {
        switch self {
        case .callback(let callback):
            ([callback.returns] + callback.parameters.map(\.type)).compactMap(\.compositeName)
        case .structure(let structure):
            structure.fields.map(\.type).compactMap(\.compositeName)
        }
    }
}

/// The functions of one source file.
struct Section {
    let heading: String
    var functions: [Signature]
}

/// Everything that the library exports, in the order of the header.
public struct Interface {
    var version = ""
    var abiVersion = 0
    var introduction = DocComment()
    var macros: [Macro] = []
    var handles: [Handle] = []
    var integerTypes: [IntegerType] = []
    var composites: [Composite] = []
    var sections: [Section] = []

    /// Where the reference explains each name: constants are part of their type.
    var anchors: [String: String] {
        var anchors: [String: String] = [:]
        for macro in macros { anchors[macro.name] = "macros" }
        for handle in handles { anchors[handle.name] = handle.name }
        for type in integerTypes {
            anchors[type.name] = type.name
            for constant in type.constants { anchors[constant.name] = type.name }
        }
        for composite in composites { anchors[composite.name] = composite.name }
        for function in functions { anchors[function.name] = function.name }
        return anchors
    }

    var functions: [Signature] { sections.flatMap(\.functions) }
}
