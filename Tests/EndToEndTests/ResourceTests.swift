import Foundation
import Testing

/// `resources:` (R37).
@Suite(.serialized) struct ResourceTests {
  @Test func `an attempt that runs out of memory says so, and another task is not harmed`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain(
      """
      tasks:
        hog: {run: [perl, -e, '$x = "x" x (256 << 20); sleep 1000'], resources: {memory: 64MiB}}
        other: {run: 'sleep 0.1'}

      """)
    let run = try home.run(in: "failed")
    #expect(try home.tasks(of: run) == ["hog": "failed 1", "other": "succeeded 1"])
    let record = try home.read("data/runs/\(run)/run.json")
    #expect(record.contains(#""message":"out of memory: limit 64MiB""#), "\(record)")
    #expect(record.contains(#""signal":9"#))
    #expect(try home.astro("explain", run, "hog").output.contains("out of memory: limit 64MiB"))
  }

  @Test func `limits that stay unmet change nothing`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain("defaults: {resources: {cpus: 1, memory: 512MiB}}\ntasks: {a: {run: 'true'}}\n")
    #expect(try home.tasks(of: home.run(in: "done")) == ["a": "succeeded 1"])
  }

  /// It fails by itself: nothing has to end it, and nothing else on the machine is short of processes.
  @Test func `a fork bomb that may have few processes fails, and nothing of it is left`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain(
      """
      tasks:
        bomb:
          run: 'b() { echo x >> born; b & b; }; b'
          resources: {processes: 32}
        beside: {run: 'true'}

      """)
    let run = try home.run(in: "failed")
    #expect(try home.tasks(of: run) == ["bomb": "failed 1", "beside": "succeeded 1"])
    #expect(try home.astro("logs", run, "bomb").output.contains("Cannot fork"))
    try eventually("nothing is left") {
      try home.shell("grep -lsz 'ASTRO_WORKFLOW_ID=\(run)' /proc/[0-9]*/environ").output.isEmpty
    }
  }

  /// The attempt's own death, not the deadline's, when both come: its cause is what was decided first.
  @Test func `a fork bomb ends at its timeout and nothing of it is left`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain(
      """
      tasks:
        bomb:
          run: b() { b | b & }; b; sleep 1000
          resources: {memory: 48MiB, cpus: 0.5}
          timeout: 2s
          grace: 0
        beside: {run: 'true'}

      """)
    let run = try home.run(in: "failed")
    #expect(try home.tasks(of: run)["beside"] == "succeeded 1")
    // Killed all at once; hundreds take a moment to die.
    try eventually("nothing is left") {
      try home.shell("grep -lsz 'ASTRO_WORKFLOW_ID=\(run)' /proc/[0-9]*/environ").output.isEmpty
    }
  }
}
