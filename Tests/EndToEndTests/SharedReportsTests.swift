import Foundation
import Testing

/// A watcher and a pass in one home, as real processes: whose word the health file and the metrics are.
@Suite struct SharedReports {
  private func health(_ home: Home) throws -> [String: Any] {
    home.exists("data/health.json") ? try home.read("data/health.json").json() : [:]
  }

  private func says(_ mode: String, _ status: String, _ home: Home) throws -> Bool {
    let health = try health(home)
    return health["mode"] as? String == mode && health["status"] as? String == status
  }

  @Test func aWatcherThatStartsDuringAPassSpeaksForTheHomeFromThenOn() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)'}}\n")
    let pass = try home.start("drain")
    try eventually("the pass is ready") { try says("drain", "ready", home) }
    let watcher = try home.start("watch")
    try eventually("the watcher is ready") { try says("watch", "ready", home) }
    #expect(try health(home)["pid"] as? Int32 == watcher.pid)
    gate.letOn()
    #expect(try pass.finish().code == 0)
    #expect(try says("watch", "ready", home))
    #expect(try home.astro("health", "live").code == 0)
    #expect(try watcher.stop().code == 0)
    #expect(try says("watch", "stopping", home))
    // What the pass did is on the page of the watcher.
    let page = try home.read("data/metrics/astro.prom")
    #expect(page.contains("\nastro_workflows_total{status=\"completed\"} 1\n"))
    #expect(page.contains("\nastro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 1\n"))
  }
}
