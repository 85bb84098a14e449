import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// The warden's own beginning and end, and what it makes of a runner that talks nonsense.
@Suite(.serialized) struct WardenLifeTests {
  @Test func aWardenThatIsNotThereIsReportedAtTheFirstStart() throws {
    let fixture = try WardenFixture(executable: "/no/such/astro")
    #expect(
      throws: Failure(
        .unavailable, subject: "/no/such/astro", message: "cannot start the warden", errno: ENOENT,
        reason: "No such file or directory")
    ) { try fixture.start([fixture.request("a", ["/bin/true"])]) }
  }

  @Test func aProgramThatIsNoWardenStartsNothing() throws {
    let fixture = try WardenFixture(executable: "/bin/true")
    try fixture.start([fixture.request("a", ["/bin/true"])])
    try fixture.listenUntilClosed()
    #expect(fixture.told == [.closed("did not start: it ended without a word")])
    #expect(try fixture.survey().verdict(fixture.key("a")) == .neverStarted)
    #expect(throws: Failure.self) { try fixture.start([fixture.request("b", ["/bin/true"])]) }
  }

  @Test func aWardenThatCannotTakeUpItsWorkSaysWhy() throws {
    let fixture = try WardenFixture()
    let exits = try fixture.files.exits
    mkdir(exits, 0o700)
    try fixture.start([fixture.request("a", ["/bin/true"])])
    try fixture.listenUntilClosed()
    #expect(fixture.told == [.closed("did not start: \(exits): cannot open the exit log: Is a directory")])
    try #require(rmdir(exits) == 0)
    #expect(try fixture.survey().verdict(fixture.key("a")) == .neverStarted)
  }

  @Test func theVerbWantsItsThreeOptions() throws {
    for arguments in [
      [], ["--data", "/tmp"], ["--data", "/tmp", "--id"], ["--data", "/tmp", "--id", "a", "--socket", "x"],
    ] {
      #expect(Warden.main(arguments: arguments) == 64)
    }
    #expect(Warden.main(arguments: ["--data", "/tmp", "--id", "a", "--socket", "9999"]) == 64)
  }

  @Test func aRunnerIdentifierCannotLeaveItsDirectory() throws {
    let directory = TemporaryDirectory()
    for id in ["", "../x", "a/b", ".", "..", "a.b", String(repeating: "x", count: 101), "ä"] {
      #expect(
        throws: Failure(.usage, subject: "runner '\(id)'", message: "is not made of 1 to 100 of A-Z a-z 0-9 _ -")
      ) { try WardenClient(executable: "/bin/true", dataDirectory: directory.path, runnerID: id) }
    }
  }

  @Test func noWardenRunsBeforeTheFirstCommand() throws {
    let fixture = try WardenFixture()
    #expect(fixture.client?.wardenPID == nil)
    try fixture.start([])
    try fixture.signal("a", SIGTERM)
    #expect(fixture.client?.wardenPID == nil)
  }

  @Test func whatIsToldIsInTheLogFirstAndTheSame() throws {
    let fixture = try WardenFixture()
    var records: [ExitRecord] = []
    for number in 0..<30 {
      records.append(try fixture.record(fixture.script("t\(number)", "echo \(number)")))
      let wreck = try fixture.survey()
      #expect(wreck.ended[records[number].key] == records[number])
    }
    #expect(Set(records.map(\.stdout)).count == 30)
  }

  @Test func signalsMeantForTheRunnerDoNotEndTheWarden() throws {
    let fixture = try WardenFixture()
    _ = try fixture.record(fixture.request("a", ["/bin/true"]))
    let warden = try #require(fixture.wardenPID)
    for signo in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGALRM, SIGCHLD] { kill(warden, signo) }
    #expect(try fixture.record(fixture.request("b", ["/bin/true"])).status == .exited(0))
    #expect(Processes.status(warden, "State")?.hasPrefix("Z") == false)
  }

  /// The warden's end of a socket of which the test is the other, raw end.
  private func rawWarden(_ directory: TemporaryDirectory) throws -> (socket: Int32, warden: Watched, files: RunnerFiles)
  {
    let files = try RunnerFiles(dataDirectory: directory.path, runnerID: "raw")
    try files.makeDirectories()
    let (own, other) = try #require(SocketStream.pair())
    let command = WardenCommand(executable: try WardenFixture.binary(), verb: ["warden"], files: files)
    let pid = try command.spawn(socket: other)
    close(other)
    return (own, Watched(pid), files)
  }

  /// What the warden says next; nothing when it has hung up.
  private func hear(_ socket: Int32) -> String {
    var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    #expect(poll(&polled, 1, 30_000) == 1, "the warden neither speaks nor hangs up")
    var space = [UInt8](repeating: 0, count: 4096)
    let got = recv(socket, &space, space.count, 0)
    return got > 0 ? String(decoding: space[..<got], as: UTF8.self) : ""
  }

  @Test(arguments: 0..<6) func nonsenseEndsTheConversationAndNotTheWardensDuty(index: Int) throws {
    let directory = TemporaryDirectory()
    let (socket, warden, files) = try rawWarden(directory)
    let gate = NamedPipe(directory.path("gate"))
    let key = AttemptKey(workflow: WorkflowID(unchecked: "w"), task: "a", number: 1)
    var good: [UInt8] = []
    WireFormat.start(
      StartRequest(
        key: key, arguments: ["/bin/sh", "-c", "read l < \(gate.path); exit 5"], environment: [], workdir: "/"),
      to: &good)
    var random = SplitMix64(seed: UInt64(index))
    let nonsense: [[UInt8]] = [
      Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [255, 255, 255, 255],
      (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) },
      {
        var bad = good; bad[4] = 9; return bad
      }(),
      {
        var bad = good; bad[5] = 200; return bad
      }(),
    ]
    let bytes = good + nonsense[index]
    #expect(hear(socket).hasPrefix("warden\t1\t\(warden.pid)\t"))
    #expect(send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    while !hear(socket).isEmpty {}
    close(socket)
    var wreck = try Wreck.survey(dataDirectory: directory.path, runnerID: "raw")
    guard case .running = wreck.verdict(key) else {
      Issue.record("the command that was asked for properly is \(wreck.verdict(key))")
      return
    }
    gate.tell("go")
    #expect(warden.waitForEnd())
    waitpid(warden.pid, nil, 0)
    wreck = try Wreck.survey(dataDirectory: directory.path, runnerID: "raw")
    #expect(wreck.closed)
    #expect(wreck.ended[key]?.status == .exited(5))
    #expect(files.runnerID == "raw")
  }

  @Test func halfARequestWasNeverARequest() throws {
    let directory = TemporaryDirectory()
    let lock = try RunnerLock.acquire(dataDirectory: directory.path, id: "raw", home: directory.path)
    let (socket, warden, _) = try rawWarden(directory)
    let key = AttemptKey(workflow: WorkflowID(unchecked: "w"), task: "a", number: 1)
    var bytes: [UInt8] = []
    WireFormat.start(
      StartRequest(key: key, arguments: ["/bin/touch", directory.path("ran")], environment: [], workdir: "/"),
      to: &bytes)
    send(socket, bytes, bytes.count - 1, Int32(MSG_NOSIGNAL))
    close(socket)
    #expect(warden.waitForEnd())
    waitpid(warden.pid, nil, 0)
    let wreck = try Wreck.survey(dataDirectory: directory.path, runnerID: "raw")
    #expect(wreck.closed)
    #expect(wreck.verdict(key) == .neverStarted)
    #expect(access(directory.path("ran"), F_OK) != 0)
    withExtendedLifetime(lock) {}
  }
}
