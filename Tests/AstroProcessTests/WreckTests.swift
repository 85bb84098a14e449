import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// What a successor reads out of the files of a dead runner, written here by hand.
@Suite struct WreckTests {
  private let directory = TemporaryDirectory()
  private let files: RunnerFiles
  private let boot: String
  private let workflow = WorkflowID(unchecked: "w-\(UUID().uuidString)")
  private static let otherBoot = "11111111-2222-3333-4444-555555555555"

  init() throws {
    files = try RunnerFiles(dataDirectory: directory.path, runnerID: "dead")
    try files.makeDirectories()
    boot = try #require(ProcessIdentity.currentBootID())
  }

  private func key(_ task: String) -> AttemptKey { AttemptKey(workflow: workflow, task: task, number: 1) }

  private func warden(_ boot: String) -> ProcessIdentity { ProcessIdentity(pid: 4_000_000, startTime: 1, bootID: boot) }

  private func leave(_ records: [ExitLogRecord], boot: String, lockFiles: Bool = true) throws {
    var bytes: [UInt8] = []
    for record in [.warden(warden(boot))] + records { record.write(to: &bytes) }
    try Data(bytes).write(to: URL(fileURLWithPath: files.exits))
    guard lockFiles else { return }
    for path in [files.warden, files.lock] {
      try Data(content(boot).utf8).write(to: URL(fileURLWithPath: path))
    }
  }

  /// As a runner of this home writes it into its lock file.
  private func content(_ boot: String) throws -> String {
    try OwnerLine(warden(boot)).text + HomeMark(dataDirectory: directory.path, home: directory.path).text
  }

  private func survey() throws -> Wreck { try Wreck.survey(dataDirectory: directory.path, runnerID: "dead") }

  private func start(_ task: String) -> ExitLogRecord {
    .start(key(task), at: Timestamp(microseconds: 5), stdout: "dead-1.out", stderr: "dead-1.err")
  }

  private func exit(_ task: String, _ code: Int32) -> ExitLogRecord {
    .exit(
      ExitRecord(
        key: key(task), status: .exited(code), startedAt: .init(microseconds: 5), finishedAt: .init(microseconds: 6),
        duration: .microseconds(1), usage: .init(), stdout: "dead-1.out"))
  }

  @Test func aDeadWardensRecordsTellFourFates() throws {
    try leave(
      [
        start("ended"), .pid(key("ended"), pid: 4_000_001, startTime: 7), exit("ended", 3),
        start("refused"), .refused(key("refused"), reason: "no such program: /x", infrastructure: false),
        start("lost"), .pid(key("lost"), pid: 4_000_002, startTime: 8), start("pidless"),
      ], boot: boot)
    let wreck = try survey()
    #expect(wreck.warden == .dead)
    guard case .ended(let record) = wreck.verdict(key("ended")) else {
      Issue.record("not ended")
      return
    }
    #expect(record.status == .exited(3))
    #expect(record.stdout == files.scratch("dead-1.out"))
    #expect(wreck.verdict(key("refused")) == .refused(reason: "no such program: /x", infrastructure: false))
    guard case .lost(let command?) = wreck.verdict(key("lost")), case .lost(let other?) = wreck.verdict(key("pidless"))
    else {
      Issue.record("not lost")
      return
    }
    #expect(command.identity == ProcessIdentity(pid: 4_000_002, startTime: 8, bootID: boot))
    #expect(command.stderr == files.scratch("dead-1.err"))
    #expect(other.identity == nil)
    #expect(wreck.verdict(key("unknown")) == .neverStarted)
  }

  /// A power cut may take any tail of the log with it: an attempt that is not in it may have run.
  @Test func inAnotherBootWhatIsNotOnRecordIsLost() throws {
    try leave([start("ended"), exit("ended", 0), start("lost")], boot: Self.otherBoot)
    let wreck = try survey()
    #expect(wreck.verdict(key("unknown")) == .lost(nil))
    guard case .lost(.some) = wreck.verdict(key("lost")), case .ended(let record) = wreck.verdict(key("ended")) else {
      Issue.record("\(wreck.verdict(key("lost")))")
      return
    }
    #expect(record.status == .exited(0))
  }

  @Test func withoutAnyFileNobodyKnowsAnything() throws {
    #expect(try survey().verdict(key("a")) == .lost(nil))
    try Data("".utf8).write(to: URL(fileURLWithPath: files.lock))
    #expect(try survey().verdict(key("a")) == .lost(nil))
    try Data(content(boot).utf8).write(to: URL(fileURLWithPath: files.lock))
    #expect(try survey().verdict(key("a")) == .neverStarted)
  }

  @Test func anUnreadableOwnerLineProvesNothing() throws {
    for text in ["2 1 1 \(boot)", "1 1 1", "1 x 1 \(boot)", "1 1 -1 \(boot)", "\n", "1 1 1 \(boot) more"] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: files.lock))
      #expect(try survey().verdict(key("a")) == .lost(nil), "\(text)")
    }
  }

  /// The other home's runner and warden hold no locks here, and their processes live.
  @Test func aCopiedHomeKnowsNoProcessOfTheOther() throws {
    let stranger = try Stranger()
    let startTime = try #require(ProcessStatus(pid: stranger.pid)).startTime
    try leave(
      [start("a"), .pid(key("a"), pid: stranger.pid, startTime: startTime), start("b"), exit("b", 0)], boot: boot)
    let copy = TemporaryDirectory()
    try FileManager.default.copyItem(atPath: directory.path("runners"), toPath: copy.path("runners"))
    let original = try survey()
    let wreck = try Wreck.survey(dataDirectory: copy.path, runnerID: "dead")
    #expect(original.origin == .here(path: directory.path))
    #expect(wreck.origin == .original)
    guard case .lost(let command?) = original.verdict(key("a")), case .lost(let other?) = wreck.verdict(key("a")) else {
      Issue.record("not lost")
      return
    }
    #expect(command.identity?.pid == stranger.pid)
    #expect(other.identity == nil)
    // What began after the copy was made is not on record in it.
    #expect(original.verdict(key("unknown")) == .neverStarted)
    #expect(wreck.verdict(key("unknown")) == .lost(nil))
    guard case .ended = wreck.verdict(key("b")) else {
      Issue.record("an end is one in a copy too")
      return
    }
  }

  @Test func theRunnerOfAnotherHomeIsNotSeenInACopy() throws {
    let lock = try RunnerLock.acquire(dataDirectory: directory.path, id: "one", home: directory.path)
    let copy = TemporaryDirectory()
    try FileManager.default.copyItem(atPath: directory.path("runners"), toPath: copy.path("runners"))
    #expect(try RunnerLock.look(dataDirectory: directory.path, id: "one").state == .working(pid: getpid()))
    #expect(try RunnerLock.look(dataDirectory: copy.path, id: "one").state == .dead)
    withExtendedLifetime(lock) {}
  }

  @Test func aHomeIsKnownByItsDirectoryAndAnyPath() throws {
    for path in ["/", "/a b", "/line\nbreak", "/end\n"] {
      let mark = try HomeMark(dataDirectory: directory.path, home: path)
      #expect(HomeMark(parsing: OwnerLine(warden(boot)).text + mark.text) == mark)
      #expect(mark.isOf(dataDirectory: directory.path + "/."))
      #expect(!mark.isOf(dataDirectory: directory.path("runners")))
    }
    for text in ["", "1 1 1 b\n", "1 1 1 b\n1:2 /a", "1 1 1 b\n12 /a\n", "1 1 1 b\n1:2 a\n", "1 1 1 b\n1:2\n"] {
      #expect(HomeMark(parsing: text) == nil, "\(text)")
    }
  }

  @Test func aSecondWardensAttemptsAreNotMixedWithThoseTheFirstLost() throws {
    try leave(
      [
        start("a"), .pid(key("a"), pid: 4_000_001, startTime: 7), start("again"), .warden(warden(boot)), start("again"),
        start("b"),
      ],
      boot: boot)
    let wreck = try survey()
    #expect(Set(wreck.lost.keys) == [key("a")])
    #expect(Set(wreck.running.keys) == [key("again"), key("b")])
  }

  @Test func aRefusedSecondRequestDoesNotEndTheFirst() throws {
    let refused = ExitLogRecord.refused(key("a"), reason: "this attempt is running already", infrastructure: true)
    try leave([start("a"), .pid(key("a"), pid: 4_000_001, startTime: 7), refused], boot: boot)
    guard case .lost = try survey().verdict(key("a")) else {
      Issue.record("not lost")
      return
    }
    try leave([start("a"), .pid(key("a"), pid: 4_000_001, startTime: 7), refused, exit("a", 4)], boot: boot)
    guard case .ended(let record) = try survey().verdict(key("a")) else {
      Issue.record("not ended")
      return
    }
    #expect(record.status == .exited(4))
  }

  /// Whatever part of the log is left, no attempt is said to have ended in a way it did not.
  @Test func noTornLogGivesAFalseEnd() throws {
    try leave([start("a"), exit("a", 10), start("b"), exit("b", 100), start("c")], boot: boot)
    let whole = try Data(contentsOf: URL(fileURLWithPath: files.exits))
    for count in 0...whole.count {
      try whole.prefix(count).write(to: URL(fileURLWithPath: files.exits))
      let wreck = try survey()
      for (task, code) in [("a", Int32(10)), ("b", 100)] {
        switch wreck.verdict(key(task)) {
        case .ended(let record): #expect(record.status == .exited(code), "after \(count) bytes")
        case .lost, .neverStarted: break
        default: Issue.record("\(wreck.verdict(key(task))) after \(count) bytes")
        }
      }
    }
  }

  @Test func damageInsideTheLogIsNotPassedOver() throws {
    try leave([start("a")], boot: boot)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: files.exits))
    bytes.append(contentsOf: Array("rubbish\n".utf8))
    var end: [UInt8] = []
    exit("a", 0).write(to: &end)
    bytes.append(contentsOf: end)
    try bytes.write(to: URL(fileURLWithPath: files.exits))
    let wreck = try survey()
    #expect(wreck.damage == Failure(.io, subject: "\(files.exits):3", message: "the exit log is damaged here"))
    guard case .lost(.some) = wreck.verdict(key("a")), case .lost(nil) = wreck.verdict(key("b")) else {
      Issue.record("\(wreck.verdict(key("a"))) \(wreck.verdict(key("b")))")
      return
    }
  }

  /// The line that is missed may have been the start of the attempt that is asked about.
  @Test func aWholeLineThatIsNoRecordAtTheEndProvesNothing() throws {
    try leave([start("a")], boot: boot)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: files.exits))
    #expect(try survey().verdict(key("b")) == .neverStarted)
    bytes.append(contentsOf: [UInt8](repeating: 0, count: 20) + [0x0A])
    try bytes.write(to: URL(fileURLWithPath: files.exits))
    #expect(try survey().verdict(key("b")) == .lost(nil))
  }

  /// A warden writes its header before it is sent anything: a log without one is not what it left.
  @Test func aLogThatWasRemovedEmptiedOrBegunAnewProvesNothing() throws {
    try leave([start("a"), exit("a", 0)], boot: boot)
    #expect(try survey().verdict(key("b")) == .neverStarted)
    try Data().write(to: URL(fileURLWithPath: files.exits))
    #expect(try survey().verdict(key("b")) == .lost(nil))
    var bytes: [UInt8] = []
    exit("c", 0).write(to: &bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: files.exits))
    #expect(
      try survey().damage == Failure(.io, subject: "\(files.exits):1", message: "the exit log is damaged here"))
    #expect(try survey().verdict(key("b")) == .lost(nil))
    try #require(unlink(files.exits) == 0)
    #expect(try survey().verdict(key("b")) == .lost(nil))
    try #require(unlink(files.warden) == 0)
    #expect(try survey().verdict(key("b")) == .neverStarted, "there was no warden")
  }

  @Test func aLogThatLosesWhatWasReadIsDamaged() throws {
    for (isRemoved, message) in [
      (true, "the exit log is gone"), (false, "the exit log was cut short after it was read"),
    ] {
      try leave([start("a")], boot: boot)
      let watch = WreckWatch(try survey())
      #expect(try watch.newRecords() == [])
      #expect(watch.wreck.verdict(key("b")) == .neverStarted)
      if isRemoved { unlink(files.exits) } else { truncate(files.exits, 5) }
      let damage = Failure(.io, subject: files.exits, message: message)
      #expect(try watch.newRecords() == [.damaged(damage)])
      #expect(watch.wreck.verdict(key("b")) == .lost(nil))
      #expect(try watch.newRecords() == [])
    }
  }

  // MARK: Innocent processes

  @Test func aReusedNumberIsNeverSignalled() throws {
    let stranger = try Stranger()
    let startTime = try #require(ProcessStatus(pid: stranger.pid)).startTime
    let identity = ProcessIdentity(pid: stranger.pid, startTime: startTime, bootID: boot)
    let strangers = [
      (boot, identity.startTime + 1), (boot, 0), (Self.otherBoot, identity.startTime),
    ]
    for (boot, startTime) in strangers {
      try leave([start("a"), .pid(key("a"), pid: identity.pid, startTime: startTime)], boot: boot)
      guard case .lost(let command?) = try survey().verdict(key("a")) else {
        Issue.record("not lost")
        continue
      }
      command.signal(SIGKILL)
      #expect(ProcessTree.kill(key("a"), home: directory.path, identity: command.identity) == .proved)
      #expect(stranger.lives)
      #expect(identity.exists)
    }
  }

  @Test func numbersThatMeanAGroupOrEverybodyAreNeverSignalled() throws {
    for pid: Int32 in [-1, 0, 1] {
      #expect(!ProcessIdentity(pid: pid, startTime: 0, bootID: boot).exists)
      #expect(
        ProcessTree.kill(
          key("a"), home: directory.path, identity: ProcessIdentity(pid: pid, startTime: 0, bootID: boot)) == .proved)
    }
  }

  /// The environment must match as a whole: another attempt of the same task is somebody else.
  @Test func aProcessOfAnotherAttemptIsNotKilled() throws {
    let stranger = try Stranger(environment: [
      "ASTRO_HOME": directory.path, "ASTRO_WORKFLOW_ID": workflow.text, "ASTRO_TASK_ID": "a", "ASTRO_ATTEMPT": "2",
      "X": "ASTRO_ATTEMPT=1",
    ])
    #expect(ProcessTree.kill(key("a"), home: directory.path, identity: nil) == .proved)
    #expect(stranger.lives)
    let second = AttemptKey(workflow: workflow, task: "a", number: 2)
    #expect(ProcessTree.kill(second, home: directory.path + "/copy", identity: nil) == .proved)
    #expect(stranger.lives, "the same attempt of another home")
    #expect(ProcessTree.kill(second, home: directory.path, identity: nil) == .proved)
    #expect(!stranger.lives)
  }

  @Test func theStatusOfAProcessIsReadPastAnyName() {
    func line(_ name: String) -> [UInt8] {
      Array("42 (\(name)) S 1 77 8 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 5 6".utf8)
    }
    for name in ["sh", ") R 1 1 1", "a b", "((", "\n", ""] {
      let status = ProcessStatus(parsing: line(name))
      #expect(status?.group == 77)
      #expect(status?.startTime == 991)
      #expect(status?.isZombie == false)
      #expect(status?.isEnding == false)
    }
    #expect(
      ProcessStatus(parsing: Array("42 (sh) Z 1 77 8 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 991 5".utf8))?.isEnding == true)
    for broken in ["", "42", "42 (sh) S", "42 (sh) S x y z 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 991"] {
      #expect(ProcessStatus(parsing: Array(broken.utf8)) == nil)
    }
  }

  // MARK: Locks and leftovers

  @Test func oneRunnerHasAnIdentifierAndOneAdopterTakesItWhenItIsGone() throws {
    var lock: RunnerLock? = try RunnerLock.acquire(dataDirectory: directory.path, id: "one", home: directory.path)
    #expect(
      throws: Failure(
        .cannotCreate, subject: try #require(lock).files.lock, message: "another runner has this identifier")
    ) {
      try RunnerLock.acquire(dataDirectory: directory.path, id: "one", home: directory.path)
    }
    #expect(try RunnerLock.takeIfFree(dataDirectory: directory.path, id: "one") == nil)
    #expect(try RunnerLock.all(dataDirectory: directory.path) == ["one"])
    lock = nil
    let adopter = try #require(try RunnerLock.takeIfFree(dataDirectory: directory.path, id: "one"))
    #expect(try RunnerLock.takeIfFree(dataDirectory: directory.path, id: "one") == nil)
    try adopter.remove()
    #expect(try RunnerLock.all(dataDirectory: directory.path).isEmpty)
  }

  @Test func cleaningUpTakesEmptyFilesOfThisRunnerOnly() throws {
    for (name, text) in [
      ("dead-1.out", ""), ("dead-1.err", "kept"), ("dead-12.out", ""), ("dead-1-1.out", ""), ("deader-1.out", ""),
      ("dead-x.out", ""), ("dead-1.txt", ""), ("dead-.out", ""),
    ] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: files.scratch(name)))
    }
    try leave([], boot: boot)
    try files.remove()
    try files.remove()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: files.scratchDirectory).sorted()
        == ["dead-.out", "dead-1-1.out", "dead-1.err", "dead-1.txt", "dead-x.out", "deader-1.out"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: files.directory) == ["dead.lock"])
  }
}

@Suite struct UnbornLocks {
  @Test func whatARunnerLeftThatDiedBeforeItsLockHadANameIsRemoved() throws {
    let directory = TemporaryDirectory()
    let lock = try RunnerLock.acquire(dataDirectory: directory.path, id: "alive", home: directory.path)
    let unborn = directory.path + "/runners/.dead.lock.4711"
    close(open(unborn, O_WRONLY | O_CREAT, 0o600))
    let held = open(unborn, O_RDWR)
    flock(held, LOCK_EX)
    #expect(try RunnerLock.removeUnborn(dataDirectory: directory.path) == 0, "its maker lives")
    close(held)
    #expect(try RunnerLock.removeUnborn(dataDirectory: directory.path) == 1)
    #expect(access(unborn, F_OK) != 0)
    #expect(try RunnerLock.all(dataDirectory: directory.path) == ["alive"])
    withExtendedLifetime(lock) {}
  }
}
