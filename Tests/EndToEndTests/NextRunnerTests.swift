import Foundation
import Glibc
import Testing

/// What one runner leaves means the same to the next.
@Suite struct NextRunnerTests {
  @Test func `an attempt ended by its timeout has timed out, whoever hears of its end`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      name: late
      tasks:
        a:
          timeout: 1s
          grace: 60s
          run: |
            trap '\(gate.pass); exit 0' TERM
            sleep 1000 &
            wait

      """)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    gate.letOn()
    #expect(try home.astro("drain").code == 1)
    let report = try home.astro("status", "@latest", "--json").output
    #expect(report.contains("\"state\":\"timed_out\",\"exit_code\":0,"), "\(report)")
  }

  @Test func `a retry that was begun ahead of its slot is tried, though its runner died`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      name: again
      tasks:
        a: {run: 'test $ASTRO_ATTEMPT = 2', retry: {attempts: 2, delay: 1h}}
        b: {needs: a, if: always(), run: 'true'}
        c: {run: '\(gate.pass)'}

      """)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try eventually("its first attempt has failed") {
      try home.sql("SELECT count(*) FROM attempt WHERE task = 'a' AND outcome IS NOT NULL") == "1"
    }
    try runner.kill()
    // As a runner that has just begun it leaves it: its pause is over, its start is recorded, no process is.
    try home.sql(
      """
      INSERT INTO attempt(run, task, number, agent, launcher, started_at, started_boot, boot_id) \
      SELECT run, task, 2, agent, launcher, started_at, started_boot, boot_id FROM attempt WHERE task = 'a'; \
      UPDATE task SET attempts = 2, not_before = 1 WHERE task = 'a'
      """)
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: home.run(in: "done")) == ["a": "succeeded 2", "b": "succeeded 1", "c": "succeeded 1"])
  }

  @Test func `a damaged exit log loses what it does not tell, and nothing else`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit("name: hurt\ntasks: {a: {run: '\(gate.pass)'}}\n", as: "a.yaml")
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    let log = try #require(home.names(in: "data/runners").first { $0.hasSuffix(".exits") })
    try #require(try home.shell("printf 'rubbish\\nclosed\\t1\\n' >> data/runners/\(log)").code == 0)
    try home.submit("name: whole\ntasks: {a: {run: 'true'}}\n", as: "b.yaml")
    let pass = try home.astro("drain")
    #expect(pass.code == 1)
    #expect(pass.errors.contains("\(log):") && pass.errors.contains("the exit log is damaged here"), "\(pass)")
    #expect(try home.tasks(of: home.run(in: "failed")) == ["a": "lost 1"])
    #expect(home.names(in: "spool/done").count == 2)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "data/runners") == ["\(log).damaged"])
  }

  /// Asked before its commit fails, or while it waits for that.
  @Test(arguments: [true, false]) func `a watcher asked to stop does not begin anew`(before: Bool) throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)'}}\n")
    let watch = try home.start("watch")
    try gate.waitForTask()
    if before {
      watch.signal(SIGTERM)
      try eventually("it has heard") { try !home.log("Stopping").isEmpty }
    }
    let inside = open("\(home.path)/data/journal.lock", O_RDWR | O_CLOEXEC)
    defer { close(inside) }
    try #require(inside >= 0 && flock(inside, LOCK_EX) == 0)
    gate.letOn()
    // A line of proc_locks(5) with an arrow is one who waits.
    try eventually("it waits for the journal") {
      // Foundation reads no more than 4 KiB of a file that tells no size, but by a handle.
      let locks = try #require(FileHandle(forReadingAtPath: "/proc/locks")).readDataToEndOfFile()
      return String(decoding: locks, as: UTF8.self).lines.contains {
        $0.contains("-> FLOCK") && $0.split(separator: " ").contains("\(watch.pid)")
      }
    }
    if !before { watch.signal(SIGTERM) }
    let ending = try watch.finish()
    #expect(ending.code == 75)
    #expect(ending.errors.contains("another process has held the journal for 10s"), "\(ending)")
    #expect(!ending.errors.contains("starting again"), "\(ending)")
    flock(inside, LOCK_UN)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func `runs without an owner are adopted only while there is room`() throws {
    let home = try Home()
    let gate = try home.gate()
    for name in ["a", "b", "c"] {
      try home.submit(
        """
        name: \(name)
        tasks: {t: {run: 'test $ASTRO_ATTEMPT = 2 || exit 1; \(gate.pass)'}}

        """, as: "\(name).yaml")
    }
    #expect(try home.astro("drain").code == 1)
    let runs = home.names(in: "data/runs")
    #expect(runs.count == 3)
    for run in runs { #expect(try home.astro("retry", run).code == 0) }
    try home.configure("max_active_workflows: 1")
    let runner = try home.start("drain")
    for left in [2, 1, 0] {
      try gate.waitForTask()
      let list = try home.astro("list", "--json").output
      #expect(list.components(separatedBy: "\"state\":\"running\"").count == 2, "\(list)")
      #expect(list.components(separatedBy: "\"state\":\"queued\"").count == left + 1, "\(list)")
      // What runs lies in active/, what waits where it ended.
      #expect(home.names(in: "spool/active").count == 1)
      #expect(home.names(in: "spool/failed").count == 2 * left)
      gate.letOn()
    }
    #expect(try runner.finish().code == 0)
  }

  @Test func `a runner that cannot start leaves nothing behind`() throws {
    let home = try Home()
    try #require(rename("\(home.path)/spool", "\(home.path)/gone") == 0)
    for _ in 0..<3 { #expect(try home.astro("drain").code != 0) }
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `what a dead runner left without its lock is removed`() throws {
    let home = try Home()
    try home.astro("drain")
    // As where a warden was still ending while the files of its runner were removed.
    let name = "data/runners/drain-20261124T020000Z-4194304-7"
    for ending in ["exits", "groups", "warden", "reading"] { try home.write("", to: "\(name).\(ending)") }
    try home.write("", to: "data/runners/drain-kept.exits.damaged")
    try home.astro("drain")
    #expect(home.names(in: "data/runners") == ["drain-kept.exits.damaged"])
  }

  @Test func `a stop leaves no start in the journal that has no process`() throws {
    let home = try Home(system: "max_parallel_tasks: 1")
    let gate = try home.gate()
    let quick = (0..<40).map { "  q\($0): {run: ['/bin/true']}\n" }.joined()
    // Quick ones first, so that starts are committed ahead of the gate's.
    try home.submit(
      "name: many\ntasks:\n\(quick)  z: {run: '\(gate.pass)'}\n"
        + (0..<40).map { "  zz\($0): {run: ['/bin/true']}\n" }.joined())
    let runner = try home.start("watch")
    try gate.waitForTask()
    runner.signal(SIGTERM)
    gate.letOn()
    _ = try runner.finish()
    #expect(try home.sql("SELECT count(*) FROM attempt WHERE outcome IS NULL") == "0")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("list", "--json").output.contains("\"state\":\"succeeded\""))
  }

  @Test func `without any inotify instance the ends of adopted attempts are heard of all the same`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      name: late
      tasks: {a: {run: '\(gate.pass)'}}

      """)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    let next = try Command(
      "/usr/bin/unshare",
      [
        "--user", "--map-root-user", "sh", "-c",
        "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" drain --home \"$1\"", home.astro, home.path,
      ])
    gate.letOn()
    let ending = try next.finish()
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func `a run whose file this version cannot read is ended with what runs of it`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      name: old
      tasks:
        a: {run: '\(gate.pass); exit 0'}
        b: {needs: a, run: 'true'}

      """)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    try home.sql("UPDATE content SET bytes = x'31'; UPDATE run SET sha256 = ''")
    #expect(try home.astro("drain").code == 1)
    let report = try home.astro("status", "@latest", "--json").output
    #expect(report.contains("\"state\":\"failed\""))
    #expect(report.contains("this version of astro cannot read its file, which an earlier one accepted"), "\(report)")
    #expect(report.contains("\"outcome\":\"cancelled\"") || report.contains("\"state\":\"cancelled\""), "\(report)")
    #expect(home.names(in: "spool/failed").count == 2)
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a pass leaves a file to the next whose time has not come`() throws {
    let home = try Home()
    let soon = Date(timeIntervalSinceNow: 20).formatted(.iso8601)
    try home.drain("not_before: \(soon)\ntasks: {a: {run: 'true'}}\n")
    #expect(home.names(in: "spool").contains("work.yaml"))
    #expect(home.names(in: "data/runs").isEmpty)
  }
}
