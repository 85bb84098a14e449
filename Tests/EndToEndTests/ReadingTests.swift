import Foundation
import Glibc
import Testing

/// Verbs that only read, where they may not read, and where nothing can be written.
@Suite struct ReadingTests {
  /// A home with one run that has ended.
  private func ended() throws -> (Home, run: String) {
    let home = try Home()
    try home.submit("tasks: {a: {run: echo hello}}\n", as: "a.yaml")
    #expect(try home.astro("drain").code == 0)
    return (home, try home.run(in: "done"))
  }

  /// Runs `astro` as a user to whom nothing of the home belongs.
  private func asNobody(_ home: Home, _ arguments: [String]) throws -> Command.Ending {
    try #require(getuid() == 0, "this test becomes another user: run it as root")
    return try home.shell("exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\" \"$@\"", arguments)
  }

  private static let verbs = [
    ["status"], ["list"], ["list", "--json"], ["limits"], ["limits", "show", "--json"], ["agents"], ["events"],
    ["events", "@latest"], ["status", "@latest"], ["explain", "@latest"], ["logs", "@latest"], ["hold", "@latest"],
    ["retry", "@latest"], ["cancel", "@latest"],
  ]

  @Test(arguments: [0o700, 0o711] as [mode_t])
  func `what may not be read is never taken for nothing`(mode: mode_t) throws {
    let (home, _) = try ended()
    chmod("\(home.path)/data", mode)
    for verb in Self.verbs {
      let outcome = try asNobody(home, verb)
      let file = verb == ["events"] ? "events.jsonl" : "astro.sqlite"
      #expect(outcome.code == 69, "\(verb)")
      #expect(outcome.output == "", "\(verb)")
      #expect(outcome.errors == "astro: \(home.path)/data/\(file): cannot be read: Permission denied\n", "\(verb)")
    }
  }

  /// What each reading verb says of the run.
  private func expectAnswers(_ home: Home, _ run: String, _ place: String) throws {
    for (arguments, words) in [
      (["status"], run), (["status", run], "succeeded"), (["list"], run), (["explain", run], "succeeded"),
      (["logs", run], "hello"), (["events", run], "workflow_ended"), (["limits"], ""), (["agents"], "shell"),
      (["metrics"], "astro_tasks_total"), (["plan", "\(home.path)/w.yaml"], "w: 1 task"),
    ] {
      let outcome = try home.start(arguments).finish()
      #expect(outcome.code == 0, "\(arguments) \(place): \(outcome.errors)")
      #expect(outcome.output.contains(words) || words.isEmpty, "\(arguments) \(place): \(outcome.output)")
    }
  }

  /// The same with its data on a file system of its own.
  private func endedOnOwnDisk() throws -> (Home, run: String, data: String) {
    let home = try Home()
    try home.mount("tmpfs", on: "data", type: "tmpfs", options: "size=2m,mode=711")
    try home.write("tasks: {a: {run: echo hello}}\n", to: "w.yaml")
    try home.submit("tasks: {a: {run: echo hello}}\n", as: "a.yaml")
    #expect(try home.astro("drain").code == 0)
    return (home, try home.run(in: "done"), "\(home.path)/data")
  }

  /// Leaves a log beside the journal whose last commits are not in the journal itself, as a killed runner does.
  private func leaveLog(_ home: Home, _ data: String) throws {
    let watch = try home.start("watch")
    try home.submit("tasks: {a: {run: echo again}}\n", as: "later.yaml")
    try eventually("the run has ended") { home.names(in: "spool/done").contains { $0.hasPrefix("later-") } }
    try watch.kill()
    unlink("\(data)/astro.sqlite-shm")
    var log = stat()
    try #require(stat("\(data)/astro.sqlite-wal", &log) == 0 && log.st_size > 0)
  }

  /// As soon as nobody has a file open for writing there: the warden of a dead runner leaves a moment after it.
  private func makeReadOnly(_ data: String) throws {
    try eventually("it can be made read-only") { mount(nil, data, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 }
  }

  @Test func `a home on a read-only mount can be read`() throws {
    let (home, run, data) = try endedOnOwnDisk()
    try makeReadOnly(data)
    try expectAnswers(home, run, "read-only")
    let refused = try home.astro("cancel", run)
    #expect(refused.code == 73 || refused.code == 69)
    try #require(mount(nil, data, nil, UInt(MS_REMOUNT), nil) == 0)
    try leaveLog(home, data)
    try makeReadOnly(data)
    try expectAnswers(home, run, "read-only, with a log")
    #expect(try home.astro("list").output.contains("later-"), "what only the log holds is read too")
  }

  @Test func `a home on a full disk can be read`() throws {
    let (home, run, data) = try endedOnOwnDisk()
    home.fill("data")
    try expectAnswers(home, run, "full")
    unlink("\(data)/ballast")
    try leaveLog(home, data)
    home.fill("data")
    try expectAnswers(home, run, "full, with a log")
    #expect(try home.astro("list").output.contains("later-"), "what only the log holds is read too")
    // Nothing was changed by the looking: the next runner finds all of it.
    unlink("\(data)/ballast")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("list").output.contains("later-"))
  }

  @Test func `output that cannot be written is an error`() throws {
    let (home, run) = try ended()
    for arguments in [
      ["list"], ["list", "--json"], ["status"], ["status", "--watch"], ["logs", run], ["events", "-f"],
      ["limits", "--json"],
      ["explain", run], ["metrics"], ["health"], ["schema"], ["--help"], ["--version"], ["doctor"],
    ] {
      let outcome = try home.shell("exec \"$0\" \"$@\" >/dev/full", arguments)
      if arguments == ["health"] { #expect(outcome.code != 0) } else { #expect(outcome.code == 73, "\(arguments)") }
      #expect(
        outcome.errors.hasSuffix("astro: stdout: cannot be written: No space left on device\n"),
        "\(arguments) \(outcome)")
    }
  }

  @Test func `what was asked for is done although nobody can be told`() throws {
    let home = try Home()
    try home.write(Workflows.succeeding, to: "a.yaml")
    let ids = try home.astro("submit", "a.yaml", "a.yaml").output.lines
    #expect(try home.shell("exec \"$0\" cancel \"$@\" >/dev/full", ids).code == 73)
    #expect(home.names(in: "spool/cancelled").count == 4)
  }

  @Test func `a damaged journal is logged, with who knows what to do`() throws {
    let (home, _) = try ended()
    for name in ["astro.sqlite-wal", "astro.sqlite-shm"] { unlink("\(home.path)/data/\(name)") }
    try home.write(String(repeating: "x", count: 9000), to: "data/astro.sqlite")
    let words =
      "\(home.path)/data/astro.sqlite: the journal is damaged: file is not a database; put it back from a backup, or "
      + "rebuild it: astro doctor --rebuild-journal"
    for verb in ["drain", "list"] {
      let outcome = try home.astro(verb)
      #expect(outcome.code == 72)
      #expect(outcome.errors.hasSuffix("astro: \(words)\n"))
    }
    let line = try #require(try home.read("logs/astro.log").lines.last).json()
    #expect(line["level"] as? String == "CRITICAL")
    #expect(line["message"] as? String == "Runner cannot start")
    #expect((line["exception"] as? [String: Any])?["message"] as? String == words)
    #expect(try home.astro("doctor").output.contains("then: astro doctor --rebuild-journal"))
  }
}
