import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolRecoveryTests {
  @Test func `active files are listed by identifier, whatever they are, and strangers left alone`() throws {
    let fixture = try SpoolFixture()
    fixture.write("b\n", to: "active/\(otherID).json")
    symlink("/etc/passwd", fixture.path + "/active/\(runID).yaml")
    for name in ["not an id.yaml", "README", ".astro-1.tmp", "\(runID).other.a.yaml", "X y.refused.a.yaml"] {
      fixture.write("?\n", to: "active/\(name)")
    }
    let files = try fixture.spool.activeFiles()
    #expect(files.map(\.id) == [runID, otherID])
    #expect(files.map(\.state) == [.claimed(.yaml), .claimed(.json)])
    #expect(fixture.names(in: "active").count == 7)
  }

  @Test func `what was claimed to be rejected goes back under its own name, or beside whatever has it`() throws {
    let fixture = try SpoolFixture()
    for id in [runID, otherID] {
      symlink("/nowhere", fixture.path + "/link.yaml")
      let refusal = try #require(fixture.spool.look(at: file("link.yaml")).refusal)
      #expect(try fixture.spool.claim(file("link.yaml"), refusal, as: id) == .claimed)
    }
    var names: [FileName?] = []
    for active in try fixture.spool.activeFiles() {
      guard case .refused(let name) = active.state else {
        Issue.record("not refused: \(active.state)")
        return
      }
      names.append(try fixture.spool.giveBack(active.name, as: name))
    }
    #expect(names == [file("link.yaml"), file("\(otherID).refused.link.yaml")])
    #expect(fixture.names() == ["\(otherID).refused.link.yaml", "link.yaml"])
  }

  @Test func `a name that leaves no room for the run's is cut off`() throws {
    let fixture = try SpoolFixture()
    let name = file(String(repeating: "n", count: 250) + ".yaml")
    mkfifo(fixture.path + "/" + name.printable, 0o600)
    let refusal = try #require(fixture.spool.look(at: name).refusal)
    #expect(try fixture.spool.claim(name, refusal, as: runID) == .claimed)
    let active = try #require(try fixture.spool.activeFiles().first)
    #expect(active.name.bytes.count == 255)
    var settlement = settlement(.rejected, .rejected)
    settlement.file = name
    try fixture.spool.settle(settlement)
    #expect(fixture.names(in: "rejected") == ["\(runID).receipt.json", "\(runID).yaml"])
  }

  @Test func `a file claimed just before a crash is looked at by the rules of the spool`() throws {
    let fixture = try SpoolFixture()
    let (name, other) = (file("\(runID).yaml"), file("\(otherID).yaml"))
    fixture.write("a\n", to: "active/\(name)")
    #expect(fixture.spool.lookActive(name, .yaml).candidate?.bytes == Array("a\n".utf8))
    let writer = open(fixture.path + "/active/\(name)", O_WRONLY | O_CLOEXEC | O_NONBLOCK)
    defer { close(writer) }
    #expect(fixture.spool.lookActive(name, .yaml).waiting?.reason == .beingWritten)
    #expect(fixture.spool.lookActive(other, .yaml).isGone)
  }

  @Test func `only our own dot files without a writer are swept`() throws {
    let fixture = try SpoolFixture()
    for name in [".astro-1.tmp", "active/.astro-2.tmp", ".mine.tmp", "a.yaml"] { fixture.write("a\n", to: name) }
    let writer = open(fixture.path + "/active/.astro-2.tmp", O_WRONLY | O_CLOEXEC)
    flock(writer, LOCK_EX)
    #expect(try fixture.spool.sweepTemporaries(olderThan: .seconds(3600)) == 0, "both may have writers")
    close(writer)
    #expect(try fixture.spool.sweepTemporaries(olderThan: .seconds(3600)) == 1, "in active/ the lock tells")
    #expect(try fixture.spool.sweepTemporaries(olderThan: .seconds(-1)) == 1)
    #expect(fixture.names() == [".mine.tmp", "a.yaml"])
    #expect(fixture.names(in: "active").isEmpty)
  }
}
