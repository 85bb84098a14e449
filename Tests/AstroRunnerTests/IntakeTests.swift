import AstroConfiguration
import AstroCore
import AstroJournal
import AstroSpool
import Foundation
import Glibc
import Testing

@testable import AstroRunner

/// What the loop keeps of the files in a real spool, and when it looks at them again.
@Suite struct IntakeTests {
  private let fixture: RunnerFixture
  private let spool: Spool
  private let examiner: Examiner

  init() throws {
    fixture = try RunnerFixture()
    spool = try Spool(directory: fixture.home.spool, rules: SpoolRules(), clock: fixture.clock)
    examiner = Examiner(fixture.configuration)
  }

  private func write(_ name: String, _ head: String = "") throws -> FileName {
    try "\(head)tasks: {a: {run: 'true'}}\n".write(
      toFile: "\(fixture.home.spool)/\(name)", atomically: true, encoding: .utf8)
    return try #require(FileName(name))
  }

  private func examine(_ candidate: Candidate) -> Admission {
    examiner.examine(candidate.bytes, from: .init(candidate))
  }

  private func look(_ intake: inout Intake, room: Int) throws -> [Intake.Finding] {
    intake.advance(to: fixture.clock.now().boot)
    return try intake.look(in: spool, now: fixture.clock.now(), room: room, examine: examine)
  }

  /// Whether somebody keeps the file under a lease; asking breaks it.
  private func isKept(_ name: FileName) -> Bool {
    let descriptor = open("\(fixture.home.spool)/\(name)", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    return descriptor < 0 && errno == EWOULDBLOCK
  }

  @Test func `no more files are kept open than there is room for`() throws {
    var intake = Intake()
    let names = try (1...5).map { try write("\($0).yaml") }
    intake.notice(names)
    #expect(try look(&intake, room: 2).isEmpty)
    #expect(names.filter(isKept).count == 2)
    intake.endTurn()
    #expect(names.filter(isKept).isEmpty)
  }

  @Test func `a backlog that nothing can be taken of is not kept open`() throws {
    var intake = Intake()
    let names = try (1...5).map { try write("\($0).yaml") }
    intake.notice(names)
    #expect(try look(&intake, room: 0).isEmpty)
    #expect(names.filter(isKept).isEmpty)
    #expect(intake.hasAdmissible)
  }

  /// Goal R16.
  @Test func `what may be a workflow is looked at before a heap of junk`() throws {
    var intake = Intake()
    intake.notice([try write("good.yaml")])
    intake.notice(try (0..<2 * Intake.looksPerTurn).map { try write("junk-\($0)") })
    #expect(try look(&intake, room: 1).isEmpty)
    #expect(intake.hasAdmissible)
  }

  @Test func `a file that waits for its time is looked at anew when a listing shows that it was replaced`() throws {
    var intake = Intake()
    intake.notice([try write("a.yaml", "not_before: 2030-01-01T00:00:00Z\n")])
    #expect(try look(&intake, room: 1).isEmpty)
    #expect(!intake.hasAdmissible)
    intake.notice(listing: try spool.list(), identity: spool.identity)
    #expect(!intake.hasUnseen)
    _ = try write("a.yaml")
    intake.notice(listing: try spool.list(), identity: spool.identity)
    #expect(intake.hasUnseen)
    _ = try look(&intake, room: 1)
    #expect(intake.hasAdmissible)
  }

  @Test func `what has to wait is due at the first of its times`() throws {
    var intake = Intake()
    let now = fixture.clock.now()
    for (name, second) in [("b.yaml", 9), ("a.yaml", 4)] {
      intake.notice([try write(name, "not_before: 2026-11-24T02:00:0\(second)Z\n")])
    }
    _ = try look(&intake, room: 9)
    #expect(intake.nextDue(hasRoom: true) == now.boot + 4_000_000)
    fixture.clock.advance(.seconds(4))
    _ = try look(&intake, room: 9)
    #expect(intake.hasAdmissible)
    #expect(intake.nextDue(hasRoom: false) == now.boot + 9_000_000)
    #expect(intake.nextLook == nil)
  }

  @Test func `a file that cannot be taken is news once for each reason, and tried again when it changes`() throws {
    var intake = Intake()
    let name = try write("a.yaml")
    func fail(_ number: Int32) -> Failure { Failure(.io, subject: "a.yaml", message: "stuck", errno: number) }
    for (number, isNews) in [(EPERM, true), (EPERM, false), (EBUSY, true)] {
      let identity = spool.identity(of: name)
      #expect(intake.setAside(name, identity, fail(number), now: fixture.clock.now()) == isNews)
    }
    intake.notice(listing: try spool.list(), identity: spool.identity)
    #expect(!intake.hasUnseen)
    chmod("\(fixture.home.spool)/a.yaml", 0o640)
    intake.notice(listing: try spool.list(), identity: spool.identity)
    #expect(intake.hasUnseen)
    intake.forget(name)
    #expect(intake.stuck.isEmpty)
  }
}

/// The part of a turn before the write gate.
@Suite struct GatheringTests {
  @Test func `files are read and checked while somebody else holds the write gate`() throws {
    let fixture = try RunnerFixture()
    let runner = try fixture.watcher()
    for name in ["a.yaml", "b.yaml"] {
      try "tasks: {a: {run: 'true'}}\n".write(
        toFile: "\(fixture.home.spool)/\(name)", atomically: true, encoding: .utf8)
    }
    try runner.rescan()
    let gathered = try fixture.journal().commit { _ in try runner.gatherFiles(fixture.clock.now()) }
    #expect(gathered.count == 2)
    try runner.commit(gathered)
    #expect(try fixture.journal().read { try $0.active() }.count == 2)
  }

  @Test(.timeLimit(.minutes(1))) func `a pass leaves a file alone that somebody goes on writing to`() throws {
    let fixture = try RunnerFixture()
    let descriptor = open("\(fixture.home.spool)/a.yaml", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    fixture.clock.goOn(by: .seconds(1))
    _ = try fixture.pass().run()
    #expect(try fixture.journal().read { try $0.active() }.isEmpty)
    #expect(try fixture.journal().read { try $0.unsettled() }.isEmpty)
    #expect(FileManager.default.fileExists(atPath: "\(fixture.home.spool)/a.yaml"))
  }

  @Test func `of one user's files no more are read than the limit lets through`() throws {
    let fixture = try RunnerFixture([("workflow_creation: {max_requests: 20,", "workflow_creation: {max_requests: 2,")])
    let runner = try fixture.watcher()
    for number in 1...5 {
      try "tasks: {a: {run: 'true'}}\n".write(
        toFile: "\(fixture.home.spool)/\(number).yaml", atomically: true, encoding: .utf8)
    }
    try runner.rescan()
    let gathered = try runner.gatherFiles(fixture.clock.now())
    #expect(gathered.count == 2)
    try runner.commit(gathered)
    #expect(try runner.gatherFiles(fixture.clock.now()).isEmpty)
    #expect(try fixture.journal().read { try $0.active() }.count == 2)
  }
}
