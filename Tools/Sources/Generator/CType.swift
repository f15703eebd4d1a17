/// A scalar that has the same representation in Swift and in C on every supported platform.
public enum Scalar: String, Sendable {
    case size = "UInt"
    case int32 = "Int32"
    case int64 = "Int64"
    case uint8 = "UInt8"
    case uint32 = "UInt32"
    case uint64 = "UInt64"
    case double = "Double"
    case float = "Float"

    var spelling: String {
        switch self {
        case .size: "size_t"
        case .int32: "int32_t"
        case .int64: "int64_t"
        case .uint8: "uint8_t"
        case .uint32: "uint32_t"
        case .uint64: "uint64_t"
        case .double: "double"
        case .float: "float"
        }
    }

    var isInteger: Bool { self != .double && self != .float }
}

/// A type as the header spells it.
public indirect enum CType: Equatable, Sendable {
    case void
    case character
    case scalar(Scalar)
    /// A typedef of an integer, such as `hpm_status`.
    case integer(String, Scalar)
    /// The struct behind a handle, which callers only see through a pointer.
    case opaque(String)
    case structure(String)
    case callback(String)
    case pointer(to: CType, constant: Bool)

    /// The type as in a cast, such as `const double *`.
    var spelling: String {
        switch self {
        case .void: return "void"
        case .character: return "char"
        case .scalar(let scalar): return scalar.spelling
        case .integer(let name, _), .opaque(let name), .structure(let name), .callback(let name):
            return name
        case .pointer(let pointee, let constant):
            if case .pointer = pointee {
                return pointee.spelling + (constant ? "const *" : "*")
            }
            return (constant ? "const " : "") + pointee.spelling + " *"
        }
    }

    /// A declaration of `name` with this type, such as `const double *losses`.
    func declaration(of name: String) -> String {
        let type = spelling
        return type.hasSuffix("*") ? type + name : type + " " + name
    }

    /// Whether NULL is a value of this type.
    var isPointerLike: Bool {
        switch self {
        case .pointer, .callback: true
        default: false
        }
    }

    /// Whether only the words of the documentation tell one element from an array.
    var pointsToMutableScalar: Bool {
        guard case .pointer(let pointee, false) = self else { return false }
        switch pointee {
        case .scalar(let scalar): return scalar != .uint8
        case .integer: return true
        default: return false
        }
    }

    /// Whether this can only be an array: nobody passes one input number or one byte by address.
    var pointsToArray: Bool {
        guard case .pointer(let pointee, let constant) = self else { return false }
        switch pointee {
        case .scalar(let scalar): return constant || scalar == .uint8
        case .integer, .pointer: return constant
        case .character: return !constant
        default: return false
        }
    }

    /// The name of the struct or callback that has to be declared before this type is used.
    var compositeName: String? {
        switch self {
        case .structure(let name), .callback(let name): name
        case .pointer(let pointee, _): pointee.compositeName
        default: nil
        }
    }
}
