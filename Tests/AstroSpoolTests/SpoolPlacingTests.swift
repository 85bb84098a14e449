import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolPlacingTests {
  @Test func `a deposit appears whole under its name, readable by its owner alone`() throws {
    let fixture = try SpoolFixture()
    try fixture.spool.deposit(Array("a\n".utf8), as: file("a.yaml"))
    #expect(fixture.names() == ["a.yaml"])
    #expect(try fixture.candidate("a.yaml").bytes == Array("a\n".utf8))
    var status = stat()
    #expect(stat(fixture.path + "/a.yaml", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `a deposit never replaces a waiting file`() throws {
    let fixture = try SpoolFixture()
    fixture.write("old\n", to: "a.yaml")
    let failure = #expect(throws: Failure.self) {
      try Spool.deposit(Array("new\n".utf8), as: file("a.yaml"), into: fixture.path)
    }
    #expect(failure?.description == "\(fixture.path)/a.yaml: a file of this name is already waiting")
    #expect(fixture.content("a.yaml") == "old\n")
    #expect(fixture.names() == ["a.yaml"])
  }

  @Test(arguments: [
    (".a.yaml", ".a.yaml: a file of this name would be ignored in the spool"),
    ("a.txt", "a.txt: not the name of a workflow file"),
    ("a\nb.yaml", #"a\u{a}b.yaml: the name contains control characters"#),
  ])
  func `a name the spool would not take is refused before anything is written`(name: String, text: String) throws {
    let fixture = try SpoolFixture()
    let failure = #expect(throws: Failure.self) { try fixture.spool.deposit([0x0A], as: file(name)) }
    #expect(failure?.description == text)
    #expect(fixture.names().isEmpty)
  }

  @Test func `a run in the foreground is placed in active, once`() throws {
    let fixture = try SpoolFixture()
    try fixture.spool.placeActive(Array("a\n".utf8), runID, .yaml)
    #expect(fixture.names(in: "active") == ["\(runID).yaml"])
    #expect(throws: Failure.self) { try fixture.spool.placeActive(Array("b\n".utf8), runID, .yaml) }
    #expect(fixture.content("active/\(runID).yaml") == "a\n")
    #expect(fixture.names(in: "active") == ["\(runID).yaml"])
  }

  @Test(.enabled(if: getuid() == 0)) func `a full disk is said to be one and leaves no rest behind`() throws {
    let fixture = try SpoolFixture()
    let small = fixture.home.path("small")
    mkdir(small, 0o700)
    guard mount("tmpfs", small, "tmpfs", 0, "size=64k") == 0 else { return }
    defer { umount(small) }
    let spool = try Spool(directory: small, rules: SpoolRules(), clock: fixture.clock)
    let failure = #expect(throws: Failure.self) {
      try spool.deposit([UInt8](repeating: 0x0A, count: 1 << 20), as: file("a.yaml"))
    }
    #expect(failure?.code == .noSpace)
    #expect(failure?.reason == "No space left on device")
    var left = 0
    try spool.visit { entry throws(Failure) in
      if entry.kind != .ignored || entry.name.starts(with: ".astro") { left += 1 }
      return .goOn
    }
    #expect(left == 0)
  }
}
