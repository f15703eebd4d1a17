import Foundation
import Testing

@testable import Generator

@Suite struct GoldenTests {
    @Test func outputsAreAsExpected() throws {
        for output in try Fixture.outputs() {
            #expect(output.difference(under: Fixture.expected) == nil)
        }
    }

    @Test func orderOfFilesDoesNotMatter() throws {
        let sources = try SourceFile.all(in: Fixture.folder.appending(path: "Sources").path)
        let forward = try Output.all(of: Interface.read(sources)).map(\.text)
        let backward = try Output.all(of: Interface.read(sources.reversed())).map(\.text)
        #expect(forward == backward)
    }

    @Test func linesOfCodeFitThePage() throws {
        for output in try Fixture.outputs() where [".h", "py"].contains(output.path.suffix(2)) {
            for line in output.text.split(separator: "\n") {
                #expect(line.count <= 100, "\(output.path): \(line)")
                #expect(line.last != " ", "\(output.path): \(line)")
            }
            #expect(output.text.hasSuffix("\n") && !output.text.hasSuffix("\n\n"))
        }
    }

    @Test func writesOnlyWhatChanged() throws {
        let root = URL.temporaryDirectory.appending(path: "generator-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let old = Output(path: "a/b.txt", text: "one\ntwo\nthree\n")
        let new = Output(path: "a/b.txt", text: "one\n2\nthree\n")
        #expect(old.difference(under: root) == "--- a/b.txt is missing")
        #expect(try old.write(under: root))
        #expect(try !old.write(under: root))
        #expect(old.difference(under: root) == nil)
        #expect(
            new.difference(under: root) == """
                --- a/b.txt
                +++ a/b.txt (generated)
                @@ -2,1 +2,1 @@
                -two
                +2
                """)
        #expect(try new.write(under: root))
        #expect(new.difference(under: root) == nil)
    }
}

@Suite struct ClientTests {
    static let compilers: [[String]] =
        ["gcc", "clang"].flatMap { compiler in
            ["c99", "c11", "c17"].map {
                [compiler, "-x", "c", "-std=" + $0, "-Wstrict-prototypes"]
            }
        } + ["g++", "clang++"].map { [$0, "-x", "c++", "-std=c++17"] }

    @Test(arguments: compilers) func headerCompilesWithoutWarning(_ compiler: [String]) throws {
        if try Fixture.run([compiler[0], "--version"]).status != 0 { return }
        let header = Fixture.expected.appending(path: "include/hpm.h").path
        let client = URL.temporaryDirectory.appending(path: "client-\(UUID().uuidString).c")
        defer { try? FileManager.default.removeItem(at: client) }
        // The calls convert nothing, so a wrong type is a warning and with that an error.
        try """
        #include "\(header)"
        #include "\(header)"
        int32_t visit(void *, const double *, float *, double *, size_t, const hpm_report *);
        hpm_status use(hpm_report *report, const double *values, hpm_status *statuses);
        hpm_status use(hpm_report *report, const double *values, hpm_status *statuses)
        {
            const char *const labels[] = {"a", "b"};
            hpm_gadget *gadget = NULL;
            hpm_visit_callback callback = visit;
            const char *version = hpm_version();
            hpm_status status = hpm_gadget_create(version, labels, 2, &gadget);
            size_t count = sizeof *report;
            report->size = count;
            report->end = NULL;
            if (status == HPM_OK || status == HPM_ERROR || HPM_LOWEST > 0)
                status = hpm_gadget_everything(gadget, 1, 2, HPM_SWITCH_LONG, 3, 0.5f, NULL,
                                               NULL, NULL, NULL, NULL, values, NULL, NULL,
                                               &count, statuses, callback, report);
            hpm_gadget_destroy(gadget);
            return status;
        }

        """.write(to: client, atomically: true, encoding: .utf8)
        let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", client.path]
        let result = try Fixture.run(compiler + flags)
        #expect(result.status == 0, "\(result.output)")
    }

    @Test func pythonDeclaresEveryFunction() throws {
        let script = """
            import json, sys, types
            from ctypes import POINTER, c_char_p, c_double, c_int32, c_size_t, c_void_p, sizeof
            sys.path.insert(0, sys.argv[1] + "/bindings/python/libhpm")
            import _abi
            described = json.load(open(sys.argv[1] + "/include/hpm.abi.json"))
            names = [function["name"] for function in described["functions"]]
            library = types.SimpleNamespace(**{name: types.SimpleNamespace() for name in names})
            _abi.declare(library)
            for function in described["functions"]:
                declared = getattr(library, function["name"])
                assert len(declared.argtypes) == len(function["parameters"]), function
                assert (declared.restype is None) == (function["returns"] == "void"), function
            assert library.hpm_gadget_create.argtypes == (
                c_char_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p))
            everything = library.hpm_gadget_everything.argtypes
            assert everything[10:16] == (
                c_void_p, c_void_p, POINTER(c_double), c_void_p, POINTER(c_size_t), c_void_p)
            assert sizeof(_abi.hpm_report) == 32 and _abi.HPM_ERROR == -16
            nullable = {(f["name"], p["name"]) for f in described["functions"]
                        for p in f["parameters"] if p["nullable"]}
            assert nullable == {("hpm_gadget_destroy", "gadget"),
                                ("hpm_gadget_everything", "context"),
                                ("hpm_gadget_everything", "text")}, nullable
            assert described["version"] == "1.2.3" and described["abi_version"] == 4
            """
        let result = try Fixture.run(["python3", "-B", "-c", script, Fixture.expected.path])
        #expect(result.status == 0, "\(result.output)")
    }
}
