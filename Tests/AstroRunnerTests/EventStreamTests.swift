import AstroCore
import AstroJournal
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroRunner

@Suite struct EventStreamTests {
  private let home = TemporaryDirectory()
  private let time = Timestamp(microseconds: 1_795_485_600_123_000)
  private var common: String { home.path("events.jsonl") }

  private func stream(limit: Int64 = 1 << 20) -> EventStream {
    EventStream(runs: home.path("runs"), data: home.path, limit: limit)
  }

  private func directory(_ name: String) -> WorkflowID {
    mkdir(home.path("runs"), 0o700)
    mkdir(home.path("runs/\(name)"), 0o700)
    return WorkflowID(unchecked: name)
  }

  private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  @Test func anEventIsALineInTheRunsFileAndInTheCommonOne() {
    let (a, b) = (directory("a"), directory("b"))
    let events = stream()
    events.add("task_started", a, at: time) { $0.member("task_id", "t\n\u{1B}") }
    events.add("workflow_started", b, at: time)
    #expect(text(common).isEmpty)
    #expect(events.flush() == nil)
    let first =
      "{\"timestamp\":\"2026-11-24T02:00:00.123Z\",\"event\":\"task_started\",\"workflow_id\":\"a\",\"task_id\":\"t\\n\\u001b\"}\n"
    let second = "{\"timestamp\":\"2026-11-24T02:00:00.123Z\",\"event\":\"workflow_started\",\"workflow_id\":\"b\"}\n"
    #expect(text(common) == first + second)
    #expect(text(home.path("runs/a/events.jsonl")) == first)
    #expect(text(home.path("runs/b/events.jsonl")) == second)
    #expect(events.flush() == nil)
    #expect(text(common) == first + second)
  }

  @Test func whatCannotBeWrittenIsSaidAndDropped() {
    let events = stream()
    events.add("e", WorkflowID(unchecked: "gone"), at: time)
    #expect(
      events.flush() == "\(home.path("runs/gone/events.jsonl")): cannot open: No such file or directory")
    // The common file has it all the same, and it is not written again.
    #expect(text(common).split(separator: "\n").count == 1)
    #expect(events.flush() == nil)
  }

  @Test func aTornLineDoesNotSwallowTheNext() throws {
    let run = directory("a")
    try "{\"event\":\"cut o".write(toFile: common, atomically: false, encoding: .utf8)
    let events = stream()
    events.add("e", run, at: time)
    #expect(events.flush() == nil)
    let lines = text(common).split(separator: "\n")
    #expect(lines.count == 2 && lines[1].hasPrefix("{\"timestamp\":"))
  }

  @Test func aFullFileIsPutAsideOnceAndNoEventIsLost() {
    let run = directory("a")
    let streams = [stream(limit: 500), stream(limit: 500)]
    for i in 0..<8 {
      streams[i % 2].add("e\(i)", run, at: time)
      #expect(streams[i % 2].flush() == nil)
    }
    let (old, new) = (text(common + ".1").split(separator: "\n"), text(common).split(separator: "\n"))
    #expect((old + new).enumerated().allSatisfy { $1.contains("\"e\($0)\"") })
    #expect(old.count + new.count == 8 && !new.isEmpty && text(common + ".1").utf8.count > 500)
  }

  @Test func whileAnotherPutsTheFileAsideItIsLeftAlone() {
    let run = directory("a")
    let events = stream(limit: 0)
    events.add("one", run, at: time)
    #expect(events.flush() == nil)
    let other = open(common, O_RDONLY | O_CLOEXEC)
    defer { close(other) }
    #expect(flock(other, LOCK_EX) == 0)
    events.add("two", run, at: time)
    #expect(events.flush() == nil)
    #expect(access(common + ".1", F_OK) != 0)
    #expect(text(common).split(separator: "\n").count == 2)
  }

  // MARK: After a crash

  private func at(_ second: Int64) -> Timestamp { Timestamp(microseconds: time.microseconds + second * 1_000_000) }

  /// A run that failed once, was tried again, and skipped a task.
  private func ended(_ id: WorkflowID) -> (run: RunRecord, tasks: [TaskRecord], attempts: [AttemptRecord]) {
    var run = RunRecord(
      id: id, name: "a", user: "u", state: .succeeded, file: [], fileExtension: "yaml", sha256: "", submittedAt: at(0),
      claimedAt: at(1))
    (run.startedAt, run.finishedAt, run.taskCount) = (at(2), at(9), 2)
    let attempts = [(1, AttemptOutcome.exited(3)), (2, .exited(0))].map { number, outcome in
      let start = at(Int64(number) * 3)
      return AttemptRecord(
        key: AttemptKey(workflow: id, task: "t", number: number), agent: "shell", launcher: "r",
        started: Moment(wall: start, boot: 0), bootID: "b",
        ending: .init(
          outcome: outcome, finishedAt: Timestamp(microseconds: start.microseconds + 500_000),
          duration: .milliseconds(500), usage: ResourceUsage(userMicroseconds: 0, systemMicroseconds: 0, peakKiB: 0)))
    }
    let tasks = [
      TaskRecord(run: id, task: "t", state: .succeeded),
      TaskRecord(run: id, task: "u", state: .skipped, finishedAt: at(8)),
    ]
    return (run, tasks, attempts)
  }

  private func complete(_ id: WorkflowID) -> String {
    let events = stream()
    let (run, tasks, attempts) = ended(id)
    events.complete(run, tasks, attempts)
    #expect(events.flush() == nil)
    return text(home.path("runs/\(id)/events.jsonl"))
  }

  /// Wherever its teller died, also in the middle of a line.
  @Test func whatWasLeftUntoldIsToldOnce() throws {
    let whole = complete(directory("a"))
    let names = whole.split(separator: "\n").compactMap { $0.split(separator: "\"").dropFirst(7).first }
    #expect(
      names == [
        "workflow_accepted", "workflow_started", "task_started", "task_ended", "task_started", "task_ended",
        "task_skipped", "workflow_ended",
      ])
    let path = home.path("runs/a/events.jsonl")
    let lines = whole.split(separator: "\n")
    let ends = whole.utf8.enumerated().filter { $1 == 0x0A }.flatMap { [$0.offset - 1, $0.offset, $0.offset + 1] }
    for length in ends + stride(from: 0, through: whole.utf8.count, by: 31) {
      try Data(whole.utf8.prefix(length)).write(to: URL(fileURLWithPath: path))
      let told = complete(directory("a")).split(separator: "\n")
      #expect(lines.allSatisfy { line in told.count { $0 == line } == 1 }, "\(length): \(told)")
      #expect(told.allSatisfy { line in lines.contains { $0.hasPrefix(line) } }, "\(length): \(told)")
    }
  }

  /// It was asked for, and told, by a runner that died before its warden heard of it.
  @Test func aStartIsNotToldTwice() throws {
    let id = directory("a")
    var (run, _, attempts) = ended(id)
    run.state = .running
    attempts[0].ending = nil
    let dead = stream()
    dead.taskStarted(attempts[0].key, by: "shell", at: at(3))
    #expect(dead.flush() == nil)
    let next = stream()
    next.complete(run, [], Array(attempts.prefix(1)))
    next.taskStarted(attempts[0].key, by: "shell", at: at(4))
    next.taskEnded(attempts[0].key, by: "shell", .exited(0), from: at(4), to: at(5), lasting: .seconds(1))
    #expect(next.flush() == nil)
    let lines = text(home.path("runs/a/events.jsonl")).split(separator: "\n")
    #expect(lines.count { $0.contains("task_started") } == 1)
    #expect(lines.count { $0.contains("task_ended") } == 1)
  }

  /// Who asked for it died before it was told. The clock may have been set back before, so that the retry is older than
  /// the end it follows.
  @Test(arguments: [20, -20]) func aRetryThatWasNotToldIsToldAndSoIsTheEndAfterIt(after second: Int64) throws {
    let first = complete(directory("a"))
    var (run, tasks, attempts) = ended(directory("a"))
    let retried = Timestamp(microseconds: at(second).microseconds + 456)
    (run.retriedAt, run.startedAt, run.finishedAt) = (retried, nil, nil)
    run.state = .queued
    tasks[1].state = .pending
    let next = stream()
    next.complete(run, tasks, attempts)
    #expect(next.flush() == nil)
    let path = home.path("runs/a/events.jsonl")
    let lines = text(path).dropFirst(first.count).split(separator: "\n")
    #expect(lines.count == 1)
    #expect(lines.first?.contains("\"\(retried.rfc3339)\",\"event\":\"workflow_retried\"") == true, "\(lines)")

    // Its runner dies in turn, and the next one finds the second end.
    (run.state, run.startedAt, run.finishedAt) = (.failed, at(second + 1), at(second + 2))
    tasks[1] = TaskRecord(run: run.id, task: "u", state: .failed, attempts: 1)
    attempts.append(
      AttemptRecord(
        key: AttemptKey(workflow: run.id, task: "u", number: 1), agent: "shell", launcher: "r",
        started: Moment(wall: at(second + 1), boot: 0), bootID: "b",
        ending: .init(
          outcome: .exited(1), finishedAt: at(second + 2), duration: .seconds(1),
          usage: ResourceUsage(userMicroseconds: 0, systemMicroseconds: 0, peakKiB: 0))))
    // Or all of the second life is left to one.
    for told in [nil, nil, first] {
      try told?.write(toFile: path, atomically: true, encoding: .utf8)
      let last = stream()
      last.complete(run, tasks, attempts)
      #expect(last.flush() == nil)
      let names = text(path).dropFirst(first.count).split(separator: "\n").compactMap {
        $0.split(separator: "\"").dropFirst(7).first
      }
      #expect(names == ["workflow_retried", "workflow_started", "task_started", "task_ended", "workflow_ended"])
    }
  }

  @Test func aRetryThatTwoToldAtOnceIsOne() throws {
    let id = directory("a")
    let events = stream()
    events.ended(id, .failed, nil, at: at(9))
    for _ in 0..<2 { events.retried(id, tasks: 1, kept: 0, at: at(10)) }
    events.ended(id, .succeeded, nil, at: at(11))
    events.retried(id, tasks: 1, kept: 0, at: at(10))
    #expect(events.flush() == nil)
    let told = ToldEvents(parsing: Array(text(home.path("runs/a/events.jsonl")).utf8), of: id)
    #expect(told.ended?.state == .succeeded && told.retriedAt == at(10))
  }

  @Test func aLinkIsNotFollowed() {
    let run = directory("a")
    symlink("/dev/null", home.path("runs/a/events.jsonl"))
    let events = stream()
    events.add("e", run, at: time)
    #expect(
      events.flush() == "\(home.path("runs/a/events.jsonl")): cannot open: Too many levels of symbolic links")
  }
}
