import Foundation
import Glibc
import Testing

@Suite struct LogsTests {
  /// Prints, says so, waits, prints again.
  private func gated(_ gate: Gate, _ more: String = "") -> String {
    """
    tasks:
      work:
        run: |
          echo one
          echo complaint >&2
          \(gate.pass)
          echo two
    \(more)

    """
  }

  // MARK: While it runs

  @Test func `the output of a running task is shown before it has ended`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    #expect(try home.astro("logs", "@latest", "work", "--stdout").output == "one\n")
    #expect(try home.astro("logs", "@latest", "work", "--stderr").output == "complaint\n")
    #expect(
      try home.astro("logs", "@latest").output
        == "==> work, attempt 1 (stdout) <==\none\n==> work, attempt 1 (stderr) <==\ncomplaint\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(try home.astro("logs", "@latest", "work", "--stdout").output == "one\ntwo\n")
  }

  @Test func `following goes on over the move of the file and ends with the task`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "work", "--stdout", "-f")
    #expect(follow.prints("one\n"))
    gate.letOn()
    let ending = try follow.finish()
    #expect(ending.code == 0)
    #expect(ending.output == "==> work, attempt 1 (stdout) <==\none\ntwo\n")
    #expect(ending.errors == "")
    #expect(try drain.finish().code == 0)
  }

  @Test func `following one attempt gives its bytes and nothing else`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "work", "--attempt", "1", "--stdout", "-f")
    #expect(follow.prints("one\n"))
    gate.letOn()
    #expect(try follow.finish().output == "one\ntwo\n")
    #expect(try drain.finish().code == 0)
  }

  @Test func `following a run shows tasks as they start and ends with the run`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate, "  after:\n    needs: [work]\n    run: echo three; exit 4"))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "--stdout", "--follow")
    #expect(follow.prints("one\n"))
    gate.letOn()
    let ending = try follow.finish()
    #expect(ending.code == 0)
    #expect(
      ending.output
        == "==> work, attempt 1 (stdout) <==\none\ntwo\n==> after, attempt 1 (stdout) <==\nthree\n")
    #expect(ending.errors == "after, attempt 1: exited with code 4\n")
    #expect(try drain.finish().code == 1)
  }

  @Test func `following a task goes on to its next attempt`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        work:
          retry: {attempts: 2, delay: 10ms}
          run: |
            echo "try $ASTRO_ATTEMPT"
            \(gate.pass)
            exit 7

      """)
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "work", "-f")
    #expect(follow.prints("try 1\n"))
    gate.letOn()
    #expect(follow.prints("try 2\n"))
    gate.letOn()
    let ending = try follow.finish()
    #expect(
      ending.output
        == "==> work, attempt 1 (stdout) <==\ntry 1\n==> work, attempt 2 (stdout) <==\ntry 2\n")
    #expect(ending.errors == "work, attempt 1: exited with code 7\nwork, attempt 2: exited with code 7\n")
    #expect(try drain.finish().code == 1)
  }

  @Test func `following goes on when the runner is killed and another takes the run over`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let killed = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "work", "--stdout", "--attempt", "1", "-f")
    #expect(follow.prints("one\n"))
    try killed.kill()
    #expect(try home.astro("logs", "@latest", "work", "--stdout").output == "one\n")
    let heir = try home.start("drain")
    gate.letOn()
    #expect(try heir.finish().code == 0)
    let ending = try follow.finish()
    #expect(ending.code == 0)
    #expect(ending.output == "one\ntwo\n")
  }

  @Test func `a run of many tasks needs no more files than one`() throws {
    let home = try Home()
    let tasks = (1...60).map { "  t\($0): {run: echo \($0)}" }.joined(separator: "\n")
    try home.drain("tasks:\n\(tasks)\n")
    let few = "ulimit -n 32; exec \"$0\" logs @latest $1"
    for option in ["", "-f"] {
      let ending = try home.shell(few, [option])
      #expect(ending.code == 0)
      let lines = ending.output.split(separator: "\n").filter { !$0.hasPrefix("==>") }
      #expect(lines.compactMap { Int($0) }.sorted() == Array(1...60))
    }
  }

  @Test func `a task that reuses the scratch file of another is not mistaken for it`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        quiet: {run: 'true'}
        work:
          needs: [quiet]
          run: |
            echo mine
            \(gate.pass)

      """)
    let drain = try home.start("drain")
    try gate.waitForTask()
    let quiet = try home.astro("logs", "@latest", "quiet")
    #expect(quiet.output == "")
    #expect(quiet.errors == "quiet: printed nothing\n")
    #expect(try home.astro("logs", "@latest").output == "mine\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func `Ctrl-C ends following with 130`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("logs", "@latest", "work", "-f")
    #expect(follow.prints("one\n"))
    follow.signal(SIGINT)
    #expect(try follow.finish().code == 130)
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func `following ends when nobody reads any more`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    // The task prints nothing more until it is let on: only the closed pipe can end the pipeline.
    let pipeline = "\"$0\" logs @latest work --stdout --attempt 1 -f | head -n 1"
    let ending = try home.shell(pipeline)
    #expect(ending.code == 0)
    #expect(ending.output == "one\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func `a task that has not started says what it is`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(gated(gate, "  after: {needs: [work], run: echo three}"))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let after = try home.astro("logs", "@latest", "after")
    #expect(after.code == 0)
    #expect(after.errors == "after: has not started, it is pending\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  // MARK: Afterwards

  @Test func `the last attempt is shown unless another is asked for`() throws {
    let home = try Home()
    try home.drain(
      "tasks: {a: {run: 'echo try $ASTRO_ATTEMPT; exit 1', retry: {attempts: 3, delay: 1ms}}}\n")
    #expect(try home.astro("logs", "@latest", "a").output == "try 3\n")
    #expect(try home.astro("logs", "@latest", "a", "--attempt", "1").output == "try 1\n")
    #expect(try home.astro("logs", "@latest").output == "try 3\n")
    let none = try home.astro("logs", "@latest", "a", "--attempt", "4")
    #expect(none.code == 66)
    #expect(none.errors == "astro: \(try home.run(in: "failed"))/a: has no attempt 4; there is: 1, 2, 3\n")
  }

  @Test func `an unknown task is not found, and the nearest is named`() throws {
    let home = try Home()
    try home.drain("tasks: {summary: {run: echo hello}, other: {run: 'true'}}\n")
    let near = try home.astro("logs", "@latest", "sumary")
    #expect(near.code == 66)
    #expect(near.output == "")
    #expect(near.errors == "astro: \(try home.run(in: "done")): has no task 'sumary'; did you mean 'summary'?\n")
    let far = try home.astro("logs", "@latest", "xyz")
    #expect(far.errors == "astro: \(try home.run(in: "done")): has no task 'xyz'; its tasks: summary, other\n")
    #expect(try home.astro("logs", "nowhere").code == 66)
    #expect(try home.astro("logs", "@latest", "--attempt", "1").code == 64)
    #expect(try home.astro("logs", "@latest", "other", "--attempt", "0").code == 64)
  }

  @Test func `silence is told on stderr and leaves stdout empty`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}, b: {run: echo x}}\n")
    let silent = try home.astro("logs", "@latest", "a")
    #expect(silent.code == 0)
    #expect(silent.output == "")
    #expect(silent.errors == "a: printed nothing\n")
    #expect(try home.astro("logs", "@latest", "b", "--stderr").errors == "b: printed nothing on stderr\n")
  }

  @Test func `a run whose tasks never started says what became of it`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {runn: x}}\n")
    let id = try home.run(in: "rejected")
    let ending = try home.astro("logs", id)
    #expect(ending.code == 0)
    #expect(ending.errors.hasPrefix("\(id): no task has started, it is rejected"))
  }

  @Test func `bytes come out of a pipe as the task printed them`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'printf \"\\000\\033[2J\\377tail\"'}}\n")
    let copy = home.path + "/copy"
    let line = "\"$0\" logs @latest a --stdout > \"$1\""
    #expect(
      try home.shell(line, [copy]).code == 0)
    let kept = "\(home.path)/data/runs/\(try home.run(in: "done"))/tasks/a/1/stdout"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: copy))
    #expect(bytes == Data([0, 0x1B, 0x5B, 0x32, 0x4A, 0xFF]) + Data("tail".utf8))
    #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: kept))))
  }

  @Test func `on a terminal control characters become question marks and letters stay`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'printf \"\\033]0;owned\\007 gr\\303\\274n\\n\"'}}\n")
    let command = try home.start(["logs", "@latest", "a"], terminal: PseudoTerminal())
    #expect(try command.finish().output == "?]0;owned? grün\r\n")
  }

  @Test func `as JSON every line says whose it is`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'printf \"x\\ny\"; echo \"\\\"q\\\"\" >&2'}}\n")
    let id = try home.run(in: "done")
    let head = "{\"workflow_id\":\"\(id)\",\"task_id\":\"a\",\"attempt\":1,"
    #expect(
      try home.astro("logs", "@latest", "--json").output
        == """
        \(head)"stream":"stdout","line":"x"}
        \(head)"stream":"stdout","line":"y"}
        \(head)"stream":"stderr","line":"\\"q\\""}

        """)
  }
}
