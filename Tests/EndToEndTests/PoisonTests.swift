import Foundation
import Glibc
import Testing

/// Goal R19: what ends its runners is set aside, and other work goes on.
@Suite struct PoisonTests {
  /// Read for so long that a test can meet the runner at it.
  private static let tasks = (0..<60_000).map { "  t\($0): {run: 'true', needs: [\($0 == 0 ? "" : "t\($0 - 1)")]}\n" }
    .joined()
  private static let big = "tasks:\n" + tasks

  /// What a runner has noted that it is reading; nothing while it reads nothing.
  private func reading(_ runner: Command, _ home: Home) throws -> String? {
    let name = home.names(in: "data/runners").first { $0.hasSuffix(".reading") && $0.contains("-\(runner.pid)-") }
    return try name.map { try home.read("data/runners/\($0)") }.flatMap { $0.hasPrefix("r") ? $0 : nil }
  }

  /// Ends one watcher by a signal while it reads; `of` is part of what it has noted.
  private func end(_ signal: Int32, in home: Home, reading content: String? = nil) throws {
    let watch = try home.start(["watch"], environment: ["SWIFT_BACKTRACE": "enable=no"])
    // On a busy machine the test has to be faster than the reading.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(watch.pid), 19)
    try eventually("it reads") { try reading(watch, home).map { $0.contains(content ?? $0) } == true }
    watch.signal(signal)
    #expect(try watch.finish().code == 128 + signal)
  }

  private func expectPoison(_ message: String, in home: Home) throws {
    try home.submit(Workflows.succeeding, as: "small.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
    let receipt = try home.read("spool/rejected/\(home.run(in: "rejected")).receipt.json")
    #expect(receipt.contains("\"file\":\"big.yaml\"") && receipt.contains("\"code\":\"poison\""))
    #expect(receipt.contains("\"message\":\"\(message)\""))
    #expect(try home.read("data/metrics/astro.prom").contains("astro_rejected_total{reason=\"poison\"} 1\n"))
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a file whose reading ended five runners is set aside unread, others are not blamed`() throws {
    let home = try Home()
    try home.submit(Self.big, as: "big.yaml")
    for _ in 1...5 {
      try end(SIGKILL, in: home)
      #expect(home.waiting == ["big.yaml"])
    }
    try expectPoison("five runners ended while they read this file", in: home)
    // The same workflow in another file is another file.
    try home.submit("tasks:\n" + String(Self.tasks.prefix { $0 != "\n" }) + "\n", as: "big.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 4)
  }

  @Test(arguments: [SIGSEGV, SIGABRT]) func `two crashes prove as much as five kills`(signal: Int32) throws {
    let home = try Home()
    try home.submit(Self.big, as: "big.yaml")
    try end(SIGKILL, in: home)
    for _ in 1...2 {
      try end(signal, in: home)
      #expect(home.waiting == ["big.yaml"])
    }
    try expectPoison("two runners crashed while they read this file", in: home)
    #expect(try home.log("Runner crashed while it read a file").count == 2)
  }

  @Test func `a runner that crashes while it reads nothing blames nothing`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate))
    for _ in 1...3 {
      let watch = try home.start(["watch"], environment: ["SWIFT_BACKTRACE": "enable=no"])
      try eventually("it works") {
        try home.exists("data/health.json") && home.read("data/health.json").contains("\"pid\": \(watch.pid),")
      }
      try eventually("it reads nothing") { try home.exists("ran") && reading(watch, home) == nil }
      watch.signal(SIGSEGV)
      #expect(try watch.finish().code == 128 + SIGSEGV)
    }
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
    #expect(try home.log("Runner crashed while it read a file").isEmpty)
  }

  @Test func `a run that crashes whoever adopts it fails, others go on`() throws {
    let home = try Home()
    let gate = try home.gate()
    let last = "  gate: {run: '\(gate.pass)'}\n"
    try home.submit("name: big\n" + Self.big + last, as: "big.yaml")
    let first = try home.start("watch")
    try gate.waitForTask()
    try first.kill()
    for _ in 1...2 { try end(SIGSEGV, in: home, reading: "rbig-") }
    gate.letOn()
    try home.submit(Workflows.succeeding, as: "small.yaml")
    #expect(try home.astro("drain").code == 1)
    let run = try home.run(in: "failed")
    #expect(run.hasPrefix("big-"))
    #expect(try home.log("Run set aside as poison").count == 1)
    #expect(
      try home.sql("SELECT reason FROM run WHERE id = '\(run)'")
        == "its file is poison: runners ended again and again while they read it")
    #expect(home.names(in: "spool/done").count == 2 && home.names(in: "spool/active").isEmpty)
    #expect(home.names(in: "data/runners").isEmpty)
  }
}
