import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolOwnerTests {
  let fixture: SpoolFixture
  let homes = TemporaryDirectory()

  init() throws { fixture = try SpoolFixture() }

  /// The data directory of a home.
  func home(_ name: String) -> String {
    let path = "\(homes.path)/\(name)"
    mkdir(path, 0o700)
    return path
  }

  var note: String? { fixture.content("active/.home") }

  @Test func `the first home notes that the spool is its own, and finds it so later`() throws {
    let first = home("first")
    try fixture.spool.take(for: first)
    let written = try #require(note)
    #expect(written.hasSuffix(" \(first)\n"))
    try fixture.spool.take(for: first)
    #expect(note == written && fixture.names(in: "active") == [".home"])
  }

  @Test func `another home is refused, and told whose spool it is`() throws {
    let (first, second) = (home("first"), home("second"))
    try fixture.spool.take(for: first)
    let failure = #expect(throws: Failure.self) { try fixture.spool.take(for: second) }
    #expect(try Spool.refusal(of: fixture.path, for: second) == failure)
    #expect(try Spool.refusal(of: fixture.path, for: first) == nil)
    #expect(failure?.code == .configuration)
    #expect(
      failure?.description
        == "\(fixture.path): is the spool of another home, whose data is in \(first); give each its own with spool_dir, "
        + "or remove \(fixture.path)/active/.home when that one does not use it any more")
    #expect(note?.hasSuffix(" \(first)\n") == true)
  }

  @Test func `a home that was moved keeps its spool`() throws {
    let (before, after) = (home("before"), "\(homes.path)/after")
    try fixture.spool.take(for: before)
    #expect(rename(before, after) == 0)
    try fixture.spool.take(for: after)
    #expect(note?.hasSuffix(" \(after)\n") == true)
  }

  @Test func `the same home under another path is no other`() throws {
    let (first, link) = (home("first"), "\(homes.path)/link")
    #expect(symlink(first, link) == 0)
    try fixture.spool.take(for: first)
    try fixture.spool.take(for: link)
    #expect(note?.hasSuffix(" \(link)\n") == true)
  }

  @Test(arguments: ["", "nothing", "7 relative\n", "7 /cut/off", "x /path\n", "7 \n"])
  func `what is no note of an owner is written anew`(_ content: String) throws {
    let own = home("own")
    fixture.write(content, to: "active/.home")
    try fixture.spool.take(for: own)
    #expect(note?.hasSuffix(" \(own)\n") == true)
  }

  @Test func `a note that was copied with its spool says nothing of the copy`() throws {
    let (first, copy) = (home("first"), home("copy"))
    var active = stat()
    #expect(stat("\(fixture.path)/active", &active) == 0)
    fixture.write("\(active.st_ino + 1) \(first)\n", to: "active/.home")
    try fixture.spool.take(for: copy)
    #expect(note == "\(active.st_ino) \(copy)\n")
  }
}
