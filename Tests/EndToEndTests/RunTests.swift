import Foundation
import Glibc
import Testing

@Suite struct RunTests {
  @Test func `a file is run wherever it lies and whether or not it ends in a newline`() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true'}}", to: "sub dir/my job.yaml")
    let outcome = try home.astro("run", "./sub dir/../sub dir/my job.yaml")
    #expect(outcome.code == 0)
    #expect(outcome.output.hasPrefix("my-job-"))
    #expect(outcome.output.hasSuffix(" succeeded\n"))
    let piped = try home.astro("run", "-", "-q", input: Workflows.succeeding)
    #expect(piped.code == 0)
    #expect(piped.output.hasPrefix("workflow-"))
    #expect(piped.errors.isEmpty)
    #expect(home.names(in: "spool/done").count == 4)
    #expect(home.names(in: "data/runners").isEmpty, "a runner that is done leaves nothing")
  }

  @Test func `its exit code is the run's, its report is JSON`() throws {
    let home = try Home()
    try home.write("tasks: {z: {run: 'echo oops >&2; exit 3'}, a: {needs: [z], run: 'true'}}\n", to: "bad.yaml")
    let outcome = try home.astro("run", "bad.yaml", "--json")
    #expect(outcome.code == 1)
    let run = try outcome.output.json()
    #expect(run["state"] as? String == "failed")
    #expect((run["tasks"] as? [[String: Any]])?.map { $0["task_id"] as? String } == ["z", "a"])
    #expect(outcome.errors.contains("  ✘ z  "))
    #expect(outcome.errors.contains(": exited with code 3\n      oops\n"))
    #expect(outcome.errors.hasSuffix("failed: task 'z' failed\n"))
  }

  @Test func `what cannot be run says why and leaves nothing`() throws {
    let home = try Home()
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
      let outcome = try home.start(["run"] + arguments).finish()
      #expect(outcome.code == Int32(code))
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix(message), "\(outcome.errors)")
    }
    #expect(home.names(in: "spool/active").isEmpty)
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a limit that is used up is exit code 75 with the time to wait`() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    try home.write(Workflows.succeeding, to: "a.yaml")
    #expect(try home.astro("run", "a.yaml").code == 0)
    let outcome = try home.astro("run", "a.yaml")
    #expect(outcome.code == 75)
    #expect(outcome.output.isEmpty)
    let start = "astro: workflow_creation of \(NSUserName()) is used up: 1 in 1h; try again in "
    #expect(outcome.errors == start + "1h\n" || outcome.errors.hasPrefix(start + "59m"))
    #expect(home.names(in: "spool/active").isEmpty)
    #expect(try home.astro("list", "--json").output.json([[String: Any]].self).count == 1)
  }

  /// Does not end at TERM.
  private func stubborn(_ gate: Gate) -> String {
    "tasks: {a: {run: 'trap \"\" TERM; echo x >> \"$ASTRO_HOME/ran\"; \(gate.pass)', grace: 1h}}\n"
  }

  @Test func `Ctrl-C cancels the run`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.write(Workflows.gated(by: gate), to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try gate.waitForTask()
    run.signal(SIGINT)
    let outcome = try run.finish()
    #expect(outcome.code == 130)
    #expect(outcome.output.hasSuffix(" cancelled\n"))
    #expect(home.names(in: "spool/cancelled").count == 2)
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a second Ctrl-C kills what does not want to end`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.write(stubborn(gate), to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try gate.waitForTask()
    run.signal(SIGINT)
    #expect(run.logs("cancelling; once more to kill what runs\n"))
    run.signal(SIGINT)
    #expect(try run.finish().code == 130)
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(home.names(in: "spool/cancelled").count == 2)
  }

  @Test func `a run that is killed while it is being cancelled is not taken up again`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.write(stubborn(gate), to: "a.yaml")
    let run = try home.start("run", "a.yaml")
    try gate.waitForTask()
    run.signal(SIGINT)
    #expect(run.logs("cancelling;"))
    try run.kill()
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(try home.read("ran") == "x\n")
  }

  @Test func `it works beside a watcher and beside another one, and nobody takes what is not theirs`() throws {
    let home = try Home()
    let watch = try home.start("watch")
    #expect(watch.logs("Watching"))
    let gate = try home.gate()
    var runs: [Command] = []
    for name in ["one.yaml", "two.yaml"] {
      try home.write(Workflows.gated(by: gate), to: name)
      runs.append(try home.start("run", name))
    }
    for _ in runs { try gate.waitForTask() }
    try home.submit(Workflows.succeeding, as: "three.yaml")
    try eventually("the watcher goes on") { try home.state(of: "three-") == "succeeded" }
    for _ in runs { gate.letOn() }
    for run in runs { #expect(try run.finish().code == 0) }
    #expect(try watch.stop().code == 0)
    #expect(try home.read("ran") == "x\nx\n")
    #expect(try home.log("Run adopted").isEmpty)
  }

  @Test(arguments: [["run", "-"], ["submit", "--wait", "-"]])
  func `Ctrl-C ends it while it still reads the workflow from the terminal`(arguments: [String]) throws {
    let home = try Home()
    let reading = try home.start(arguments, terminal: PseudoTerminal())
    // proc_pid_syscall(5): the call it waits in, and its arguments.
    try eventually("it reads from descriptor 0") {
      try String(contentsOfFile: "/proc/\(reading.pid)/syscall", encoding: .utf8).split(separator: " ").dropFirst()
        .first
        == "0x0"
    }
    reading.signal(SIGINT)
    #expect(try reading.finish().code == 130)
    #expect(home.waiting.isEmpty)
  }

  @Test func `on a terminal a line says what runs now, and goes`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.write(Workflows.gated(by: gate), to: "a.yaml")
    let run = try home.start(["run", "a.yaml"], terminal: PseudoTerminal())
    #expect(run.prints("  [0/2] first"))
    gate.letOn()
    let outcome = try run.finish()
    #expect(outcome.code == 0)
    let text = outcome.output
    #expect(text.contains("  [0/2] first\r\u{1B}[K"))
    #expect(text.contains("\u{1B}[32m✔\u{1B}[0m first  "))
    #expect(text.contains("\u{1B}[32msucceeded\u{1B}[0m\r\n"))
    #expect(text.hasSuffix(" succeeded\r\n"))
  }
}
