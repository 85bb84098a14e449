import Foundation
import Glibc
import Testing

@Suite struct EventsTests {
  private let utc = ["TZ": "UTC"]

  private func line(_ second: Int, _ run: String, _ rest: String) -> String {
    "{\"timestamp\":\"2026-11-24T02:00:0\(second).000Z\",\"event\":\(rest),\"workflow_id\":\"\(run)\"}\n"
  }

  @Test func `events of a run are lines for people, in the order they happened`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: exit 3}, b: {needs: a, run: 'true'}}\n")
    let id = try home.run(in: "failed")
    let ending = try home.astro("events", "@latest")
    #expect(ending.code == 0)
    let lines = ending.output.split(separator: "\n").map { String($0.dropFirst("00:00:00 ".count)) }
    #expect(ending.output.split(separator: "\n").allSatisfy { $0.prefixMatch(of: /\d\d:\d\d:\d\d\x20/) != nil })
    #expect(
      lines.prefix(3) == [
        "\(id) workflow_accepted 2 tasks", "\(id) workflow_started",
        "\(id) task_started a attempt 1 on shell_agent_001",
      ])
    #expect(
      try #require(lines.dropFirst(3).first).hasPrefix(
        "\(id) task_ended a attempt 1 on shell_agent_001 failed with exit code 3 in "))
    #expect(
      lines.suffix(2) == [
        "\(id) task_upstream_failed b (need 'a' failed)", "\(id) workflow_ended failed (task 'a' failed)",
      ])
  }

  @Test func `as JSON they are the lines of the file`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n", as: "one.yaml")
    try home.drain("tasks: {a: {run: 'true'}}\n", as: "two.yaml")
    #expect(try home.astro("events", "--json").output == (try home.read("data/events.jsonl")))
    let id = try home.run(in: "done")
    #expect(try home.astro("events", id, "--json").output == (try home.read("data/runs/\(id)/events.jsonl")))
  }

  @Test func `the rotated predecessor comes first, and since leaves out what is older`() throws {
    let home = try Home()
    try home.write(line(1, "r", "\"workflow_started\""), to: "data/events.jsonl.1")
    try home.write(
      line(2, "r", "\"task_waiting\",\"task_id\":\"a\",\"reason\":\"later\",\"not_before\":\"2026-11-24T02:30:00Z\"")
        + line(3, "r", "\"task_throttled\",\"task_id\":\"a\",\"limiter\":\"openai\",\"retry_after\":90.5"),
      to: "data/events.jsonl")
    #expect(
      try home.astro("events", environment: utc).output
        == """
        02:00:01 r workflow_started
        02:00:02 r task_waiting a until 02:30:00 (later)
        02:00:03 r task_throttled a by limit openai for 1m 31s

        """)
    let since = try home.astro("events", "--since", "2026-11-24T02:00:03Z", environment: utc)
    #expect(since.output == "02:00:03 r task_throttled a by limit openai for 1m 31s\n")
    #expect(try home.astro("events", "--since", "2026-11-24").output.split(separator: "\n").count == 3)
    #expect(try home.astro("events", "--since", "soon").code == 64)
    let none = try home.astro("events", "--since", "2099-01-01")
    #expect(none.output == "")
    #expect(none.errors == "no events since then\n")
  }

  @Test func `half a line and hostile text do no harm`() throws {
    let home = try Home()
    try home.write(
      "{\"timestamp\":\"2026-11\u{1B}[2J\n" + line(2, "r", "\"x\",\"note\":\"\\u001b[31m\""), to: "data/events.jsonl")
    #expect(
      try home.astro("events", environment: utc).output
        == "{\"timestamp\":\"2026-11?[2J\n02:00:02 r x note=?[31m\n")
  }

  @Test func `following goes on over a rotation and loses no line`() throws {
    let home = try Home()
    let events = home.path + "/data/events.jsonl"
    try home.write(line(1, "r", "\"first\""), to: "data/events.jsonl")
    let follow = try home.start(["events", "-f"], environment: utc)
    #expect(follow.prints("02:00:01 r first\n"))
    // A writer opens, the file is renamed, and the line of that writer comes last of all in it.
    let late = try #require(FileHandle(forWritingAtPath: events))
    late.seekToEndOfFile()
    try #require(rename(events, events + ".1") == 0)
    try home.write(line(3, "r", "\"third\""), to: "data/events.jsonl")
    #expect(follow.prints("02:00:03 r third\n"))
    late.write(Data(line(2, "r", "\"second\"").utf8))
    #expect(follow.prints("02:00:02 r second\n"))
    let writer = try #require(FileHandle(forWritingAtPath: events))
    writer.seekToEndOfFile()
    writer.write(Data(line(4, "r", "\"fourth\"").utf8))
    #expect(follow.prints("02:00:04 r fourth\n"))
    follow.signal(SIGINT)
    let ending = try follow.finish()
    #expect(ending.code == 130)
    #expect(ending.output.split(separator: "\n").count == 4)
  }

  @Test func `following one run ends with it`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      "tasks: {a: {run: '\(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    let follow = try home.start("events", "@latest", "-f")
    #expect(follow.prints("task_started a"))
    gate.letOn()
    let ending = try follow.finish()
    #expect(ending.code == 0)
    #expect(ending.output.hasSuffix(" workflow_ended succeeded\n"))
    #expect(try drain.finish().code == 0)
  }

  @Test func `a home without events and an unknown run say so`() throws {
    let home = try Home()
    let none = try home.astro("events")
    #expect(none.code == 0)
    #expect(none.errors == "no events yet\n")
    #expect(try home.astro("events", "nowhere").code == 66)
  }

  @Test func `what a retry leaves as it was is not told again`() throws {
    let home = try Home()
    try home.submit(
      """
      tasks:
        a: {run: test $ASTRO_ATTEMPT = 2}
        b: {if: false, run: 'true'}
        c: {needs: b, if: always(), run: 'true'}

      """)
    #expect(try home.astro("drain").code == 1)
    #expect(try home.astro("retry", "@latest", "--only", "a").code == 0)
    #expect(try home.astro("drain").code == 0)
    let lines = try home.read("data/runs/\(home.run(in: "done"))/events.jsonl").lines
    #expect(lines.count { $0.contains("\"task_skipped\"") } == 1, "\(lines)")
    #expect(lines.count { $0.contains("\"task_started\"") && $0.contains("\"c\"") } == 1, "\(lines)")
  }
}
