import SwiftSyntax

/// What a public typealias or struct stands for.
enum NamedType {
    case handle
    case integer(Scalar)
    case callback
    case structure
    case structurePointer(to: String, constant: Bool)
}

/// Maps the Swift types of signatures to C.
struct TypeReader {
    struct Result {
        let type: CType
        let isOptional: Bool
    }

    let names: [String: NamedType]

    /// nil where C can't express the type.
    func read(_ syntax: TypeSyntax) -> Result? {
        if let optional = syntax.as(OptionalTypeSyntax.self) {
            guard let inner = read(optional.wrappedType), inner.type.isPointerLike,
                !inner.isOptional
            else { return nil }
            return Result(type: inner.type, isOptional: true)
        }
        if let tuple = syntax.as(TupleTypeSyntax.self) {
            if tuple.elements.isEmpty { return Result(type: .void, isOptional: false) }
            guard let only = tuple.elements.first, tuple.elements.count == 1 else { return nil }
            return read(only.type)
        }
        guard let identifier = syntax.as(IdentifierTypeSyntax.self) else { return nil }
        return read(identifier).map { Result(type: $0, isOptional: false) }
    }

    private func read(_ identifier: IdentifierTypeSyntax) -> CType? {
        let name = identifier.name.text
        if let arguments = identifier.genericArgumentClause?.arguments {
            guard name == "UnsafePointer" || name == "UnsafeMutablePointer",
                let argument = arguments.first, arguments.count == 1,
                let type = argument.argument.as(TypeSyntax.self), let pointee = pointee(type)
            else { return nil }
            return .pointer(to: pointee, constant: name == "UnsafePointer")
        }
        switch name {
        case "Void": return .void
        case "UnsafeRawPointer": return .pointer(to: .void, constant: true)
        case "UnsafeMutableRawPointer": return .pointer(to: .void, constant: false)
        default: break
        }
        if let scalar = Scalar(rawValue: name) { return .scalar(scalar) }
        switch names[name] {
        case .handle: return .pointer(to: .opaque(name), constant: false)
        case .integer(let scalar): return .integer(name, scalar)
        case .callback: return .callback(name)
        case .structurePointer(let structure, let constant):
            return .pointer(to: .structure(structure), constant: constant)
        // A struct by value has no C counterpart in a Swift signature.
        case .structure, nil: return nil
        }
    }

    private func pointee(_ syntax: TypeSyntax) -> CType? {
        if let identifier = syntax.as(IdentifierTypeSyntax.self) {
            let name = identifier.name.text
            if name == "CChar" { return .character }
            if case .structure = names[name] { return .structure(name) }
        }
        guard let result = read(syntax), result.type != .void else { return nil }
        // An element that can't be NULL in Swift but can in C would be undefined behaviour.
        return result.isOptional || !result.type.isPointerLike ? result.type : nil
    }
}
