// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "libhpm",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "HPM", targets: ["HPM"]),
        .library(name: "HPMStore", targets: ["HPMStore"]),
        .library(name: "hpm", type: .dynamic, targets: ["HPMCABI"]),
    ],
    targets: [
        .target(name: "HPM"),
        // From the system; the Makefile links it statically into the shared library.
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "HPMStore", dependencies: ["HPM", "CSQLite"]),
        .target(name: "HPMCABI", dependencies: ["HPM", "HPMStore"]),
        .testTarget(
            name: "HPMTests", dependencies: ["HPM"],
            exclude: ["Surrogate/gaussian_process_reference.py"]),
        .testTarget(name: "HPMStoreTests", dependencies: ["HPMStore"]),
    ]
)
