import Testing

@testable import Generator

@Suite struct ProblemTests {
    static let version = """
        /// The introduction.
        public let HPM_VERSION: StaticString = "0.1.0"
        public let HPM_ABI_VERSION: Int32 = 0
        """

    /// What reading a file says, beside a version that is in order.
    static func problems(_ source: String) -> [String] {
        let files = [
            SourceFile(path: "Version.swift", text: version),
            SourceFile(path: "Thing.swift", text: source),
        ]
        do throws(Problems) {
            _ = try Interface.read(files)
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    /// A function `hpm_f` with a comment that says what is given.
    static func function(
        _ parameters: String, documented: [String], result: String = "Int32"
    ) -> String {
        (["/// Does a thing."] + documented.map { "/// - Parameter \($0): A word." }
            + [
                "@_cdecl(\"hpm_f\")",
                "public func hpm_f(\(parameters)) -> \(result) { fatalError() }",
            ])
            .joined(separator: "\n")
    }

    @Test(
        arguments: [
            "String", "String?", "[Double]", "Bool", "Int", "UInt?", "UnsafePointer<String>?",
            "UnsafeBufferPointer<Double>", "CChar", "(Int32, Int32)", "OpaquePointer?",
            "UnsafePointer<UnsafePointer<CChar>>?", "Void", "hpm_unknown?", "UInt??",
            "@convention(c) () -> Void",
        ])
    func typesThatCCannotExpress(_ type: String) {
        #expect(
            Self.problems(Self.function("_ x: \(type)", documented: ["x"])) == [
                "Thing.swift:4: parameter 'x' of 'hpm_f' has a type that C can't express: \(type)"
            ])
    }

    @Test func results() {
        #expect(
            Self.problems(Self.function("", documented: [], result: "String")) == [
                "Thing.swift:3: the result of 'hpm_f' has a type that C can't express: String"
            ])
    }

    @Test func pointersAreOptional() {
        let source = Self.function("_ x: UnsafePointer<Double>", documented: ["x"])
        #expect(
            Self.problems(source) == [
                "Thing.swift:4: parameter 'x' of 'hpm_f' is not optional: NULL would be undefined "
                    + "behaviour"
            ])
    }

    @Test(
        arguments: [
            (
                Self.function("_ x: Int32, _ y: Int32", documented: ["x"]),
                "the comment of 'hpm_f' says nothing about parameter 'y'"
            ),
            (
                Self.function("_ x: Int32", documented: ["x", "z"]),
                "the comment of 'hpm_f' names a parameter 'z' that it does not have"
            ),
            (
                Self.function("_ x: Int32", documented: ["x", "x"]),
                "the comment of 'hpm_f' names parameter 'x' twice"
            ),
            (
                Self.function("_ new: Int32", documented: ["new"]),
                "parameter 'new' of 'hpm_f' is a word of C or C++"
            ),
            (
                "@_cdecl(\"hpm_f\") public func hpm_f() {}",
                "'hpm_f' has no doc comment"
            ),
            (
                "/// Detached by a blank line.\n\n@_cdecl(\"hpm_f\") public func hpm_f() {}",
                "'hpm_f' has no doc comment"
            ),
            (
                "/// A.\n@_cdecl(\"hpm_g\") public func hpm_f() {}",
                "'hpm_f' is exported under another name: 'hpm_g'"
            ),
            (
                "/// A.\n@_cdecl(\"hpm_f\") func hpm_f() {}",
                "exported 'hpm_f' is not public"
            ),
            (
                "/// A.\n@_cdecl(\"other\") public func other() {}",
                "the name of exported 'other' does not begin with hpm_"
            ),
            (
                "/// A.\npublic func hpm_f() {}",
                "'hpm_f' is public but has no @_cdecl(\"hpm_f\")"
            ),
            (
                "/// A.\n@_cdecl(\"hpm_f\") public func hpm_f() throws {}",
                "'hpm_f' throws or is async, which C can't express"
            ),
            (
                "#if os(Linux)\n/// A.\n@_cdecl(\"hpm_f\") public func hpm_f() {}\n#endif",
                "an exported function inside #if: the interface can't depend on the platform"
            ),
            (
                "/// A.\npublic typealias hpm_a = Int32\n/// A.\npublic typealias hpm_a = Int64",
                "'hpm_a' is already declared in Thing.swift:2"
            ),
            (
                "/// A.\npublic typealias hpm_a = Double",
                "'hpm_a' is a type that C can't express: Double"
            ),
            (
                "/// A.\npublic typealias hpm_a = (Int32) -> Int32",
                "'hpm_a' is a type that C can't express: (Int32) -> Int32"
            ),
            (
                "public typealias hpm_a = OpaquePointer",
                "'hpm_a' has no doc comment"
            ),
            (
                "public typealias hpm_a_pointer = UnsafeRawPointer",
                "'hpm_a_pointer' points to 'hpm_a', which is no public struct"
            ),
            (
                "/// A.\npublic typealias hpm_a = Int32\npublic let HPM_A: hpm_a = 1\n"
                    + "public let HPM_B: hpm_a = 1",
                "'HPM_B' has the value of 'HPM_A': 1"
            ),
            (
                "/// A.\npublic typealias hpm_a = Int64\npublic let HPM_A: hpm_a = 1 << 3",
                "the value of 'HPM_A' is not a literal that fits in 32 bits"
            ),
            (
                "/// A.\npublic typealias hpm_a = Int64\npublic let HPM_A: hpm_a = 4294967296",
                "the value of 'HPM_A' is not a literal that fits in 32 bits"
            ),
            (
                "public let HPM_A: Double = 1",
                "constant 'HPM_A' is not a literal Int32 or StaticString, nor of an integer type "
                    + "of the interface"
            ),
            (
                "/// A.\npublic struct hpm_a { public var x: Int32?\n public var y: Int32 }",
                "member 'x' of 'hpm_a' has a type that C can't express: Int32?"
            ),
            (
                "/// A.\npublic struct hpm_a { var x: Int32 }",
                "member 'x' of 'hpm_a' is not public but takes part in its layout"
            ),
            (
                "/// A.\npublic struct hpm_a { public var x: UnsafeRawPointer }",
                "member 'x' of 'hpm_a' is not optional: NULL would be undefined behaviour"
            ),
            (
                "/// A.\npublic struct hpm_a {}",
                "'hpm_a' has no members"
            ),
            (
                "/// A.\npublic typealias hpm_a = @convention(c) (Int32) -> Int32",
                "a parameter of 'hpm_a' has no name"
            ),
            (
                "/// A.\npublic typealias hpm_a = @convention(c) (_ b: hpm_b_pointer?) -> Int32\n"
                    + "/// B.\npublic struct hpm_b { public var a: hpm_a? }\n"
                    + "public typealias hpm_b_pointer = UnsafeRawPointer",
                "'hpm_a' mentions a type that mentions it"
            ),
            (
                "/// See ``hpm_other``.\npublic typealias hpm_a = Int32",
                "the comment of 'hpm_a' refers to 'hpm_other', which does not exist"
            ),
            (
                "/// Ends a comment: */\npublic typealias hpm_a = Int32",
                "the comment of 'hpm_a' contains a C comment: write // in examples"
            ),
            ("func {", "the file is not valid Swift"),
        ])
    func mistakes(_ source: String, _ message: String) {
        let problems = Self.problems(source)
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.hasSuffix(": " + message) == true, "\(problems)")
    }

    @Test func allProblemsAtOnce() {
        let source = Self.function("_ x: Bool, _ y: [Int]", documented: [])
        #expect(Self.problems(source).count == 4)
    }

    @Test(arguments: ["@_cdecl(\"hpm_f\")", "@c(hpm_f)", "@c"])
    func exports(_ attribute: String) {
        #expect(Self.problems("/// A.\n\(attribute) public func hpm_f() {}") == [])
    }

    @Test(
        arguments: [
            ("", 2),
            ("/// A.\npublic let HPM_VERSION: StaticString = \"0.1.0\"", 1),
            ("public let HPM_ABI_VERSION: Int32 = 0", 1),
            (
                "public let HPM_VERSION: StaticString = \"0\"\npublic let HPM_ABI_VERSION: Int32 = 0",
                1
            ),
            (version + "\npublic let HPM_VERSION_MAJOR: Int32 = 0", 0),
            (
                version + """

                    public let HPM_VERSION_MAJOR: Int32 = 0
                    public let HPM_VERSION_MINOR: Int32 = 2
                    public let HPM_VERSION_PATCH: Int32 = 0
                    """, 1
            ),
        ])
    func versions(_ source: String, _ count: Int) {
        var problems: [Problem] = []
        do throws(Problems) {
            _ = try Interface.read([SourceFile(path: "Version.swift", text: source)])
        } catch {
            problems = error.all
        }
        #expect(problems.count == count, "\(problems)")
    }
}
