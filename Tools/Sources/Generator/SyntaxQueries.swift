import SwiftSyntax

extension String {
    var isExported: Bool { hasPrefix("hpm_") || hasPrefix("HPM_") }
}

extension DeclModifierListSyntax {
    var isPublic: Bool { contains { $0.name.tokenKind == .keyword(.public) } }
}

extension TokenSyntax {
    /// Without the backticks that Swift needs for its own keywords.
    var identifierText: String { identifier?.name ?? text }
}

extension DeclSyntax {
    /// The token that a person would point at: comments and attributes come before it.
    var introducer: TokenSyntax {
        if let function = self.as(FunctionDeclSyntax.self) { return function.funcKeyword }
        if let alias = self.as(TypeAliasDeclSyntax.self) { return alias.typealiasKeyword }
        if let structure = self.as(StructDeclSyntax.self) { return structure.structKeyword }
        if let variable = self.as(VariableDeclSyntax.self) { return variable.bindingSpecifier }
        return firstToken(viewMode: .sourceAccurate) ?? .poundToken()
    }
}

extension FunctionDeclSyntax {
    /// The name in `@_cdecl("name")` or `@c(name)`; `@c` alone exports the function's own.
    var exportedName: String? {
        for case .attribute(let attribute) in attributes {
            let kind = attribute.attributeName.trimmedDescription
            guard kind == "_cdecl" || kind == "c" else { continue }
            for token in attribute.arguments?.tokens(viewMode: .sourceAccurate).map({ $0 }) ?? [] {
                switch token.tokenKind {
                case .stringSegment(let name), .identifier(let name): return name
                default: continue
                }
            }
            return name.text
        }
        return nil
    }
}

extension IfConfigDeclSyntax {
    var containsExport: Bool {
        let finder = ExportFinder(viewMode: .sourceAccurate)
        finder.walk(self)
        return finder.found
    }

    private final class ExportFinder: SyntaxVisitor {
        var found = false

        override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
            if node.exportedName != nil { found = true }
            return .skipChildren
        }
    }
}

extension TypeAliasDeclSyntax {
    /// The signature of `@convention(c) (...) -> T`.
    var functionType: FunctionTypeSyntax? {
        guard let attributed = initializer.value.as(AttributedTypeSyntax.self) else { return nil }
        let isC = attributed.attributes.contains { element in
            guard case .attribute(let attribute) = element else { return false }
            return attribute.attributeName.trimmedDescription == "convention"
                && attribute.arguments?.trimmedDescription == "c"
        }
        return isC ? attributed.baseType.as(FunctionTypeSyntax.self) : nil
    }
}

extension ExprSyntax {
    var stringLiteral: String? {
        self.as(StringLiteralExprSyntax.self)?.representedLiteralValue
    }

    var integerLiteral: Int? {
        if let prefix = self.as(PrefixOperatorExprSyntax.self), prefix.operator.text == "-" {
            return prefix.expression.integerLiteral.map { -$0 }
        }
        return self.as(IntegerLiteralExprSyntax.self)?.representedLiteralValue
    }
}
