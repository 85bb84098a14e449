import AstroCore
import AstroTestKit
import CLinux
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// Commands that run as another user (R34). A number without an account does: the warden asks no name service.
@Suite(.serialized) struct ConfinementTests {
  private static let user = Confinement.UserNumbers(uid: 61_234, gid: 61_235, groups: [61_235, 61_236, 61_237])

  private func request(_ fixture: WardenFixture, _ task: String, _ script: String) -> StartRequest {
    var request = fixture.script(task, script)
    request.confinement.user = Self.user
    return request
  }

  private func output(_ fixture: WardenFixture, _ task: String, _ script: String) throws -> String {
    let record = try fixture.record(request(fixture, task, script))
    let errors = String(decoding: try fixture.read(record.stderr), as: UTF8.self)
    #expect(record.status == .exited(0), "\(errors)")
    return String(decoding: try fixture.read(record.stdout), as: UTF8.self)
  }

  /// R34: uid, gid and groups are the user's, every set of capabilities is empty, and nothing can be gained.
  @Test func aCommandIsTheUserAndNothingElse() throws {
    let fixture = try WardenFixture()
    let said = try output(fixture, "a", "cat /proc/self/status")
    var status: [String: String] = [:]
    for line in said.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 {
        status[String(parts[0])] = parts[1].split { $0 == "\t" || $0 == " " }.joined(separator: " ")
      }
    }
    #expect(status["Uid"] == "61234 61234 61234 61234")
    #expect(status["Gid"] == "61235 61235 61235 61235")
    #expect(status["Groups"] == "61235 61236 61237")
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(status[set] == "0000000000000000", "\(set)")
    }
    #expect(status["NoNewPrivs"] == "1")
    for mask in ["SigBlk", "SigIgn", "SigCgt"] { #expect(status[mask] == "0000000000000000", "\(mask)") }
  }

  @Test func aCommandWithoutAUserKeepsWhatTheRunnerHas() throws {
    let fixture = try WardenFixture()
    let own = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(own.split(separator: "\n").first { $0.hasPrefix("CapEff") })
    #expect(try fixture.output("a", "grep CapEff /proc/self/status") == line)
  }

  @Test func aUserHasNoDescriptorBeyondTheThreeStreamsAndNoSignalIsBlocked() throws {
    let fixture = try WardenFixture()
    #expect(try output(fixture, "a", "for f in /proc/self/fd/*; do echo ${f##*/}; done") == "0\n1\n2\n3\n")
  }

  /// The user may still have it open, or have let others in.
  @Test func aFileThatWasAUsersTakesNobodyElsesOutput() throws {
    let fixture = try WardenFixture()
    #expect(try output(fixture, "a", "exit 0") == "")
    #expect(try fixture.output("b", "stat -L -c '%u %a' /dev/stdout") == "0 600")
  }

  @Test func aUserCanOpenItsOwnStreamsByTheirNames() throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(request(fixture, "a", "echo said > /dev/stdout; echo complained > /dev/stderr"))
    #expect(record.status == .exited(0))
    #expect(try fixture.read(record.stdout) == Data("said\n".utf8))
    #expect(try fixture.read(record.stderr) == Data("complained\n".utf8))
  }

  /// What the user may not see is told in the kernel's words to that user, and nothing more.
  @Test func aRefusalTellsNoMoreThanTheUserMaySee() throws {
    let fixture = try WardenFixture()
    let secret = fixture.path("secret")
    mkdir(secret, 0o700)
    try Data("#!/no/such/interpreter\n".utf8).write(to: URL(fileURLWithPath: secret + "/program"))
    chmod(secret + "/program", 0o755)
    chmod(fixture.directory.path, 0o711)
    var inside = fixture.request("a", ["/bin/true"], workdir: secret)
    inside.confinement.user = Self.user
    #expect(
      try fixture.run(inside)
        == .refused("workdir cannot be entered: \(secret): Permission denied", infrastructure: false))
    for name in ["program", "nothing"] {
      var program = fixture.request(name, ["\(secret)/\(name)"])
      program.confinement.user = Self.user
      #expect(
        try fixture.run(program)
          == .refused("cannot run the program: \(secret)/\(name): Permission denied", infrastructure: false))
    }
  }

  @Test(arguments: 0..<3) func codesAndSignalsOfAUsersCommandAreExact(round: Int) throws {
    let fixture = try WardenFixture()
    for code in [0, 1, 126, 127, 255] {
      #expect(try fixture.record(request(fixture, "c\(code)", "exit \(code)")).status == .exited(Int32(code)))
    }
    for signal in [SIGTERM, SIGKILL, SIGSEGV] {
      #expect(try fixture.record(request(fixture, "s\(signal)", "kill -\(signal) $$")).status == .signalled(signal))
    }
  }

  /// As on a file system that does not answer: with the warden killed its lock is free, and the command is found by what it
  /// shows of its environment, or by its control group.
  @Test(arguments: [(true, ControlGroupTests.Machine.none), (true, .both), (false, .both)])
  func aCommandThatHangsBeforeItsProgramKeepsNothingOfAKilledWarden(
    isUsers: Bool, machine: ControlGroupTests.Machine
  ) throws {
    let fixture = try WardenFixture(wrapper: machine.wrapper)
    chmod(fixture.directory.path, 0o711)
    let program = fixture.path("program")
    try Data("#!/bin/sh\ntouch $DIR/ran\n".utf8).write(to: URL(fileURLWithPath: program))
    chmod(program, 0o755)
    // execve(2) waits for the lease; see below.
    let holder = open(program, O_RDONLY | O_CLOEXEC)
    defer { close(holder) }
    signal(SIGIO, SIG_IGN)
    for _ in 0..<1000 where clinux_lease_write(holder) != 0 { poll(nil, 0, 1) }
    #expect(clinux_lease_write(holder) == 0)
    var slow = fixture.request("slow", [program])
    if isUsers { slow.confinement.user = Self.user }
    try fixture.start([slow])
    try fixture.listen()
    // Somebody wants to open it for reading.
    for _ in 0..<10_000 where clinux_lease_is_read(holder) == 0 { poll(nil, 0, 1) }
    try #require(clinux_lease_is_read(holder) == 1)
    kill(try #require(fixture.wardenPID), SIGKILL)
    try fixture.awaitWardenEnd()
    #expect(try LockedFile.inspect(fixture.files.warden)?.held == false)
    guard case .lost(let command?) = try fixture.survey().verdict(slow.key) else {
      Issue.record("\(try fixture.survey().verdict(slow.key))")
      return
    }
    #expect((command.group == nil) == (machine == .none))
    let processes = command.group.map(ControlGroup.members) ?? fixture.survivors
    #expect(processes.count == 1)
    if isUsers { #expect(fixture.survivors == processes) }
    let home = fixture.directory.path
    #expect(ProcessTree.kill(slow.key, home: home, identity: nil, group: command.group) == .proved)
    #expect(processes.allSatisfy { ProcessStatus(pid: $0)?.isEnding != false })
    try #require(clinux_lease_release(holder) == 0)
    #expect(access(fixture.path("ran"), F_OK) != 0)
  }

  /// A user may stop a process of its own that has not reached its program yet, or name a directory that never answers.
  /// Neither keeps the warden from its other work: such a command counts as started after a tenth of a second.
  @Test func aUsersCommandThatNeverReachesItsProgramHoldsNobodyUp() throws {
    let fixture = try WardenFixture()
    chmod(fixture.directory.path, 0o711)
    // execve(2) of a file that somebody holds a write lease on waits until the lease is given up (fcntl(2)).
    let program = fixture.path("program")
    try Data("#!/bin/sh\nexit 7\n".utf8).write(to: URL(fileURLWithPath: program))
    chmod(program, 0o755)
    let holder = open(program, O_RDONLY | O_CLOEXEC)
    defer { close(holder) }
    signal(SIGIO, SIG_IGN)
    // Another test's child may hold the file open for the moment of its birth.
    for _ in 0..<1000 where clinux_lease_write(holder) != 0 { poll(nil, 0, 1) }
    #expect(clinux_lease_write(holder) == 0)
    var slow = fixture.request("slow", [program])
    slow.confinement.user = Self.user
    try fixture.start([slow])
    #expect(try fixture.record(fixture.request("other", ["/bin/true"])).status == .exited(0))
    try #require(clinux_lease_release(holder) == 0)
    guard case .ended(let record) = try fixture.answer(slow.key) else {
      Issue.record("it was refused")
      return
    }
    #expect(record.status == .exited(7))
  }

  /// Nobody listens to why any more: it ends as a shell's child would, and not of the pipe.
  @Test func aUsersCommandThatFailsAfterItCountedAsStartedSaysSo() throws {
    let fixture = try WardenFixture()
    chmod(fixture.directory.path, 0o711)
    let program = fixture.path("program")
    try Data("neither a script nor a program".utf8).write(to: URL(fileURLWithPath: program))
    chmod(program, 0o755)
    let holder = open(program, O_RDONLY | O_CLOEXEC)
    defer { close(holder) }
    signal(SIGIO, SIG_IGN)
    for _ in 0..<1000 where clinux_lease_write(holder) != 0 { poll(nil, 0, 1) }
    #expect(clinux_lease_write(holder) == 0)
    var slow = fixture.request("slow", [program])
    slow.confinement.user = Self.user
    try fixture.start([slow])
    #expect(try fixture.record(fixture.request("other", ["/bin/true"])).status == .exited(0))
    try #require(clinux_lease_release(holder) == 0)
    guard case .ended(let record) = try fixture.answer(slow.key) else {
      Issue.record("it was refused")
      return
    }
    #expect(record.status == .exited(127))
    #expect(try fixture.read(record.stderr) == Data("astro: the command could not be started\n".utf8))
  }
}
