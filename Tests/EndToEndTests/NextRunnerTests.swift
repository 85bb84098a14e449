import Foundation
import Glibc
import Testing

/// What one runner leaves means the same to the next.
@Suite struct NextRunnerTests {
  @Test func `an attempt ended by its timeout has timed out, whoever hears of its end`() throws {
    let home = try FollowHome()
    let gate = try home.gate("gate")
    try home.submit(
      """
      name: late
      env: {GATE: \(gate.path)}
      tasks:
        a:
          timeout: 1s
          grace: 60s
          run: |
            trap 'echo > "$GATE.here"; read go < "$GATE.go"; exit 0' TERM
            sleep 1000 &
            wait

      """)
    let runner = try home.command(["drain"]).start()
    try gate.waitForTask()
    try runner.signal(SIGKILL)
    _ = try runner.finish()
    gate.letOn()
    #expect(try home.astro("drain").code == 1)
    let report = try home.astro("status", "@latest", "--json").output
    #expect(report.contains("\"state\":\"timed_out\",\"exit_code\":0,"), "\(report)")
  }

  @Test func `a retry that was due is tried, whenever its runner died`() throws {
    let home = try FollowHome()
    // One slot, held: the retry is begun ahead of it and has no process when its runner dies.
    try home.configure("max_parallel_tasks", "1")
    let gate = try home.gate("gate")
    try home.submit(
      """
      name: again
      env: {GATE: \(gate.path)}
      tasks:
        a: {run: 'test $ASTRO_ATTEMPT = 2', retry: {attempts: 2, delay: 0s}}
        b: {needs: [], run: 'echo > "$GATE.here"; read go < "$GATE.go"'}
        c: {run: 'true'}
        d: {run: 'true'}

      """)
    let runner = try home.command(["drain"]).start()
    try gate.waitForTask()
    try runner.signal(SIGKILL)
    _ = try runner.finish()
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("list", "--json").output.contains("\"state\":\"succeeded\""))
  }

  @Test func `runs without an owner are adopted only while there is room`() throws {
    let home = try FollowHome()
    let gate = try home.gate("gate")
    for name in ["a", "b", "c"] {
      try home.submit(
        """
        name: \(name)
        env: {GATE: \(gate.path)}
        tasks: {t: {run: 'test $ASTRO_ATTEMPT = 2 || exit 1; echo > "$GATE.here"; read go < "$GATE.go"'}}

        """, as: "\(name).yaml")
    }
    #expect(try home.astro("drain").code == 1)
    let runs = home.names(in: "data/runs")
    #expect(runs.count == 3)
    for run in runs { #expect(try home.astro("retry", run).code == 0) }
    try home.configure("max_active_workflows", "1")
    let runner = try home.command(["drain"]).start()
    for left in [2, 1, 0] {
      try gate.waitForTask()
      let list = try home.astro("list", "--json").output
      #expect(list.components(separatedBy: "\"state\":\"running\"").count == 2, "\(list)")
      #expect(list.components(separatedBy: "\"state\":\"queued\"").count == left + 1, "\(list)")
      gate.letOn()
    }
    #expect(try runner.finish().code == 0)
  }

  @Test func `a runner that cannot start leaves nothing behind`() throws {
    let home = try FollowHome()
    try #require(rename("\(home.path)/spool", "\(home.path)/gone") == 0)
    for _ in 0..<3 { #expect(try home.astro("drain").code != 0) }
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a stop leaves no start in the journal that has no process`() throws {
    let home = try FollowHome()
    try home.configure("max_parallel_tasks", "1")
    let gate = try home.gate("gate")
    let quick = (0..<40).map { "  q\($0): {run: ['/bin/true']}\n" }.joined()
    // Quick ones first, so that starts are committed ahead of the gate's.
    try home.submit(
      "name: many\nenv: {GATE: \(gate.path)}\ntasks:\n\(quick)  z: {run: 'echo > \"$GATE.here\"; read go < \"$GATE.go\"'}\n"
        + (0..<40).map { "  zz\($0): {run: ['/bin/true']}\n" }.joined())
    let runner = try home.command(["watch"]).start()
    try gate.waitForTask()
    try runner.signal(SIGTERM)
    gate.letOn()
    _ = try runner.finish()
    let left = try Command(
      "/usr/bin/python3",
      [
        "-c",
        "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from attempt where outcome is null').fetchone()[0])",
        "\(home.path)/data/astro.sqlite",
      ]
    ).finish()
    #expect(left.output == "0\n", "\(left.errors)")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("list", "--json").output.contains("\"state\":\"succeeded\""))
  }

  @Test func `without any inotify instance the ends of adopted attempts are heard of all the same`() throws {
    let home = try FollowHome()
    let gate = try home.gate("gate")
    try home.submit(
      """
      name: late
      env: {GATE: \(gate.path)}
      tasks: {a: {run: 'echo > "$GATE.here"; read go < "$GATE.go"'}}

      """)
    let runner = try home.command(["drain"]).start()
    try gate.waitForTask()
    try runner.signal(SIGKILL)
    _ = try runner.finish()
    let next = try Command(
      "/usr/bin/unshare",
      [
        "--user", "--map-root-user", "sh", "-c",
        "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" drain --home \"$1\"", home.astro, home.path,
      ]
    ).start()
    gate.letOn()
    let ending = try next.finish()
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func `a run whose file this version cannot read is ended with what runs of it`() throws {
    let home = try FollowHome()
    let gate = try home.gate("gate")
    try home.submit(
      """
      name: old
      env: {GATE: \(gate.path)}
      tasks:
        a: {run: 'echo > "$GATE.here"; read go < "$GATE.go"; exit 0'}
        b: {needs: a, run: 'true'}

      """)
    let runner = try home.command(["drain"]).start()
    try gate.waitForTask()
    try runner.signal(SIGKILL)
    _ = try runner.finish()
    let edit =
      "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('update content set bytes=?', (b'1',)); c.commit()"
    #expect(try Command("/usr/bin/python3", ["-c", edit, "\(home.path)/data/astro.sqlite"]).finish().code == 0)
    #expect(try home.astro("drain").code == 1)
    let report = try home.astro("status", "@latest", "--json").output
    #expect(report.contains("\"state\":\"failed\""))
    #expect(report.contains("this version of astro cannot read its file, which an earlier one accepted"), "\(report)")
    #expect(report.contains("\"outcome\":\"cancelled\"") || report.contains("\"state\":\"cancelled\""), "\(report)")
    #expect(home.names(in: "spool/failed").count == 2)
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a pass leaves a file to the next whose time has not come`() throws {
    let home = try FollowHome()
    let soon = Date(timeIntervalSinceNow: 20).formatted(.iso8601)
    try home.drain("not_before: \(soon)\ntasks: {a: {run: 'true'}}\n")
    #expect(home.names(in: "spool").contains("flow.yaml"))
    #expect(home.names(in: "data/runs").isEmpty)
  }
}
