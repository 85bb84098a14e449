import AstroCore
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

  @Test func aLinkIsNotFollowed() {
    let run = directory("a")
    symlink("/dev/null", home.path("runs/a/events.jsonl"))
    let events = stream()
    events.add("e", run, at: time)
    #expect(
      events.flush() == "\(home.path("runs/a/events.jsonl")): cannot open: Too many levels of symbolic links")
  }
}
