// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "libhpm",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "HPM", targets: ["HPM"]),
        .library(name: "hpm", type: .dynamic, targets: ["HPMCABI"]),
    ],
    targets: [
        .target(name: "HPM"),
        .target(name: "HPMCABI", dependencies: ["HPM"]),
        .testTarget(
            name: "HPMTests", dependencies: ["HPM"],
            exclude: ["Surrogate/gaussian_process_reference.py"]),
    ]
)
