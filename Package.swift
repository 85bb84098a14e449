// swift-tools-version: 6.1
import PackageDescription

/// Settings every target is compiled with.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),  // SE-0335
  .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
  .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
]

/// One room of the walk a workflow takes; `uses` is everything it may import.
func room(_ name: String, uses rooms: [String], _ libraries: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: rooms.map { .init(stringLiteral: $0) } + libraries,
    swiftSettings: settings)
}

func suite(
  _ room: String, uses others: [String] = [], _ libraries: [Target.Dependency] = [], fixtures: [String] = []
) -> Target {
  .testTarget(
    name: room + "Tests", dependencies: ([room] + others).map { .init(stringLiteral: $0) } + libraries,
    exclude: fixtures, swiftSettings: settings)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

let package = Package(
  name: "astro",
  products: [.executable(name: "astro", targets: ["astro"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
  ],
  targets: [
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux"),
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
    room("AstroCore", uses: []),
    room("AstroYAML", uses: ["AstroCore", "CLibYAML"]),
    room("AstroWorkflow", uses: ["AstroCore", "AstroYAML"]),
    room("AstroConfiguration", uses: ["AstroCore", "AstroYAML"]),
    room("AstroScheduling", uses: ["AstroCore"], [heap]),
    room("AstroLimits", uses: ["AstroCore"]),
    room(
      "AstroJournal", uses: ["AstroCore", "AstroLimits", "CLinux", "CSQLite"],
      [.product(name: "GRDB", package: "GRDB.swift")]),
    room(
      "AstroSpool", uses: ["AstroCore", "CLinux"],
      [.product(name: "Crypto", package: "swift-crypto")]),
    room("AstroProcess", uses: ["AstroCore", "CLinux"]),
    room("AstroSandbox", uses: ["AstroCore", "CLinux"]),
    room(
      "AstroHTTP", uses: ["AstroCore"],
      [
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    room("AstroLLM", uses: ["AstroCore", "AstroHTTP"], [.product(name: "Crypto", package: "swift-crypto")]),
    room("AstroMCP", uses: ["AstroCore", "AstroProcess"]),
    room(
      "AstroAgents",
      uses: ["AstroCore", "AstroProcess", "AstroSandbox", "AstroHTTP", "AstroLLM", "AstroMCP", "CLinux"],
      [.product(name: "Crypto", package: "swift-crypto")]),
    room("AstroTelemetry", uses: ["AstroCore", "CLinux"], [log]),
    room(
      "AstroRunner",
      uses: [
        "AstroCore", "AstroYAML", "AstroWorkflow", "AstroConfiguration", "AstroScheduling", "AstroLimits",
        "AstroJournal", "AstroSpool", "AstroProcess", "AstroSandbox", "AstroHTTP", "AstroLLM", "AstroMCP",
        "AstroAgents", "AstroTelemetry", "CLinux",
      ], [log, .product(name: "Crypto", package: "swift-crypto")]),
    .executableTarget(
      name: "astro",
      dependencies: [
        "AstroRunner", "AstroCore", "AstroYAML", "AstroWorkflow", "AstroConfiguration", "AstroAgents",
        "AstroJournal", "AstroSpool", "AstroProcess", "AstroSandbox", "AstroScheduling", "AstroTelemetry", "CLinux",
        log,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),
    // What several suites need.
    .target(name: "AstroTestKit", path: "Tests/AstroTestKit", swiftSettings: settings),
    suite("AstroCore", uses: ["AstroTestKit"]),
    suite("AstroYAML", uses: ["AstroCore", "AstroTestKit"]),
    suite("AstroWorkflow", uses: ["AstroCore", "AstroYAML", "AstroTestKit"]),
    suite("AstroConfiguration", uses: ["AstroCore"]),
    suite("AstroScheduling", uses: ["AstroCore"]),
    suite("AstroLimits", uses: ["AstroCore", "AstroTestKit"]),
    // Another process on the same journal, for the suite below.
    .executableTarget(
      name: "JournalPeer", dependencies: ["AstroJournal", "AstroLimits", "AstroCore"], path: "Tests/JournalPeer",
      swiftSettings: settings),
    suite(
      "AstroJournal", uses: ["AstroCore", "AstroTestKit", "AstroConfiguration", "AstroLimits", "JournalPeer"],
      [.product(name: "GRDB", package: "GRDB.swift")]),
    suite("AstroSpool", uses: ["AstroCore", "AstroTestKit"]),
    suite("AstroProcess", uses: ["AstroCore", "AstroTestKit", "CLinux"]),
    suite("AstroSandbox", uses: ["AstroCore", "AstroTestKit", "CLinux"]),
    suite("AstroHTTP", uses: ["AstroCore", "AstroTestKit"]),
    suite("AstroLLM", uses: ["AstroCore", "AstroHTTP", "AstroTestKit"], fixtures: ["Fixtures"]),
    suite("AstroMCP", uses: ["AstroCore", "AstroProcess", "AstroTestKit"]),
    suite(
      "AstroAgents",
      uses: ["AstroCore", "AstroProcess", "AstroSandbox", "AstroTestKit", "AstroHTTP", "AstroLLM", "AstroMCP"]),
    // Another process that logs, for the suite below.
    .executableTarget(
      name: "LogPeer", dependencies: ["AstroTelemetry", log], path: "Tests/LogPeer", swiftSettings: settings),
    suite("AstroTelemetry", uses: ["AstroCore", "AstroTestKit", "LogPeer"], [log]),
    suite(
      "AstroRunner",
      uses: [
        "AstroTestKit", "AstroCore", "AstroConfiguration", "AstroScheduling", "AstroLimits", "AstroJournal",
        "AstroSpool", "AstroTelemetry",
      ], [log]),
    // Measures rooms that the command line does not show on their own, for `make bench`.
    .executableTarget(
      name: "BenchmarkRooms",
      dependencies: ["AstroCore", "AstroLimits", "AstroJournal", "AstroHTTP", "AstroLLM", "AstroTelemetry", log],
      path: "Tests/Benchmarks/rooms", swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests", dependencies: ["AstroCore", "AstroJournal", "CLinux", "AstroTestKit"],
      swiftSettings: settings),
  ]
)
