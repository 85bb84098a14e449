import Foundation
import Glibc
import Testing

@Suite struct HealthTests {
  private let probes = ["live", "ready", "startup"]

  @Test func `without the file every probe says no, as JSON and by its exit code`() throws {
    let home = try Home()
    let words = "there is no health report: no runner has started here; start one with astro watch or astro drain"
    let reason = "\"message\":\"\(home.path)/data/health.json: \(words)\""
    for (probe, word) in [("live", "not_alive"), ("ready", "not_ready"), ("startup", "starting")] {
      let ending = try home.astro("health", probe)
      #expect(ending.code == 1)
      #expect(ending.output.hasPrefix("{\"status\":\"\(word)\",\(reason)"))
      #expect(ending.errors == "")
    }
    let summary = try home.astro("health")
    #expect(summary.code == 1)
    #expect(summary.output == "{\"overall_status\":\"degraded\",\(reason)}\n")
  }

  @Test func `after a pass every probe says yes`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    for probe in probes { #expect(try home.astro("health", probe).code == 0) }
    let summary = try home.astro("health")
    #expect(summary.code == 0)
    let report = try summary.output.json()
    #expect(report["overall_status"] as? String == "healthy")
    #expect(report["status"] as? String == "idle")
    #expect((report["checks"] as? [String: Any])?.keys.sorted() == ["agents", "database", "disk", "docker", "spool"])
  }

  @Test func `a file past its time is not live, and says since when`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    let report = try home.read("data/health.json")
      .replacing(/"next_update_by": "[^"]*"/, with: "\"next_update_by\": \"2026-01-01T00:00:00.000Z\"")
    try home.write(report, to: "data/health.json")
    for probe in probes {
      let ending = try home.astro("health", probe)
      #expect(ending.code == 1)
      #expect(
        ending.output.contains(
          "\"the report was due to be renewed by 2026-01-01T00:00:00.000Z: the runner is gone or stuck\""))
    }
  }

  @Test func `what is no report does not hang a probe`() throws {
    let home = try Home()
    try #require(mkfifo(home.path + "/data/health.json", 0o600) == 0)
    #expect(try home.astro("health", "live").code == 1)
    try #require(unlink(home.path + "/data/health.json") == 0)
    try home.write("[]", to: "data/health.json")
    let ending = try home.astro("health", "live")
    #expect(ending.code == 1)
    #expect(ending.output.contains("is not a health report"))
  }

  @Test func `an unknown probe is a mistake of the caller`() throws {
    let home = try Home()
    let ending = try home.astro("health", "lively")
    #expect(ending.code == 64)
    #expect(ending.errors.contains("unknown probe 'lively'; one of: live, ready, startup"))
  }
}
