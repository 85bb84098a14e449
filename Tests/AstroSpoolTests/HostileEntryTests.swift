import AstroCore
import Glibc
import Testing

@testable import AstroSpool

/// Goal R16, one entry at a time; `Torture/hostile.py` has all of them at once.
@Suite struct HostileEntryTests {
  @Test func `a symbolic link is refused and never followed`() throws {
    let fixture = try SpoolFixture()
    fixture.write("target\n", to: ".target")
    symlink(".target", fixture.path + "/a.yaml")
    symlink("/nowhere", fixture.path + "/b.yaml")
    for name in ["a.yaml", "b.yaml"] {
      #expect(fixture.spool.look(at: file(name)).refusal?.reason == .symbolicLink)
    }
  }

  @Test func `a pipe is refused without waking its writer or waiting for one`() throws {
    let fixture = try SpoolFixture()
    mkfifo(fixture.path + "/a.yaml", 0o600)
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .fifo)
  }

  @Test func `a socket is refused`() throws {
    let fixture = try SpoolFixture()
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array((fixture.path + "/a.yaml").utf8) + [0]) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .socket)
  }

  @Test(.enabled(if: getuid() == 0)) func `a device is refused unopened`() throws {
    let fixture = try SpoolFixture()
    try #require(mknod(fixture.path + "/a.yaml", S_IFCHR | 0o600, dev_t(0x0103)) == 0)
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .device)
  }

  @Test func `a directory is ignored, whatever its name`() throws {
    let fixture = try SpoolFixture()
    mkdir(fixture.path + "/a.yaml", 0o700)
    mkdir(fixture.path + "/odd", 0o700)
    #expect(fixture.spool.look(at: file("a.yaml")).isIgnored)
    #expect(fixture.spool.look(at: file("odd")).isIgnored)
    #expect(fixture.spool.look(at: file("active")).isIgnored)
    #expect(try fixture.spool.list().isEmpty)
  }

  @Test func `a file of a tebibyte is refused by its size`() throws {
    let fixture = try SpoolFixture()
    fixture.write("", to: "a.yaml")
    try #require(truncate(fixture.path + "/a.yaml", 1 << 40) == 0)
    #expect(
      fixture.spool.look(at: file("a.yaml")).refusal?.reason == .tooLarge(bytes: 1 << 40, limit: 64 << 20))
  }

  @Test func `the size limit is the largest size allowed`() throws {
    let fixture = try SpoolFixture(rules: SpoolRules(maxBytes: 4))
    fixture.write("abc\n", to: "a.yaml")
    fixture.write("abcd\n", to: "b.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
    #expect(fixture.spool.look(at: file("b.yaml")).refusal?.reason == .tooLarge(bytes: 5, limit: 4))
  }

  @Test func `a hard link is refused unless its other name goes soon`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: ".original")
    link(fixture.path + "/.original", fixture.path + "/a.yaml")
    link(fixture.path + "/.original", fixture.path + "/b.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .unsettled)
    fixture.clock.advance(.seconds(5))
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .hardLink)
    unlink(fixture.path + "/.original")
    unlink(fixture.path + "/b.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `an odd name is left alone for a moment: editors rename theirs`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "sedAbCdEf")
    #expect(fixture.spool.look(at: file("sedAbCdEf")).waiting?.reason == .unsettled)
    fixture.clock.advance(.seconds(5))
    #expect(fixture.spool.look(at: file("sedAbCdEf")).refusal?.reason == .notAWorkflowName)
  }

  @Test func `names of every kind are listed as the bytes they are, and end where they belong`() throws {
    let fixture = try SpoolFixture()
    let good: [[UInt8]] = [
      [0xC3, 0xA9], [0x65, 0xCC, 0x81], [0xFF, 0xFE], Array("-rf".utf8), Array("a b".utf8),
      Array(repeating: 0x61, count: 195),
    ]
    let odd: [[UInt8]] = [
      Array("new\nline.yaml".utf8), Array("\u{1B}[2J.yaml".utf8), Array("-rf".utf8), Array("a.jsonlines".utf8),
      Array(repeating: 0x62, count: 250) + Array(".yaml".utf8),
    ]
    let candidates = Set(good.map { FileName(bytes: $0 + Array(".yaml".utf8))! })
    let others = Set(odd.map { FileName(bytes: $0)! })
    for name in candidates.union(others) { fixture.write("a\n", to: name) }
    let entries = try fixture.spool.list()
    #expect(Set(entries.map(\.name)) == candidates.union(others))
    for name in candidates { #expect(fixture.spool.look(at: name).candidate != nil, "\(name)") }
    for name in others { #expect(fixture.spool.look(at: name).waiting?.reason == .unsettled, "\(name)") }
    fixture.clock.advance(.seconds(5))
    for name in others { #expect(fixture.spool.look(at: name).refusal != nil, "\(name)") }
  }

  @Test func `a listing stops at its limit`() throws {
    let fixture = try SpoolFixture()
    for number in 0..<20 { fixture.write("a\n", to: "\(number).yaml") }
    #expect(try fixture.spool.list(limit: 7).count == 7)
    #expect(try fixture.spool.list(limit: 0).isEmpty)
    #expect(try fixture.spool.list().count == 20)
  }
}
