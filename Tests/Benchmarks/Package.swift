// swift-tools-version: 6.1
import PackageDescription

/// Measures rooms that the command line does not show on their own. Everything else is measured through the binary.
let package = Package(
  name: "benchmarks",
  dependencies: [
    .package(name: "astro", path: "../.."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .executableTarget(
      name: "rooms",
      dependencies: [
        .product(name: "AstroCore", package: "astro"),
        .product(name: "AstroLimits", package: "astro"),
        .product(name: "AstroJournal", package: "astro"),
        .product(name: "AstroHTTP", package: "astro"),
        .product(name: "AstroLLM", package: "astro"),
        .product(name: "AstroTelemetry", package: "astro"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ])
  ]
)
