import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolPlacingTests {
  /// One file placed, as `astro submit` does it.
  private func deposit(_ bytes: [UInt8], as name: String, into directory: String) throws {
    let deposit = try Deposit(into: directory)
    try deposit.add(bytes, as: file(name))
    try deposit.place()
  }

  @Test func `a deposit appears whole under its name, readable by its owner alone`() throws {
    let fixture = try SpoolFixture()
    try deposit(Array("a\n".utf8), as: "a.yaml", into: fixture.path)
    #expect(fixture.names() == ["a.yaml"])
    #expect(try fixture.candidate("a.yaml").bytes == Array("a\n".utf8))
    var status = stat()
    #expect(stat(fixture.path + "/a.yaml", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `nothing is seen of a deposit before all of it is placed`() throws {
    let fixture = try SpoolFixture()
    let deposit = try Deposit(into: fixture.path)
    try deposit.add([0x0A], as: file("a.yaml"))
    try deposit.add([0x0A], as: file("b.yaml"))
    #expect(try fixture.spool.list().isEmpty)
    try deposit.place()
    #expect(fixture.names() == ["a.yaml", "b.yaml"])
    #expect(deposit.placed == [file("a.yaml"), file("b.yaml")])
  }

  @Test func `a deposit that is let go of leaves nothing`() throws {
    let fixture = try SpoolFixture()
    do {
      let deposit = try Deposit(into: fixture.path)
      try deposit.add([0x0A], as: file("a.yaml"))
    }
    #expect(fixture.names().isEmpty)
  }

  @Test func `a deposit never replaces a waiting file, and takes back what it has placed`() throws {
    let fixture = try SpoolFixture()
    fixture.write("old\n", to: "b.yaml")
    let deposit = try Deposit(into: fixture.path)
    for name in ["a.yaml", "b.yaml", "c.yaml"] { try deposit.add(Array("new\n".utf8), as: file(name)) }
    let failure = #expect(throws: Failure.self) { try deposit.place() }
    #expect(failure?.description == "\(fixture.path)/b.yaml: a file of this name is already waiting")
    #expect(fixture.content("b.yaml") == "old\n")
    #expect(deposit.placed.isEmpty)
    #expect(try fixture.spool.list().map(\.name) == [file("b.yaml")])
  }

  @Test(arguments: [
    (".a.yaml", ".a.yaml: a file of this name would be ignored in the spool"),
    ("a.txt", "a.txt: not the name of a workflow file"),
    ("a\nb.yaml", #"a\u{a}b.yaml: the name contains control characters"#),
  ])
  func `a name the spool would not take is refused before anything is written`(name: String, text: String) throws {
    let fixture = try SpoolFixture()
    let failure = #expect(throws: Failure.self) { try deposit([0x0A], as: name, into: fixture.path) }
    #expect(failure?.description == text)
    #expect(fixture.names().isEmpty)
  }

  @Test func `a glance at the spool keeps no writer and no runner from their work`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    mkfifo(fixture.path + "/pipe.yaml", 0o600)
    let glance = try SpoolGlance(fixture.path)
    let seen = try glance.files().sorted { $0.name.printable < $1.name.printable }
    #expect(seen.map(\.name) == [file("a.yaml"), file("pipe.yaml")])
    #expect(seen.map(\.isRegular) == [true, false])
    #expect(try glance.content(of: seen[0]) == Array("a\n".utf8))
    #expect(try glance.content(of: seen[1]) == nil)
    #expect(try fixture.candidate("a.yaml").bytes == Array("a\n".utf8))
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
    try #require(mount("tmpfs", small, "tmpfs", 0, "size=64k") == 0)
    defer { umount(small) }
    let spool = try Spool(directory: small, rules: SpoolRules(), clock: fixture.clock)
    let failure = #expect(throws: Failure.self) {
      try deposit([UInt8](repeating: 0x0A, count: 1 << 20), as: "a.yaml", into: small)
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
