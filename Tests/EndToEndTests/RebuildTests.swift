import Foundation
import Glibc
import Testing

/// R29: a journal that is gone or damaged is refused with one exit code, and made anew by one command from what else is
/// left; nothing is dropped without a word and nothing that succeeded runs again.
@Suite struct RebuildTests {
  /// What is in the log is not missed in the file.
  private static let checkpoint = "sqlite3 data/astro.sqlite 'PRAGMA wal_checkpoint(TRUNCATE)' > /dev/null"
  static let damages = [
    "rm data/astro.sqlite data/astro.sqlite-*", "rm data/astro.sqlite", ": > data/astro.sqlite",
    "\(checkpoint); truncate -s 100 data/astro.sqlite", "truncate -s 12288 data/astro.sqlite; rm data/astro.sqlite-*",
    "\(checkpoint); head -c 40000 /dev/zero | tr '\\0' x > data/astro.sqlite",
    "printf '\\377' | dd of=data/astro.sqlite-wal bs=1 seek=5000 conv=notrunc",
  ]

  private static let say = "echo \"$ASTRO_WORKFLOW_ID $ASTRO_TASK_ID $ASTRO_ATTEMPT\" >> \"$ASTRO_HOME/effects\""

  /// A task that leaves an output, and one that reads it behind a gate.
  private func gated(_ name: String, _ gate: Gate) -> String {
    """
    name: \(name)
    tasks:
      a:
        run: |
          \(Self.say)
          echo "word=\(name)" >> "$ASTRO_OUTPUT"
      b:
        needs: a
        env: {WORD: '${{ tasks.a.outputs.word }}'}
        run: |
          \(Self.say)
          \(gate.pass)
          test "$WORD" = \(name)
      c:
        needs: b
        run: |
          \(Self.say)
          echo "$ASTRO_ATTEMPT" > "$ASTRO_RUN_DIR/c"

    """
  }

  /// Three runs that ended, one that was rejected, two whose second task runs though their runner was killed, and a file
  /// that waits.
  private func home() throws -> (Home, Gate) {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    for name in ["good", "fine"] { try home.submit("tasks: {a: {run: '\(Self.say)'}}\n", as: "\(name).yaml") }
    try home.submit("tasks: {a: {run: exit 3}}\n", as: "bad.yaml")
    try home.submit("tasks: {a: {runn: x}}\n", as: "wrong.yaml")
    try #require(try home.astro("drain").code == 1)
    let watch = try home.start("watch")
    for name in ["one", "two"] { try home.submit(gated(name, gate), as: "\(name).yaml") }
    for _ in 0..<2 { try gate.waitForTask() }
    try watch.kill()
    try home.submit("tasks: {a: {run: '\(Self.say)'}}\n", as: "later.yaml")
    return (home, gate)
  }

  private func counters(_ home: Home) throws -> [String: Double] {
    let counted = ["astro_tasks_total", "astro_workflows_total", "astro_rejected_total"]
    let lines = try home.read("data/metrics/astro.prom").lines.filter { line in counted.contains { line.hasPrefix($0) }
    }
    return Dictionary(
      uniqueKeysWithValues: lines.map { line in
        let words = line.split(separator: " ")
        return (String(words[0]), Double(words[1]) ?? .nan)
      })
  }

  /// What everybody sees of the runs that had ended.
  private func ended(_ home: Home) throws -> [String] {
    try (home.names(in: "spool/done") + home.names(in: "spool/failed")).filter { $0.hasSuffix(".yaml") }
      .map { name in
        let run = String(name.dropLast(5))
        return "\(run) \(try home.state(of: run) ?? "none") \(try home.tasks(of: run).sorted { $0.key < $1.key })"
      }
  }

  @Test(arguments: damages) func `what is damaged is refused, and nothing lost by the rebuild`(damage: String) throws {
    let (home, gate) = try home()
    let (known, counted) = (try ended(home), try counters(home))
    let spool = try home.shell("find spool -type f | sort").output
    try #require(try home.shell(damage).code == 0)

    for verb in [
      ["drain"], ["watch"], ["list"], ["status"], ["run", "spool/later.yaml"], ["submit", "spool/later.yaml"],
    ] {
      let refused = try home.start(verb).finish()
      #expect(refused.code == 72, "\(verb): \(refused)")
      #expect(refused.errors.contains("\(home.path)/data/astro.sqlite: the journal "), "\(verb): \(refused)")
      #expect(refused.errors.contains("rebuild it: astro doctor --rebuild-journal"), "\(verb): \(refused)")
    }
    #expect(try home.astro("doctor").code == 72)
    #expect(try home.shell("find spool -type f | sort").output == spool)

    let rebuilt = try home.astro("doctor", "--rebuild-journal")
    #expect(rebuilt.code == 0, "\(rebuilt)")
    #expect(rebuilt.output.hasSuffix("restored 6 runs: 3 ended, 2 go on, 1 rejected\n"), "\(rebuilt)")
    #expect(home.names(in: "data/damaged").count == 1)
    #expect(!home.exists("data/rebuild.pending") && !home.exists("data/astro.sqlite.rebuilt"))
    #expect(try ended(home) == known)
    for _ in 0..<2 { gate.letOn() }
    #expect(try home.astro("drain").code == 0)

    #expect(home.names(in: "spool/active").isEmpty && home.waiting.isEmpty)
    #expect(home.names(in: "spool/done").count == 10 && home.names(in: "spool/failed").count == 2)
    #expect(home.names(in: "spool/rejected").count == 2)
    let effects = try home.read("effects").lines
    #expect(effects.count == 9 && Set(effects).count == 9, "\(effects)")
    #expect(effects.allSatisfy { $0.hasSuffix(" 1") })
    let now = try counters(home)
    for (name, value) in counted { #expect(now[name] ?? 0 >= value, "\(name)") }
    #expect(now["astro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"}"] == 9)
    #expect(now["astro_workflows_total{status=\"completed\"}"] == 5)
    #expect(try home.sql("PRAGMA integrity_check") == "ok")
    #expect(try home.sql("SELECT count(*) FROM run WHERE settled = 1") == "7")
  }

  @Test func `a journal is not rebuilt beside a runner, and not while it is sound`() throws {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    let busy = try home.astro("doctor", "--rebuild-journal")
    #expect(busy.code == 75)
    #expect(busy.errors.contains("/data/astro.sqlite: cannot be rebuilt while runner drain-"), "\(busy)")
    gate.letOn()
    #expect(try drain.finish().code == 0)
    let sound = try home.astro("doctor", "--rebuild-journal")
    #expect(sound.code == 64)
    #expect(sound.errors.contains("/data/astro.sqlite: is sound, there is nothing to rebuild; "), "\(sound)")
    #expect(!home.exists("data/damaged"))
  }

  /// A log that is taken away leaves a journal that SQLite finds sound, of an earlier moment.
  @Test func `a journal that has gone back in time is refused`() throws {
    let (home, gate) = try home()
    for _ in 0..<2 { gate.letOn() }
    try #require(try home.shell("rm data/astro.sqlite-wal data/astro.sqlite-shm").code == 0)
    #expect(try home.astro("drain").code == 72)
    #expect(try home.astro("doctor", "--rebuild-journal").code == 0)
    #expect(try home.astro("drain").code == 0)
    let effects = try home.read("effects").lines
    #expect(effects.count == 9 && Set(effects).count == 9, "\(effects)")
  }

  /// Nothing on disk contradicts such a journal: what it does not know has ended.
  @Test func `ends that were lost with the log are missed, and restored`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain("tasks: {a: {run: '\(Self.say)'}}\n", as: "first.yaml")
    try #require(try home.shell(Self.checkpoint).code == 0)
    let watch = try home.start("watch")
    try home.submit("tasks: {a: {run: '\(Self.say)'}}\n", as: "second.yaml")
    try home.submit("tasks: {a: {runn: x}}\n", as: "wrong.yaml")
    try eventually("all settled") { try home.sql("SELECT count(*) FROM run WHERE settled = 1") == "3" }
    try watch.kill()
    let (known, counted) = (try ended(home), try counters(home))
    let places = try home.shell("find spool data/runs -type f | sort").output
    try #require(try home.shell("rm data/astro.sqlite-wal data/astro.sqlite-shm").code == 0)

    for verb in [["drain"], ["list"], ["clean", "--older-than", "0s"]] {
      let refused = try home.start(verb).finish()
      #expect(refused.code == 72, "\(verb): \(refused)")
      #expect(
        refused.errors.contains(#//data/astro\.sqlite: the journal is damaged: its last \d+ commits are gone; /#),
        "\(verb): \(refused)")
    }
    #expect(try home.shell("find spool data/runs -type f | sort").output == places)
    let rebuilt = try home.astro("doctor", "--rebuild-journal")
    #expect(rebuilt.output.hasSuffix("restored 3 runs: 2 ended, 0 go on, 1 rejected\n"), "\(rebuilt)")
    #expect(try home.astro("drain").code == 0)
    #expect(try ended(home) == known)
    #expect(try home.read("effects").lines.count == 2)
    let now = try counters(home)
    for (name, value) in counted { #expect(now[name] ?? 0 >= value, "\(name)") }
  }

  /// Its own record is within a task's reach; what the journal says counts.
  @Test func `a record that a task has forged stops nobody and is written anew`() throws {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    let forge = "sed s/running/succeeded/ $ASTRO_RUN_DIR/../run.json > f; mv f $ASTRO_RUN_DIR/../run.json"
    let until = "until grep -q running $ASTRO_RUN_DIR/../run.json; do :; done"
    try home.submit("tasks: {a: {run: '\(until); \(forge); \(gate.pass); exit 3'}}\n")
    let watch = try home.start("watch")
    try gate.waitForTask()
    try watch.kill()
    gate.letOn()
    #expect(try home.astro("drain").code == 1)
    let id = try home.run(in: "failed")
    #expect(try home.read("data/runs/\(id)/run.json").json()["state"] as? String == "failed")
  }

  @Test func `a full disk refuses the rebuild and changes nothing`() throws {
    let home = try Home(system: Home.unlimited)
    try home.mount("tmpfs", on: "data", type: "tmpfs", options: "size=4m,mode=711")
    try home.drain("tasks: {a: {run: 'true'}}\n")
    try #require(try home.shell("truncate -s 12288 data/astro.sqlite").code == 0)
    home.fill("data")
    let listing = "find data spool | grep -v -- '-shm$\\|-wal$' | sort"
    let listed = try home.shell(listing).output
    let refused = try home.astro("doctor", "--rebuild-journal")
    #expect(refused.code == 73 && refused.errors.hasSuffix(": No space left on device\n"), "\(refused)")
    #expect(try home.shell(listing).output == listed)
    unlink(home.path + "/data/ballast")
    #expect(try home.astro("doctor", "--rebuild-journal", "--json").code == 0)
    let run = try home.run(in: "done")
    #expect(try home.state(of: run) == "succeeded")
  }

  /// Over-throttling is safe, over-calling is not.
  @Test func `limits of which nothing is left are taken as used up`() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 3, window_seconds: 600}}")
    try home.drain("tasks: {a: {run: 'true'}}\n")
    try #require(try home.shell("rm data/astro.sqlite*").code == 0)
    let rebuilt = try home.astro("doctor", "--rebuild-journal")
    #expect(rebuilt.output.contains(": taken as used up from now on\n"), "\(rebuilt)")
    try home.submit("tasks: {a: {run: 'true'}}\n", as: "next.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.waiting == ["next.yaml"])
  }
}
