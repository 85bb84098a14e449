import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// When the machine is at its limits, and what the warden takes of it when there is nothing to do.
@Suite(.serialized) struct MachineLimitTests {
  /// RLIMIT_NPROC does not bind root, so the warden runs as somebody whose only other process can be ended.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func whenNoProcessCanBeMadeTheMachineIsBlamedAndTheSameAttemptRunsLater() throws {
    let directory = TemporaryDirectory()
    let user = 1_000_000 + getpid()
    let executable = directory.path("astro")
    try FileManager.default.copyItem(atPath: WardenFixture.binary(), toPath: executable)
    let become = ["/usr/bin/setpriv", "--reuid=\(user)", "--clear-groups"]
    let other = try Stranger(running: become + ["/bin/sleep", "1000"])
    while Processes.status(other.pid, "Uid")?.hasPrefix("\(user)") != true { sched_yield() }
    let fixture = try WardenFixture(
      wrapper: become + ["/usr/bin/prlimit", "--nproc=2:"], executable: executable, directory: directory)
    for path in [directory.path, try fixture.files.directory, try fixture.files.scratchDirectory] {
      chown(path, uid_t(user), gid_t.max)
    }
    let request = fixture.request("a", ["/bin/true"])
    for _ in 0..<3 {
      #expect(
        try fixture.run(request)
          == .refused("cannot start a process: Resource temporarily unavailable", infrastructure: true))
    }
    other.end()
    #expect(try fixture.record(request).status == .exited(0))
  }

  @Test func whenNoFileCanBeOpenedTheMachineIsBlamedAndNothingIsLost() throws {
    let fixture = try WardenFixture(wrapper: ["/usr/bin/prlimit", "--nofile=16:16"])
    let gate = NamedPipe(fixture.path("gate"))
    let requests = (0..<8).map { fixture.script("t\($0)", "read line < $DIR/gate") }
    try fixture.start(requests)
    let refused = ["a scratch file", "a control group", "a process"].flatMap { what in
      ["create", "open", "start"].map {
        WardenFixture.Answer.refused("cannot \($0) \(what): Too many open files", infrastructure: true)
      }
    }
    #expect(refused.contains(try fixture.answer(fixture.key("t7"))))
    // Whoever reads first takes a line, so there is one for each before any end is waited for.
    for _ in requests { gate.tell("go") }
    var waiting: [StartRequest] = []
    for request in requests.dropLast() {
      if refused.contains(try fixture.answer(request.key)) { waiting.append(request) }
    }
    #expect((1..<7).contains(waiting.count))
    for request in waiting + [requests[7]] {
      gate.tell("go")
      #expect(try fixture.record(request).status == .exited(0))
    }
  }

  @Test func aThousandCommandsRunAtOnceUnderTheUsualLimitOfOpenFiles() throws {
    let fixture = try WardenFixture(wrapper: ["/usr/bin/prlimit", "--nofile=1024:"])
    let gate = NamedPipe(fixture.path("gate"))
    let count = 1000
    try fixture.start((0..<count).map { fixture.script("t\($0)", "read line < $DIR/gate; exit \($0 % 200)") })
    #expect(Set(try fixture.pids((0..<count).map { "t\($0)" })).count == count)
    #expect(fixture.told.isEmpty, "they all run, and none has ended")
    for number in 0..<count {
      gate.tell("go")
      if number % 100 == 99 { try fixture.listen() }
    }
    for number in 0..<count {
      guard case .ended(let record) = try fixture.answer(fixture.key("t\(number)")) else {
        Issue.record("t\(number) was refused")
        continue
      }
      #expect(record.status == .exited(Int32(number % 200)))
    }
  }

  /// The warden itself may open more; commands must not inherit that, for some close every possible descriptor.
  @Test func aCommandHasTheLimitOfOpenFilesThatTheRunnerHad() throws {
    let fixture = try WardenFixture(wrapper: ["/usr/bin/prlimit", "--nofile=1024:4096"])
    #expect(try fixture.output("a", "ulimit -Sn; ulimit -Hn") == "1024\n4096")
    let limits = try String(contentsOfFile: "/proc/\(try #require(fixture.wardenPID))/limits", encoding: .utf8)
    #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max open files") && $0.contains(" 4096 ") })
    #expect(!limits.contains(" 1024 "))
  }

  /// A process that waits in poll(2) is not scheduled at all, however long it takes another to do its work.
  @Test func anIdleWardenIsNeverScheduled() throws {
    let idle = try WardenFixture()
    let gate = NamedPipe(idle.path("gate"))
    let up = NamedPipe(idle.path("up"))
    try idle.start([idle.script("a", "echo up > $DIR/up; read line < $DIR/gate")])
    let warden = try #require((try idle.pid("a"), idle.wardenPID).1)
    #expect(try idle.line(up) == "up")
    let other = try WardenFixture()
    func work() throws { for number in 0..<50 { _ = try other.record(other.request("t\(number)", ["/bin/true"])) } }
    try work()
    let switches = { ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"].map { Processes.status(warden, $0) } }
    let before = switches()
    try work()
    #expect(switches() == before)
    #expect(before.allSatisfy { $0 != nil })
    gate.tell("go")
    _ = try idle.answer(idle.key("a"))
  }
}
