/// Words that can't name a parameter or member in C or C++.
enum ReservedNames {
    static func contains(_ name: String) -> Bool { words.contains(name) }

    private static let words: Set<String> = [
        "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
        "case", "catch", "char", "class", "compl", "concept", "const", "consteval", "constexpr",
        "constinit", "continue", "decltype", "default", "delete", "do", "double", "else", "enum",
        "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline",
        "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr",
        "operator", "or", "or_eq", "private", "protected", "public", "register", "requires",
        "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch",
        "template", "this", "throw", "true", "try", "typedef", "typeid", "typename", "typeof",
        "union", "unsigned", "using", "virtual", "void", "volatile", "while", "xor", "xor_eq",
    ]
}
