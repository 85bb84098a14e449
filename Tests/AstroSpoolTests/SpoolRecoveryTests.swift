import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolRecoveryTests {
  @Test func `active files are listed by identifier, strangers are reported and left alone`() throws {
    let fixture = try SpoolFixture()
    fixture.write("b\n", to: "active/\(otherID).json")
    fixture.write("a\n", to: "active/\(runID).yaml")
    fixture.write("?\n", to: "active/not an id.yaml")
    fixture.write("?\n", to: "active/README")
    fixture.write("?\n", to: "active/.astro-1.tmp")
    symlink("/etc/passwd", fixture.path + "/active/link.yaml")
    let listing = try fixture.spool.activeFiles()
    #expect(listing.files.map(\.id) == [runID, otherID])
    #expect(listing.files.map(\.format) == [.yaml, .json])
    #expect(listing.files.first?.identity.size == 2)
    #expect(Set(listing.strangers.map(\.printable)) == ["not an id.yaml", "README", "link.yaml"])
    #expect(fixture.names(in: "active").count == 6)
  }

  @Test func `a file claimed just before a crash is looked at by the rules of the spool`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "active/\(runID).yaml")
    #expect(try fixture.spool.lookActive(runID, .yaml).candidate?.bytes == Array("a\n".utf8))
    let writer = open(fixture.path + "/active/\(runID).yaml", O_WRONLY | O_CLOEXEC | O_NONBLOCK)
    defer { close(writer) }
    #expect(try fixture.spool.lookActive(runID, .yaml).waiting?.reason == .beingWritten)
    #expect(try fixture.spool.lookActive(otherID, .yaml).isGone)
  }

  @Test func `the bytes of an active file can be read, and what is none cannot`() throws {
    let fixture = try SpoolFixture(rules: SpoolRules(maxBytes: 4))
    let path = "\(fixture.path)/active/\(runID).yaml"
    #expect(throws: Failure(.notFound, subject: path, message: "is not there any more")) {
      try fixture.spool.readActive(runID, .yaml)
    }
    fixture.write("a\n", to: "active/\(runID).yaml")
    #expect(try fixture.spool.readActive(runID, .yaml) == Array("a\n".utf8))
    fixture.write("abcde", to: "active/\(runID).yaml")
    #expect(throws: Failure(.io, subject: path, message: "has 5 bytes, 4 are allowed")) {
      try fixture.spool.readActive(runID, .yaml)
    }
    unlink(path)
    symlink("/etc/passwd", path)
    #expect(throws: Failure(.io, subject: path, message: "is no regular file")) {
      try fixture.spool.readActive(runID, .yaml)
    }
  }

  @Test func `only our own dot files without a writer are swept`() throws {
    let fixture = try SpoolFixture()
    for name in [".astro-1.tmp", "active/.astro-2.tmp", ".mine.tmp", "a.yaml"] { fixture.write("a\n", to: name) }
    #expect(try fixture.spool.sweepTemporaries(olderThan: .seconds(3600)) == 0)
    #expect(try fixture.spool.sweepTemporaries(olderThan: .seconds(-1)) == 2)
    #expect(fixture.names() == [".mine.tmp", "a.yaml"])
    #expect(fixture.names(in: "active").isEmpty)
  }
}
