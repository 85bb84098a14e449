import AstroCore
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// Starts that are handed over ahead of their slots: one begins at each end, in their order, and at no other time.
@Suite(.serialized) struct HeldStartTests {
  private func held(_ request: StartRequest) -> StartRequest {
    var request = request
    request.isHeld = true
    return request
  }

  private func effects(_ fixture: WardenFixture) -> [String] {
    let text = (try? String(contentsOfFile: fixture.path("effects"), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private func note(_ fixture: WardenFixture, _ task: String, _ rest: String = "") -> StartRequest {
    fixture.script(task, "echo \(task) >> $DIR/effects; \(rest)")
  }

  private func began(_ fixture: WardenFixture) -> [String] {
    fixture.told.compactMap { if case .began(let key) = $0 { key.task } else { nil } }
  }

  @Test func oneBeginsAtEachEndInTheOrderTheyWereHandedOver() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([fixture.script("first", "read l < $DIR/gate")])
    let tasks = (0..<20).map { "t\($0)" }
    try fixture.start(tasks.map { held(note(fixture, $0)) })
    _ = try fixture.pid("first")
    #expect(effects(fixture).isEmpty)
    gate.tell("go")
    for task in ["first"] + tasks {
      guard case .ended(let record) = try fixture.answer(fixture.key(task)) else {
        Issue.record("\(task) was refused")
        continue
      }
      #expect(record.status == .exited(0))
    }
    #expect(effects(fixture) == tasks)
    #expect(began(fixture) == tasks)
  }

  @Test func aReleasedOneBeginsAtOnceAndAWithdrawnOneNever() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([fixture.script("first", "read l < $DIR/gate")])
    try fixture.start(["a", "b", "c"].map { held(note(fixture, $0)) })
    try fixture.client?.withdraw(fixture.key("a"))
    try fixture.client?.release(fixture.key("c"))
    _ = try fixture.answer(fixture.key("c"))
    #expect(effects(fixture).first == "c")
    #expect(fixture.told.contains(.withdrawn(fixture.key("a"))))
    // Its turn is past, and to withdraw or release it now changes nothing.
    try fixture.client?.withdraw(fixture.key("c"))
    try fixture.client?.release(fixture.key("c"))
    gate.tell("go")
    _ = try fixture.answer(fixture.key("b"))
    _ = try fixture.record(note(fixture, "last"))
    #expect(effects(fixture) == ["c", "b", "last"])
    #expect(!fixture.told.contains(.withdrawn(fixture.key("c"))))
    #expect(try fixture.survey().verdict(fixture.key("a")) == .undecided)
  }

  @Test func oneThatCannotBeStartedIsRefusedAtItsTurnOrAtOnce() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([fixture.script("first", "read l < $DIR/gate")])
    try fixture.start([
      held(fixture.request("missing", ["/no/such"])), held(fixture.request("unfit", [])), held(note(fixture, "well")),
    ])
    #expect(try fixture.answer(fixture.key("unfit")) == .refused("there is no command", infrastructure: false))
    gate.tell("go")
    #expect(
      try fixture.answer(fixture.key("missing")) == .refused("no such program: /no/such", infrastructure: false))
    _ = try fixture.record(fixture.request("other", ["/bin/true"]))
    _ = try fixture.answer(fixture.key("well"))
    #expect(effects(fixture) == ["well"])
  }

  /// What the dead runner held back is not started by its warden, and its successor knows.
  @Test func withoutTheirRunnerHeldStartsNeverBegin() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([fixture.script("first", "read l < $DIR/gate")])
    let tasks = (0..<10).map { "t\($0)" }
    try fixture.start(tasks.map { held(note(fixture, $0)) })
    _ = try fixture.pid("first")
    fixture.dropRunner()
    let watch = WreckWatch(try fixture.survey())
    _ = try watch.newRecords()
    while !watch.wreck.closed {
      var polled = watch.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      #expect(poll(&polled, nfds_t(polled.count), 30_000) > 0)
      _ = try watch.newRecords()
    }
    gate.tell("go")
    try fixture.awaitWardenEnd()
    let wreck = try fixture.survey()
    for task in tasks { #expect(wreck.verdict(fixture.key(task)) == .neverStarted) }
    #expect(effects(fixture).isEmpty)
    #expect(wreck.ended[fixture.key("first")]?.status == .exited(0))
  }
}
