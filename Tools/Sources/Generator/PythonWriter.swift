/// Writes `bindings/python/libhpm/_abi.py`: ctypes prototypes.
struct PythonWriter {
    let interface: Interface
    private let width = 100

    /// A class or function has two blank lines around it, everything else one.
    private struct Part {
        let text: String
        var isDefinition = false
    }

    func text() -> String {
        let parts =
            [opening()] + constants() + interface.composites.map(composite) + [prototypes()]
            + [declare]
        var text = ""
        for (previous, part) in zip([nil] + parts, parts) {
            if let previous {
                text += previous.isDefinition || part.isDefinition ? "\n\n\n" : "\n\n"
            }
            text += part.text
        }
        return text + "\n"
    }

    private func opening() -> Part {
        Part(
            text: """
                # Generated from the Swift sources by `make generate`. Do not edit.
                \"\"\"The C interface of libhpm as ctypes prototypes; hpm.h documents each function.

                Handles and arrays are addresses (`c_void_p`): pass an int such as numpy's `.ctypes.data`, a
                ctypes array, `byref(...)` or None. A single result is `POINTER(...)`: pass `byref(...)`.
                \"\"\"

                from __future__ import annotations

                \(imports())
                """)
    }

    private let declare = Part(
        text: """
            def declare(library: CDLL) -> None:
                \"\"\"Sets argument and result types of every function of a loaded library.\"\"\"
                for name, (result, arguments) in PROTOTYPES.items():
                    function = getattr(library, name)
                    function.restype = result
                    function.argtypes = arguments
            """, isDefinition: true)

    private func imports() -> String {
        let types = usedTypes().sorted()
        let line = "from ctypes import " + types.joined(separator: ", ")
        let list =
            line.count <= width
            ? line : "from ctypes import (\n" + types.map { "    \($0),\n" }.joined() + ")"
        return list + "\nfrom typing import Any, Final"
    }

    private func usedTypes() -> Set<String> {
        var words: Set<String> = ["CDLL"]
        func add(_ expression: String) {
            for word in expression.split(whereSeparator: { "()[], ".contains($0) })
            where !word.hasPrefix("hpm_") && word != "None" {
                words.insert(String(word))
            }
        }
        for type in interface.integerTypes { add(CType.scalar(type.scalar).python(array: false)) }
        for composite in interface.composites {
            switch composite {
            case .callback(let callback):
                add("CFUNCTYPE")
                add(arguments(callback, callback: true).joined(separator: " "))
                add(result(callback))
            case .structure(let structure):
                add("Structure")
                for field in structure.fields { add(field.type.python(array: false)) }
            }
        }
        for function in interface.functions {
            add(arguments(function, callback: false).joined(separator: " "))
            add(result(function))
        }
        return words
    }

    private func constants() -> [Part] {
        var parts: [Part] = []
        if !interface.macros.isEmpty {
            let lines = interface.macros.map { "\($0.name): Final = \($0.pythonText)" }
            parts.append(Part(text: lines.joined(separator: "\n")))
        }
        for type in interface.integerTypes {
            let alias =
                "\(type.name) = \(CType.scalar(type.scalar).python(array: false))"
            let lines = type.constants.map { "\($0.name): Final = \($0.value)" }
            let doc = comment(type.doc.summary)
            parts.append(Part(text: ([doc, alias] + lines).joined(separator: "\n")))
        }
        return parts
    }

    private func composite(_ composite: Composite) -> Part {
        switch composite {
        case .callback(let callback):
            let types = [result(callback)] + arguments(callback, callback: true)
            return Part(
                text: comment(callback.cSignature) + "\n"
                    + call("\(callback.name) = CFUNCTYPE(", types))
        case .structure(let structure):
            let fields = structure.fields.map { field in
                "        (\"\(field.name)\", \(field.type.python(array: false))),"
            }
            return Part(
                text: """
                    class \(structure.name)(Structure):
                        \(docstring(structure.doc.summary))

                        _fields_ = [
                    \(fields.joined(separator: "\n"))
                        ]
                    """, isDefinition: true)
        }
    }

    private func prototypes() -> Part {
        let entries = interface.functions.map { function in
            let list = arguments(function, callback: false)
            let tuple = list.count == 1 ? "(\(list[0]),)" : "(" + list.joined(separator: ", ") + ")"
            let entry = "    \"\(function.name)\": (\(result(function)), \(tuple)),"
            if entry.count <= width { return entry }
            let inner = "        (" + list.joined(separator: ", ") + "),"
            let broken =
                inner.count <= width
                ? inner
                : "        (\n" + list.map { "            \($0),\n" }.joined() + "        ),"
            return "    \"\(function.name)\": (\n        \(result(function)),\n\(broken)\n    ),"
        }
        return Part(
            text: """
                # name: (result, arguments)
                PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
                \(entries.joined(separator: "\n"))
                }
                """)
    }

    private func call(_ head: String, _ items: [String]) -> String {
        let line = head + items.joined(separator: ", ") + ")"
        if line.count <= width { return line }
        let inner = "    " + items.joined(separator: ", ")
        if inner.count <= width { return head + "\n" + inner + "\n)" }
        return head + "\n" + items.map { "    \($0),\n" }.joined() + ")"
    }

    private func docstring(_ summary: String) -> String {
        let text = plain(summary)
        let line = "\"\"\"" + text + "\"\"\""
        if line.count + 4 <= width { return line }
        let lines = TextLayout(width: width - 7, inline: { $0 }).wrap(text)
        return "\"\"\"" + lines.joined(separator: "\n    ") + "\n    \"\"\""
    }

    private func arguments(_ signature: Signature, callback: Bool) -> [String] {
        signature.parameters.map { $0.type.python(array: $0.isArray) }
    }

    private func result(_ signature: Signature) -> String {
        signature.returns.python(array: false)
    }

    private func comment(_ text: String) -> String {
        TextLayout(width: width - 2, inline: { $0 }).wrap(plain(text)).map { "# " + $0 }
            .joined(separator: "\n")
    }

    private func plain(_ text: String) -> String {
        InlineText.parse(text).map { piece in
            switch piece {
            case .words(let text), .reference(let text): text
            case .code(let text): "`\(text)`"
            }
        }.joined()
    }
}

extension Signature {
    /// The signature on one line, as the header declares it.
    var cSignature: String {
        let list = parameters.map { $0.type.declaration(of: $0.name) }
        let inner = list.isEmpty ? "void" : list.joined(separator: ", ")
        return returns.declaration(of: name) + "(" + inner + ")"
    }
}

extension Macro {
    fileprivate var pythonText: String {
        switch value {
        case .integer(let number): String(number)
        case .string(let text): "\"\(text)\""
        }
    }
}

extension CType {
    /// The ctypes expression; an array is a bare address, for which numpy needs no cast.
    fileprivate func python(array: Bool) -> String {
        switch self {
        case .void: return "None"
        case .scalar(let scalar): return scalar.python
        case .character: return "c_char"
        case .integer(let name, _), .callback(let name), .structure(let name): return name
        case .opaque: return "c_void_p"
        case .pointer(let pointee, let constant):
            switch pointee {
            case .opaque, .void: return "c_void_p"
            case .character: return constant ? "c_char_p" : "c_void_p"
            // An array of strings is never an address that a caller happens to have.
            case .pointer: return "POINTER(\(pointee.python(array: false)))"
            default: return array ? "c_void_p" : "POINTER(\(pointee.python(array: false)))"
            }
        }
    }
}

extension Scalar {
    fileprivate var python: String {
        switch self {
        case .size: "c_size_t"
        case .int32: "c_int32"
        case .int64: "c_int64"
        case .uint8: "c_uint8"
        case .uint32: "c_uint32"
        case .uint64: "c_uint64"
        case .double: "c_double"
        case .float: "c_float"
        }
    }
}
