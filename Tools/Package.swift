// swift-tools-version: 6.0
import PackageDescription

// A package of its own, so that swift-syntax is never resolved for a user of libhpm.
let package = Package(
    name: "Tools",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "libhpm", path: ".."),
        .package(url: "https://github.com/swiftlang/swift-syntax.git", exact: "603.0.1"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
    ],
    targets: [
        .target(
            name: "Generator",
            dependencies: [
                .product(name: "SwiftSyntax", package: "swift-syntax"),
                .product(name: "SwiftParser", package: "swift-syntax"),
            ]),
        .executableTarget(
            name: "generate",
            dependencies: [
                "Generator",
                .product(name: "HPM", package: "libhpm"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "GeneratorTests",
            dependencies: ["Generator"],
            exclude: ["Fixtures"]),
    ])
