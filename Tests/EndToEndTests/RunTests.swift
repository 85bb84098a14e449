import Foundation
import Glibc
import Testing

@Suite struct RunTests {
  @Test func `a file is run wherever it lies and whether or not it ends in a newline`() throws {
    let home = try ScratchHome()
    try FileManager.default.createDirectory(atPath: home.path + "/sub dir", withIntermediateDirectories: true)
    try home.write("tasks: {a: {run: 'true'}}", to: "sub dir/my job.yaml")
    let outcome = try home.astro("run", "./sub dir/../sub dir/my job.yaml")
    #expect(outcome.code == 0)
    #expect(outcome.out.hasPrefix("my-job-"))
    #expect(outcome.out.hasSuffix(" succeeded\n"))
    let piped = try home.astro("run", "-", "-q", stdin: Workflows.succeeding)
    #expect(piped.code == 0)
    #expect(piped.out.hasPrefix("workflow-"))
    #expect(piped.err.isEmpty)
    #expect(home.names("spool/done").count == 4)
    #expect(home.names("data/runners").isEmpty, "a runner that is done leaves nothing")
  }

  @Test func `its exit code is the run's, its report is JSON`() throws {
    let home = try ScratchHome()
    try home.write("tasks: {z: {run: 'echo oops >&2; exit 3'}, a: {needs: [z], run: 'true'}}\n", to: "bad.yaml")
    let outcome = try home.astro("run", "bad.yaml", "--json")
    #expect(outcome.code == 1)
    let run = try outcome.json([String: Any].self)
    #expect(run["state"] as? String == "failed")
    #expect((run["tasks"] as? [[String: Any]])?.map { $0["task_id"] as? String } == ["z", "a"])
    #expect(outcome.err.contains("  ✘ z  "))
    #expect(outcome.err.contains(": exited with code 3\n      oops\n"))
    #expect(outcome.err.hasSuffix("failed: task 'z' failed\n"))
  }

  @Test func `what cannot be run says why and leaves nothing`() throws {
    let home = try ScratchHome()
    try home.write("params: {n: {type: integer, required: true}}\ntasks: {a: {run: 'true'}}\n", to: "p.yaml")
    try home.write("tasks: {a: {run: 'true', nedds: []}}\n", to: "typo.yaml")
    for (arguments, code, message) in [
      (["typo.yaml"], 65, "typo.yaml:1:26: error: unknown key 'nedds'"),
      (["p.yaml"], 65, "p.yaml:1:10: error: parameter 'n' is required"),
      (["p.yaml", "-p", "n=x"], 65, "p.yaml:1:10: error: parameter 'n': expected an integer, got 'x'"),
      (["p.yaml", "-p", "=1"], 64, "Error: -p takes name=value, got '=1'"),
      (["nope.yaml"], 66, "astro: nope.yaml: cannot be read: No such file or directory"),
      (["."], 66, "astro: .: is not a regular file"),
    ] {
      let outcome = try home.run(["run"] + arguments)
      #expect(outcome.code == Int32(code))
      #expect(outcome.out.isEmpty)
      #expect(outcome.err.hasPrefix(message), "\(outcome.err)")
    }
    #expect(home.names("spool/active").isEmpty)
    #expect(home.names("data/runners").isEmpty)
  }

  @Test func `a limit that is used up is exit code 75 with the time to wait`() throws {
    let home = try ScratchHome("rate_limits: {workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    try home.write(Workflows.succeeding, to: "a.yaml")
    #expect(try home.astro("run", "a.yaml").code == 0)
    let outcome = try home.astro("run", "a.yaml")
    #expect(outcome.code == 75)
    #expect(outcome.out.isEmpty)
    let start = "astro: workflow_creation of \(NSUserName()) is used up: 1 in 1h; try again in "
    #expect(outcome.err == start + "1h\n" || outcome.err.hasPrefix(start + "59m"))
    #expect(home.names("spool/active").isEmpty)
    #expect(try home.astro("list", "--json").json([[String: Any]].self).count == 1)
  }

  /// Does not end at TERM.
  private let stubborn = """
    tasks:
      a: {run: 'trap "" TERM; echo x >> "$ASTRO_HOME/ran"; cat "$ASTRO_HOME/gate"', grace: 1h}

    """

  @Test func `Ctrl-C cancels the run`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    try home.write(Workflows.gated(by: pipe, marker: home.path + "/ran"), to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    run.signal(SIGINT)
    let outcome = run.finish()
    #expect(outcome.code == 130)
    #expect(outcome.out.hasSuffix(" cancelled\n"))
    #expect(home.names("spool/cancelled").count == 2)
    #expect(home.names("data/runners").isEmpty)
  }

  @Test func `a second Ctrl-C kills what does not want to end`() throws {
    let home = try ScratchHome()
    _ = try home.makePipe("gate")
    try home.write(stubborn, to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    run.signal(SIGINT)
    try eventually("it says what a second one does") { run.err.contains("cancelling; once more to kill what runs\n") }
    run.signal(SIGINT)
    #expect(run.finish().code == 130)
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(home.names("spool/cancelled").count == 2)
  }

  @Test func `a run that is killed while it is being cancelled is not taken up again`() throws {
    let home = try ScratchHome()
    _ = try home.makePipe("gate")
    try home.write(stubborn, to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    run.signal(SIGINT)
    try eventually("it is being cancelled") { run.err.contains("cancelling;") }
    run.kill()
    try home.release(home.path + "/gate")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(home.read("ran") == "x\n")
  }

  @Test func `it works beside a watcher and beside another one, and nobody takes what is not theirs`() throws {
    let home = try ScratchHome()
    let watch = try home.start("watch")
    try eventually("it watches") { watch.err.contains("Watching") }
    var runs: [(pipe: String, run: RunningAstro)] = []
    for name in ["one", "two"] {
      let pipe = try home.makePipe("gate-\(name)")
      try home.write(Workflows.gated(by: pipe, marker: "\(home.path)/ran-\(name)"), to: "\(name).yaml")
      runs.append((pipe, try home.start("run", "\(name).yaml")))
    }
    try eventually("both run") { home.read("ran-one") != nil && home.read("ran-two") != nil }
    try home.drop(Workflows.succeeding, as: "three.yaml")
    try eventually("the watcher goes on") { try home.state(of: "three-") == "succeeded" }
    for (pipe, run) in runs {
      try home.release(pipe)
      #expect(run.finish().code == 0)
    }
    watch.signal(SIGTERM)
    #expect(watch.finish().code == 0)
    for name in ["one", "two"] { #expect(home.read("ran-\(name)") == "x\n") }
    #expect(home.read("logs/astro.log")?.contains("Run adopted") == false)
  }

  @Test(arguments: [["run", "-"], ["submit", "--wait", "-"]])
  func `Ctrl-C ends it while it still reads the workflow from the terminal`(arguments: [String]) throws {
    let home = try ScratchHome()
    let terminal = try OldTerminal(columns: 80, rows: 24)
    let reading = try terminal.start(home, arguments)
    reading.signal(SIGINT)
    #expect(reading.finish(within: 20).code == 130)
    #expect(home.names("spool").isEmpty)
  }

  @Test func `on a terminal a line says what runs now, and goes`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    try home.write(Workflows.gated(by: pipe, marker: home.path + "/ran"), to: "a.yaml")
    let terminal = try OldTerminal(columns: 80, rows: 24)
    let run = try terminal.start(home, "run", "a.yaml")
    try eventually("the line is there") { terminal.text.hasSuffix("  [0/2] first") }
    try home.release(pipe)
    #expect(run.finish().code == 0)
    let text = terminal.text
    #expect(text.contains("  [0/2] first\r\u{1B}[K"))
    #expect(text.contains("\u{1B}[32m✔\u{1B}[0m first  "))
    #expect(text.contains("\u{1B}[32msucceeded\u{1B}[0m\r\n"))
    #expect(text.hasSuffix(" succeeded\r\n"))
  }
}
