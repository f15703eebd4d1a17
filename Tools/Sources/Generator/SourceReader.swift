import SwiftParser
import SwiftSyntax

extension Interface {
    /// Reads the exported interface off the Swift sources, or says everything that is wrong.
    public static func read(_ files: [SourceFile]) throws(Problems) -> Interface {
        var reader = SourceReader()
        for file in files.sorted(by: FileOrder.precedes) { reader.collect(file) }
        reader.readDeclarations()
        reader.orderComposites()
        reader.checkVersion()
        reader.checkComments()
        if !reader.problems.isEmpty { throw Problems(all: reader.problems) }
        return reader.interface
    }
}

/// Two passes: names first, since a signature may use a type of a later file.
private struct SourceReader {
    struct Pending {
        let declaration: DeclSyntax
        let file: SourceFile
        let location: Location
        let doc: DocComment
    }

    var interface = Interface()
    var problems: [Problem] = []
    var names: [String: NamedType] = [:]
    var pending: [Pending] = []
    /// Where each exported name was first declared.
    var declared: [String: Location] = [:]
    var comments: [(owner: String, doc: DocComment, location: Location)] = []

    mutating func report(_ message: String, at location: Location) {
        problems.append(Problem(location: location, message: message))
    }

    // MARK: First pass

    mutating func collect(_ file: SourceFile) {
        let tree = Parser.parse(source: file.text)
        let converter = SourceLocationConverter(fileName: file.path, tree: tree)
        func location(_ node: some SyntaxProtocol) -> Location {
            Location(file: file.path, line: node.startLocation(converter: converter).line)
        }
        if tree.hasError {
            return report("the file is not valid Swift", at: Location(file: file.path, line: 1))
        }
        for statement in tree.statements {
            guard let declaration = statement.item.as(DeclSyntax.self) else { continue }
            if let conditional = declaration.as(IfConfigDeclSyntax.self) {
                if conditional.containsExport {
                    report(
                        "an exported function inside #if: the interface can't depend on the platform",
                        at: location(declaration))
                }
                continue
            }
            let item = Pending(
                declaration: declaration, file: file,
                location: location(declaration.introducer),
                doc: DocComment(trivia: declaration.leadingTrivia))
            pending.append(item)
            if let alias = declaration.as(TypeAliasDeclSyntax.self), alias.modifiers.isPublic {
                let name = alias.name.text
                guard name.isExported else { continue }
                if let type = namedType(alias) {
                    names[name] = type
                } else {
                    let type = alias.initializer.value.trimmedDescription
                    report("'\(name)' is a type that C can't express: \(type)", at: item.location)
                }
            } else if let structure = declaration.as(StructDeclSyntax.self),
                structure.modifiers.isPublic, structure.name.text.isExported
            {
                names[structure.name.text] = .structure
            }
        }
    }

    private func namedType(_ alias: TypeAliasDeclSyntax) -> NamedType? {
        if alias.functionType != nil { return .callback }
        guard let value = alias.initializer.value.as(IdentifierTypeSyntax.self) else { return nil }
        let suffix = "_pointer"
        let name = alias.name.text
        switch value.name.text {
        case "OpaquePointer":
            return .handle
        case "UnsafeRawPointer" where name.hasSuffix(suffix),
            "UnsafeMutableRawPointer" where name.hasSuffix(suffix):
            return .structurePointer(
                to: String(name.dropLast(suffix.count)),
                constant: value.name.text == "UnsafeRawPointer")
        case let type:
            guard let scalar = Scalar(rawValue: type), scalar.isInteger else { return nil }
            return .integer(scalar)
        }
    }

    // MARK: Second pass

    mutating func readDeclarations() {
        for item in pending {
            if let function = item.declaration.as(FunctionDeclSyntax.self) {
                read(function, item)
            } else if let alias = item.declaration.as(TypeAliasDeclSyntax.self) {
                read(alias, item)
            } else if let structure = item.declaration.as(StructDeclSyntax.self) {
                read(structure, item)
            } else if let variable = item.declaration.as(VariableDeclSyntax.self) {
                read(variable, item)
            }
        }
    }

    /// Notes an exported name and its comment; false where the name is taken.
    private mutating func declare(
        _ name: String, _ doc: DocComment, _ location: Location, needsDoc: Bool = true
    ) -> Bool {
        if let other = declared[name] {
            report("'\(name)' is already declared in \(other.file):\(other.line)", at: location)
            return false
        }
        declared[name] = location
        if needsDoc, doc.isEmpty { report("'\(name)' has no doc comment", at: location) }
        comments.append((name, doc, location))
        return true
    }

    private mutating func read(_ function: FunctionDeclSyntax, _ item: Pending) {
        let name = function.name.text
        guard let exported = function.exportedName else {
            if function.modifiers.isPublic, name.isExported {
                report("'\(name)' is public but has no @_cdecl(\"\(name)\")", at: item.location)
            }
            return
        }
        if exported != name {
            report("'\(name)' is exported under another name: '\(exported)'", at: item.location)
        }
        if !name.isExported {
            report("the name of exported '\(name)' does not begin with hpm_", at: item.location)
        }
        if !function.modifiers.isPublic {
            report("exported '\(name)' is not public", at: item.location)
        }
        guard declare(name, item.doc, item.location) else { return }
        let signature = function.signature
        if signature.effectSpecifiers != nil {
            report("'\(name)' throws or is async, which C can't express", at: item.location)
        }
        let parameters = signature.parameterClause.parameters.map {
            (name: ($0.secondName ?? $0.firstName).identifierText, type: $0.type)
        }
        let result = readSignature(
            name, parameters: parameters, result: signature.returnClause?.type, item,
            isCallback: false)
        if interface.sections.last?.heading != FileOrder.heading(item.file.baseName) {
            interface.sections.append(
                Section(heading: FileOrder.heading(item.file.baseName), functions: []))
        }
        interface.sections[interface.sections.count - 1].functions.append(result)
    }

    private mutating func readSignature(
        _ name: String, parameters: [(name: String, type: TypeSyntax)], result: TypeSyntax?,
        _ item: Pending, isCallback: Bool
    ) -> Signature {
        let types = TypeReader(names: names)
        let doc = item.doc
        let known = Set(parameters.map(\.name))
        for field in doc.parameters where !known.contains(field.name) {
            report(
                "the comment of '\(name)' names a parameter '\(field.name)' that it does not have",
                at: item.location)
        }
        for (index, field) in doc.parameters.enumerated()
        where doc.parameters[..<index].contains(where: { $0.name == field.name }) {
            report(
                "the comment of '\(name)' names parameter '\(field.name)' twice",
                at: item.location)
        }
        var read: [Parameter] = []
        for parameter in parameters {
            let text = doc.parameters.first { $0.name == parameter.name }?.blocks ?? []
            if parameter.name == "_" {
                report("a parameter of '\(name)' has no name", at: item.location)
            } else if ReservedNames.contains(parameter.name) {
                report(
                    "parameter '\(parameter.name)' of '\(name)' is a word of C or C++",
                    at: item.location)
            }
            if text.isEmpty, !isCallback, !doc.isEmpty {
                report(
                    "the comment of '\(name)' says nothing about parameter '\(parameter.name)'",
                    at: item.location)
            }
            guard let type = types.read(parameter.type), type.type != .void else {
                report(
                    "parameter '\(parameter.name)' of '\(name)' has a type that C can't express: "
                        + parameter.type.trimmedDescription, at: item.location)
                continue
            }
            if type.type.isPointerLike, !type.isOptional {
                report(
                    "parameter '\(parameter.name)' of '\(name)' is not optional: NULL would be "
                        + "undefined behaviour", at: item.location)
            }
            read.append(Parameter(name: parameter.name, type: type.type, doc: text))
        }
        var returns = CType.void
        if let result {
            if let type = types.read(result) {
                returns = type.type
                if isCallback, returns.isPointerLike, !type.isOptional {
                    report(
                        "the result of '\(name)' is not optional: NULL would be undefined "
                            + "behaviour", at: item.location)
                }
            } else {
                report(
                    "the result of '\(name)' has a type that C can't express: "
                        + result.trimmedDescription, at: item.location)
            }
        }
        return Signature(
            name: name, returns: returns, parameters: read, doc: doc, location: item.location)
    }

    private mutating func read(_ alias: TypeAliasDeclSyntax, _ item: Pending) {
        let name = alias.name.text
        guard alias.modifiers.isPublic, name.isExported, let type = names[name] else { return }
        if case .structurePointer(let structure, _) = type {
            if case .structure = names[structure] {
                _ = declare(name, item.doc, item.location, needsDoc: false)
            } else {
                report(
                    "'\(name)' points to '\(structure)', which is no public struct",
                    at: item.location)
            }
            return
        }
        guard declare(name, item.doc, item.location) else { return }
        switch type {
        case .handle:
            interface.handles.append(Handle(name: name, doc: item.doc))
        case .integer(let scalar):
            interface.integerTypes.append(IntegerType(name: name, scalar: scalar, doc: item.doc))
        case .callback:
            guard let function = alias.functionType else { return }
            let parameters = function.parameters.map {
                (name: ($0.secondName ?? $0.firstName)?.identifierText ?? "_", type: $0.type)
            }
            let callback = readSignature(
                name, parameters: parameters, result: function.returnClause.type, item,
                isCallback: true)
            interface.composites.append(.callback(callback))
        case .structure, .structurePointer:
            break
        }
    }

    private mutating func read(_ structure: StructDeclSyntax, _ item: Pending) {
        let name = structure.name.text
        guard structure.modifiers.isPublic, name.isExported,
            declare(name, item.doc, item.location)
        else { return }
        let types = TypeReader(names: names)
        var fields: [Field] = []
        for member in structure.memberBlock.members {
            guard let variable = member.decl.as(VariableDeclSyntax.self),
                !variable.modifiers.contains(where: { $0.name.text == "static" })
            else { continue }
            let doc = DocComment(trivia: variable.leadingTrivia)
            for binding in variable.bindings where binding.accessorBlock == nil {
                let field = binding.pattern.trimmedDescription
                if !variable.modifiers.isPublic {
                    report(
                        "member '\(field)' of '\(name)' is not public but takes part in its layout",
                        at: item.location)
                }
                if ReservedNames.contains(field) {
                    report(
                        "member '\(field)' of '\(name)' is a word of C or C++",
                        at: item.location)
                }
                let syntax = binding.typeAnnotation?.type
                guard let syntax, let type = types.read(syntax), type.type != .void else {
                    report(
                        "member '\(field)' of '\(name)' has a type that C can't express: "
                            + (syntax?.trimmedDescription ?? "none is written"), at: item.location)
                    continue
                }
                if type.type.isPointerLike, !type.isOptional {
                    report(
                        "member '\(field)' of '\(name)' is not optional: NULL would be "
                            + "undefined behaviour", at: item.location)
                }
                comments.append(("\(name).\(field)", doc, item.location))
                fields.append(Field(name: field, type: type.type, doc: doc))
            }
        }
        if fields.isEmpty { report("'\(name)' has no members", at: item.location) }
        interface.composites.append(
            .structure(
                Structure(name: name, fields: fields, doc: item.doc, location: item.location)))
    }

    private mutating func read(_ variable: VariableDeclSyntax, _ item: Pending) {
        guard variable.modifiers.isPublic, variable.bindingSpecifier.tokenKind == .keyword(.let)
        else { return }
        for binding in variable.bindings {
            let name = binding.pattern.trimmedDescription
            guard name.isExported else { continue }
            let type = binding.typeAnnotation?.type.trimmedDescription ?? ""
            let value = binding.initializer?.value
            guard declare(name, item.doc, item.location, needsDoc: false) else { continue }
            if type == "StaticString" || type == "String", let text = value?.stringLiteral {
                interface.macros.append(Macro(name: name, value: .string(text), doc: item.doc))
            } else if type == "Int32", let number = value?.integerLiteral {
                interface.macros.append(Macro(name: name, value: .integer(number), doc: item.doc))
            } else if case .integer = names[type] {
                addConstant(name, of: type, value: value, item)
            } else {
                report(
                    "constant '\(name)' is not a literal Int32 or StaticString, nor of an integer "
                        + "type of the interface", at: item.location)
            }
        }
    }

    private mutating func addConstant(
        _ name: String, of type: String, value: ExprSyntax?, _ item: Pending
    ) {
        guard let number = value?.integerLiteral, Int32(exactly: number) != nil else {
            return report(
                "the value of '\(name)' is not a literal that fits in 32 bits", at: item.location)
        }
        guard let index = interface.integerTypes.firstIndex(where: { $0.name == type }) else {
            return report(
                "'\(name)' stands before its type '\(type)'", at: item.location)
        }
        if let other = interface.integerTypes[index].constants.first(where: { $0.value == number })
        {
            report("'\(name)' has the value of '\(other.name)': \(number)", at: item.location)
        }
        interface.integerTypes[index].constants.append(
            Constant(name: name, value: number, doc: item.doc))
    }

    // MARK: The whole

    /// Puts each callback and struct after those that it mentions, else in source order.
    mutating func orderComposites() {
        let all = interface.composites
        var ordered: [Composite] = []
        var open: Set<String> = []

        func place(_ composite: Composite) -> Bool {
            if ordered.contains(where: { $0.name == composite.name }) { return true }
            guard open.insert(composite.name).inserted else { return false }
            for name in composite.requirements {
                guard let required = all.first(where: { $0.name == name }) else { continue }
                if !place(required) { return false }
            }
            ordered.append(composite)
            return true
        }

        for composite in all where !place(composite) {
            report("'\(composite.name)' mentions a type that mentions it", at: composite.location)
            return
        }
        interface.composites = ordered
    }

    mutating func checkVersion() {
        let numbers = interface.macros.reduce(into: [String: Int]()) { numbers, macro in
            if case .integer(let number) = macro.value { numbers[macro.name] = number }
        }
        for macro in interface.macros where macro.name == "HPM_VERSION" {
            guard case .string(let version) = macro.value else { continue }
            interface.version = version
            interface.introduction = macro.doc
        }
        let location =
            declared["HPM_VERSION"]
            ?? Location(file: pending.first?.file.path ?? "the sources", line: 1)
        if interface.version.isEmpty {
            report("there is no public let HPM_VERSION: StaticString", at: location)
        } else if interface.introduction.isEmpty {
            report("'HPM_VERSION' has no doc comment to introduce the header", at: location)
        }
        if let number = numbers["HPM_ABI_VERSION"] {
            interface.abiVersion = number
        } else {
            report(
                "there is no public let HPM_ABI_VERSION: Int32, which hpm_abi_version() returns",
                at: location)
        }
        let parts = ["MAJOR", "MINOR", "PATCH"].compactMap { numbers["HPM_VERSION_" + $0] }
        if parts.count == 3, parts.map(String.init).joined(separator: ".") != interface.version {
            report("HPM_VERSION is not HPM_VERSION_MAJOR.MINOR.PATCH", at: location)
        }
    }

    /// References must lead somewhere, and no comment may end the C comment that it becomes.
    mutating func checkComments() {
        for (owner, doc, location) in comments {
            for name in InlineText.references(in: doc.allBlocks) where declared[name] == nil {
                report(
                    "the comment of '\(owner)' refers to '\(name)', which does not exist",
                    at: location)
            }
            let text = doc.allBlocks.plainText
            if text.contains("*/") || text.contains("/*") {
                report(
                    "the comment of '\(owner)' contains a C comment: write // in examples",
                    at: location)
            }
        }
    }
}
