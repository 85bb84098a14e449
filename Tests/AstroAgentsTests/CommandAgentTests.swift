import AstroCore
import AstroProcess
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroAgents

/// Takes requests down instead of starting anything.
private final class Notebook: Launcher {
  var requests: [StartRequest] = []
  var signals: [Int32] = []
  var released: [AttemptKey] = []
  var withdrawn: [AttemptKey] = []
  var failure: Failure?

  var descriptor: Int32 { -1 }
  var wantsWrite: Bool { false }
  func start(_ requests: [StartRequest]) throws(Failure) {
    if let failure { throw failure }
    self.requests += requests
  }
  func signal(_ key: AttemptKey, _ signo: Int32) throws(Failure) {
    signals.append(signo)
    if let failure { throw failure }
  }
  func release(_ key: AttemptKey) throws(Failure) {
    released.append(key)
    if let failure { throw failure }
  }
  func withdraw(_ key: AttemptKey) throws(Failure) {
    withdrawn.append(key)
    if let failure { throw failure }
  }
  func receive() throws(Failure) -> [LauncherEvent] { [] }
}

private struct StoppedClock: AstroCore.Clock {
  func now() -> Moment { Moment(wall: Timestamp(microseconds: 77), boot: 1) }
}

@Suite struct CommandAgentTests {
  private let directory = TemporaryDirectory()
  private let notebook = Notebook()
  private let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "a", number: 2)

  private func agent(_ environment: [String: String] = ["PATH": "/usr/bin:/bin"]) -> CommandAgent {
    CommandAgent(
      launcher: notebook, home: "/home/astro", runs: "/data/runs", clock: StoppedClock(), environment: environment)
  }

  private func start(
    _ arguments: [String], _ environment: [(name: String, value: String)] = [], workdir: String? = nil
  ) -> AttemptStart {
    AttemptStart(
      key: key, user: "root", agent: "shell", work: .process(arguments), environment: environment, workdir: workdir)
  }

  private func begin(_ starts: AttemptStart..., environment: [String: String] = ["PATH": "/usr/bin:/bin"])
    -> [AttemptEnding]
  {
    agent(environment).start(
      starts.map { ($0, isHeld: false) }, submitter: { _ in Submitter(user: geteuid(), isTrusted: true) })
  }

  private func refusal(_ endings: [AttemptEnding]) -> String? {
    guard endings.count == 1, case .notStarted(let reason, infrastructure: false) = endings[0].outcome else {
      return nil
    }
    return reason
  }

  private static let own: Set<String> = [
    "ASTRO_HOME=/home/astro", "ASTRO_WORKFLOW_ID=w-1", "ASTRO_TASK_ID=a", "ASTRO_ATTEMPT=2",
    "ASTRO_IDEMPOTENCY_KEY=w-1/a", "ASTRO_RUN_DIR=/data/runs/w-1/files", "ASTRO_OUTPUT=/data/runs/w-1/.output-a.2",
  ]

  @Test func theEnvironmentHoldsFourVariablesOfTheRunnersAndNothingElseOfIt() throws {
    let runners = [
      "PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "de_DE.UTF-8", "TZ": "Europe/Berlin", "SECRET": "s",
      "LD_PRELOAD": "/x.so", "ASTRO_HOME": "/elsewhere", "LC_ALL": "C", "ENV": "/x", "IFS": ",",
    ]
    #expect(begin(start(["true"]), environment: runners).isEmpty)
    let environment = try #require(notebook.requests.first).environment
    #expect(
      Set(environment)
        == Self.own.union(["PATH=/usr/bin:/bin", "HOME=/root", "LANG=de_DE.UTF-8", "TZ=Europe/Berlin"]))
    #expect(environment.count == Set(environment).count)
  }

  @Test func aBareEnvironmentGetsWhatEveryProgramNeeds() throws {
    #expect(begin(start(["true"]), environment: [:]).isEmpty)
    #expect(
      Set(try #require(notebook.requests.first).environment)
        == Self.own.union([
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8",
          "TZ=:/etc/localtime",
        ]))
  }

  @Test func whatATaskSetsWinsButNotOverTheAttemptsOwnVariables() throws {
    let given = [("HOME", "/h"), ("A", "1"), ("A", "2"), ("ASTRO_TASK_ID", "forged"), ("EMPTY", "")]
    #expect(begin(start(["true"], given.map { (name: $0.0, value: $0.1) })).isEmpty)
    #expect(
      Set(try #require(notebook.requests.first).environment)
        == Self.own.union(["PATH=/usr/bin:/bin", "HOME=/h", "LANG=C.UTF-8", "TZ=:/etc/localtime", "A=2", "EMPTY="]))
  }

  @Test func theWorkingDirectoryIsTheRunsOrBelowItOrAsGiven() {
    for (given, expected) in [
      (nil, "/data/runs/w-1/files"), ("", "/data/runs/w-1/files"), ("sub/dir", "/data/runs/w-1/files/sub/dir"),
      ("/srv", "/srv"),
    ] {
      #expect(begin(start(["true"], workdir: given)).isEmpty)
      #expect(notebook.requests.last?.workdir == expected)
    }
  }

  @Test func aBareNameIsLookedUpInTheTasksOwnPath() throws {
    for name in ["first", "second"] { mkdir(directory.path(name), 0o700) }
    mkdir(directory.path("first/tool"), 0o755)  // A directory is no program, though it is "executable".
    for (path, mode) in [("second/tool", mode_t(0o755)), ("first/plain", 0o644), ("second/plain", 0o755)] {
      try Data("#!/bin/sh\n".utf8).write(to: URL(fileURLWithPath: directory.path(path)))
      chmod(directory.path(path), mode)
    }
    let path = [(name: "PATH", value: "\(directory.path)/first:\(directory.path)/second")]
    for (name, expected) in [
      ("tool", directory.path("second/tool")), ("plain", directory.path("second/plain")), ("./tool", "./tool"),
      ("/bin/x", "/bin/x"),
    ] {
      #expect(begin(start([name, "x"], path)).isEmpty)
      #expect(notebook.requests.last?.arguments == [expected, "x"])
    }
  }

  @Test func aRelativeFolderInPathIsMeantFromTheWorkingDirectory() throws {
    mkdir(directory.path("bin"), 0o700)
    try Data("#!/bin/sh\n".utf8).write(to: URL(fileURLWithPath: directory.path("bin/tool")))
    chmod(directory.path("bin/tool"), 0o755)
    #expect(begin(start(["tool"], [(name: "PATH", value: "bin:/bin")], workdir: directory.path)).isEmpty)
    #expect(notebook.requests.last?.arguments == [directory.path("bin/tool")])
  }

  @Test func whatCannotBeAskedForIsToldAtOnce() {
    #expect(refusal(begin(start(["nosuchprogram"]))) == "no such program: 'nosuchprogram' is not in PATH")
    #expect(refusal(begin(start([""]))) == "no such program: '' is not in PATH")
    #expect(refusal(begin(start([]))) == "there is no command")
    #expect(notebook.requests.isEmpty)
  }

  @Test func oneUnfitStartDoesNotHoldUpTheOthers() {
    let endings = begin(start(["true"]), start(["nosuchprogram"]), start(["true"]))
    #expect(endings.count == 1)
    #expect(endings.first?.startedAt == Timestamp(microseconds: 77))
    #expect(notebook.requests.count == 2)
  }

  @Test func aLauncherThatFailsIsTheMachinesFault() {
    notebook.failure = Failure(.unavailable, subject: "warden of runner r", message: "is gone")
    let endings = begin(start(["true"]), start(["true"]))
    #expect(
      endings.map(\.outcome)
        == Array(
          repeating: .notStarted(
            reason: "the launcher failed: warden of runner r: is gone", infrastructure: true), count: 2))
    agent().signal(key, .terminate)
    agent().release(key)
    agent().withdraw(key)
  }

  @Test func aHeldStartIsHandedOverAsOneAndReleasedOrWithdrawnByItsKey() {
    let starts = [(start(["true"]), isHeld: false), (start(["true"]), isHeld: true)]
    #expect(agent().start(starts, submitter: { _ in Submitter(user: 0, isTrusted: false) }).isEmpty)
    #expect(notebook.requests.map(\.isHeld) == [false, true])
    agent().release(key)
    agent().withdraw(key)
    #expect(notebook.released == [key])
    #expect(notebook.withdrawn == [key])
  }

  @Test func terminateAndKillAreTermAndKill() {
    agent().signal(key, .terminate)
    agent().signal(key, .kill)
    #expect(notebook.signals == [SIGTERM, SIGKILL])
  }
}
