// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "libhpm", path: "../..")],
    targets: [
        .executableTarget(name: "Branin", dependencies: [.product(name: "HPM", package: "libhpm")]),
        .executableTarget(name: "Ridge", dependencies: [.product(name: "HPM", package: "libhpm")]),
    ]
)
