import Foundation
import Glibc
import Testing

/// A watcher and a pass in one home, as real processes: whose word the health file and the metrics are.
@Suite(.timeLimit(.minutes(1))) struct SharedReports {
  private let astro: String
  private let home = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path

  init() throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    let initialisation = try start("init", home)
    initialisation.waitUntilExit()
    #expect(initialisation.terminationStatus == 0)
  }

  private func start(_ arguments: String...) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: astro)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func health() -> [String: Any] {
    let data = FileManager.default.contents(atPath: home + "/data/health.json") ?? Data()
    return (try? JSONSerialization.jsonObject(with: data) as? [String: Any]) ?? [:]
  }

  /// Returns once the health file says so; the suite's time limit ends a wait in vain.
  private func waitFor(_ mode: String, _ status: String, _ process: Process) {
    while process.isRunning {
      let health = health()
      if health["mode"] as? String == mode, health["status"] as? String == status { return }
      sched_yield()
    }
    Issue.record("ended before it was \(status): \(health())")
  }

  @Test func aWatcherThatStartsDuringAPassSpeaksForTheHomeFromThenOn() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    mkfifo(home + "/gate", 0o600)
    try "tasks: {a: {env: {GATE: '\(home)/gate'}, run: 'cat \"$GATE\"'}}\n".write(
      toFile: home + "/spool/w.yaml", atomically: true, encoding: .utf8)
    let pass = try start("drain", "--home", home)
    waitFor("drain", "ready", pass)
    let watcher = try start("watch", "--home", home)
    waitFor("watch", "ready", watcher)
    #expect(health()["pid"] as? Int32 == watcher.processIdentifier)
    // The task of the pass reads until somebody has written.
    close(open(home + "/gate", O_WRONLY))
    pass.waitUntilExit()
    #expect(pass.terminationStatus == 0)
    #expect(health()["mode"] as? String == "watch" && health()["status"] as? String == "ready")
    let probe = try start("health", "live", "--home", home)
    probe.waitUntilExit()
    #expect(probe.terminationStatus == 0)
    watcher.terminate()
    watcher.waitUntilExit()
    #expect(watcher.terminationStatus == 0)
    #expect(health()["mode"] as? String == "watch" && health()["status"] as? String == "stopping")
    // What the pass did is on the page of the watcher.
    let page = try String(contentsOfFile: home + "/data/metrics/astro.prom", encoding: .utf8)
    #expect(page.contains("\nastro_workflows_total{status=\"completed\"} 1\n"))
    #expect(page.contains("\nastro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 1\n"))
  }
}
