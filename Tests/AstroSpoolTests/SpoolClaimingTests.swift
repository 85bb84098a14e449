import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolClaimingTests {
  private let withoutLease = SpoolProbes(lease: { _ in .unknown }, fileSystemNow: { _ in .max })

  @Test func `a claimed file lies in active under its identifier and nowhere else`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yml")
    fixture.write("{}\n", to: "b.json")
    #expect(try fixture.spool.claim(fixture.candidate("a.yml"), as: runID) == .claimed)
    #expect(try fixture.spool.claim(fixture.candidate("b.json"), as: otherID) == .claimed)
    try fixture.spool.syncDirectories()
    #expect(fixture.names().isEmpty)
    #expect(fixture.names(in: "active") == ["\(runID).yaml", "\(otherID).json"])
    #expect(fixture.content("active/\(runID).yaml") == "a\n")
  }

  @Test func `of two runners that claim one file exactly one wins`() throws {
    let fixture = try SpoolFixture()
    let rival = try fixture.another()
    fixture.write("a\n", to: "a.yaml")
    let ours = try fixture.candidate("a.yaml")
    let theirs = try fixture.candidate("a.yaml", in: rival)
    #expect(try rival.claim(theirs, as: otherID) == .claimed)
    #expect(try fixture.spool.claim(ours, as: runID) == .taken)
    #expect(fixture.names(in: "active") == ["\(otherID).yaml"])
  }

  @Test func `many runners on many threads claim each file once`() async throws {
    let fixture = try SpoolFixture()
    for number in 0..<200 { fixture.write("\(number)\n", to: "\(number).yaml") }
    let path = fixture.path
    let claims = try await withThrowingTaskGroup(of: [String].self) { group in
      for runner in 0..<4 { group.addTask { try Self.claimAll(in: path, runner: runner) } }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(claims.count == 200)
    #expect(Set(claims).count == 200)
    #expect(fixture.names(in: "active").count == 200)
    #expect(fixture.names().isEmpty)
  }

  private static func claimAll(in path: String, runner: Int) throws -> [String] {
    let spool = try Spool(directory: path, rules: SpoolRules(), clock: HandClock())
    var claimed: [String] = []
    for entry in try spool.list() {
      guard let candidate = spool.look(at: entry.name).candidate else { continue }
      let id = WorkflowID(unchecked: "r\(runner)-\(claimed.count)")
      if try spool.claim(candidate, as: id) == .claimed { claimed.append(entry.name.printable) }
    }
    return claimed
  }

  /// Goal R12, as are the three that follow.
  @Test func `a file replaced after the look goes back and is looked at anew`() throws {
    let fixture = try SpoolFixture()
    fixture.write("old\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    fixture.write("new!\n", to: ".new")
    rename(fixture.path + "/.new", fixture.path + "/a.yaml")
    #expect(try fixture.spool.claim(candidate, as: runID) == .changed(name: file("a.yaml")))
    #expect(fixture.names(in: "active").isEmpty)
    let again = try fixture.candidate("a.yaml")
    #expect(again.bytes == Array("new!\n".utf8))
    #expect(try fixture.spool.claim(again, as: runID) == .claimed)
  }

  @Test func `a writer that comes between look and claim breaks the lease, gets its file, and does not kill us`() throws
  {
    let fixture = try SpoolFixture()
    fixture.write("old\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    #expect(fixture.openForWriting(file("a.yaml"), O_APPEND) == -1)
    #expect(errno == EAGAIN)
    #expect(try fixture.spool.claim(candidate, as: runID) == .changed(name: file("a.yaml")))
    let writer = fixture.openForWriting(file("a.yaml"), O_APPEND)
    #expect(write(writer, "more\n", 5) == 5)
    close(writer)
    #expect(try fixture.candidate("a.yaml").bytes == Array("old\nmore\n".utf8))
  }

  @Test func `without a lease, an append between look and claim is seen`() throws {
    let fixture = try SpoolFixture(probes: withoutLease)
    fixture.write("old\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    let writer = fixture.openForWriting(file("a.yaml"), O_APPEND)
    #expect(write(writer, "more\n", 5) == 5)
    close(writer)
    #expect(try fixture.spool.claim(candidate, as: runID) == .changed(name: file("a.yaml")))
    #expect(fixture.content("a.yaml") == "old\nmore\n")
    #expect(fixture.names(in: "active").isEmpty)
  }

  @Test func `a link made between look and claim is seen`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    link(fixture.path + "/a.yaml", fixture.path + "/.other")
    #expect(try fixture.spool.claim(candidate, as: runID) == .changed(name: file("a.yaml")))
  }

  @Test func `a file taken back before the claim is taken`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    unlink(fixture.path + "/a.yaml")
    #expect(try fixture.spool.claim(candidate, as: runID) == .taken)
  }

  @Test func `a claim never replaces a run's file`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    fixture.write("b\n", to: "active/\(runID).yaml")
    let result = try fixture.spool.claim(fixture.candidate("a.yaml"), as: runID)
    guard case .stuck(let failure) = result else {
      Issue.record("not stuck: \(result)")
      return
    }
    #expect(failure.description == "\(fixture.path)/active/\(runID).yaml: a run of this name exists already")
    #expect(fixture.content("a.yaml") == "a\n")
    #expect(fixture.content("active/\(runID).yaml") == "b\n")
  }

  @Test(.enabled(if: getuid() == 0)) func `a file that cannot be moved is stuck, the spool is not`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    fixture.write("b\n", to: "b.yaml")
    let (one, other) = (try fixture.candidate("a.yaml"), try fixture.candidate("b.yaml"))
    let path = fixture.path + "/a.yaml"
    try #require(mount(path, path, nil, UInt(MS_BIND), nil) == 0)
    defer { umount2(path, Int32(MNT_DETACH)) }
    guard case .stuck(let failure) = try fixture.spool.claim(one, as: runID) else {
      Issue.record("not stuck")
      return
    }
    #expect(failure.errno == EBUSY)
    #expect(try fixture.spool.claim(other, as: otherID) == .claimed)
  }

  @Test(.enabled(if: getuid() == 0)) func `a spool that is read-only blocks every claim`() throws {
    let fixture = try SpoolFixture()
    try #require(mount(fixture.path, fixture.path, nil, UInt(MS_BIND), nil) == 0)
    defer { umount2(fixture.path, Int32(MNT_DETACH)) }
    let spool = try fixture.another()
    fixture.write("a\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml", in: spool)
    try #require(mount(nil, fixture.path, nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0)
    guard case .blocked(let failure) = try spool.claim(candidate, as: runID) else {
      Issue.record("not blocked")
      return
    }
    #expect(failure.errno == EROFS)
    let told = #expect(throws: Failure.self) { try spool.requireWritable() }
    #expect(told?.description == "\(fixture.path): cannot be written to: Read-only file system")
  }

  @Test func `a refused link is moved as a link, and bears its own name until it is settled`() throws {
    let fixture = try SpoolFixture()
    fixture.write("target\n", to: ".target")
    symlink("../.target", fixture.path + "/a.yaml")
    let refusal = try #require(fixture.spool.look(at: file("a.yaml")).refusal)
    #expect(try fixture.spool.claim(file("a.yaml"), refusal, as: runID) == .claimed)
    #expect(fixture.names(in: "active") == ["\(runID).refused.a.yaml"])
    #expect(fixture.content(".target") == "target\n")
    var settlement = settlement(.rejected, .rejected)
    settlement.file = file("a.yaml")
    for _ in 1...2 { try fixture.spool.settle(settlement) }
    var target = [CChar](repeating: 0, count: 64)
    #expect(readlink(fixture.path + "/rejected/\(runID).yaml", &target, 63) == 10)
    #expect(fixture.names(in: "active").isEmpty)
    #expect(fixture.names(in: "rejected") == ["\(runID).receipt.json", "\(runID).yaml"])
  }

  @Test func `a good file that replaced a refused one is not rejected for it`() throws {
    let fixture = try SpoolFixture()
    symlink("/nowhere", fixture.path + "/a.yaml")
    let refusal = try #require(fixture.spool.look(at: file("a.yaml")).refusal)
    unlink(fixture.path + "/a.yaml")
    fixture.write("good\n", to: "a.yaml")
    #expect(try fixture.spool.claim(file("a.yaml"), refusal, as: runID) == .changed(name: file("a.yaml")))
    #expect(fixture.content("a.yaml") == "good\n")
    #expect(fixture.names(in: "active").isEmpty)
  }

  @Test func `content put back while its name is in use again waits beside the newer file`() throws {
    let fixture = try SpoolFixture()
    fixture.write("changed\n", to: "active/\(runID).yaml")
    fixture.write("newer\n", to: "a.yaml")
    let claimed = file("\(runID).yaml")
    let result = try fixture.spool.putBack(claimed, as: file("a.yaml"))
    #expect(result == .changed(name: claimed))
    #expect(fixture.content("a.yaml") == "newer\n")
    #expect(fixture.content("\(runID).yaml") == "changed\n")
    #expect(fixture.names(in: "active").isEmpty)
  }
}
