import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroAgents

/// R32: from where a secret is taken, from where not, and what is said then: never its value.
@Suite struct SecretReaderTests {
  private let directory = TemporaryDirectory()
  private let own = Submitter(user: geteuid(), isTrusted: true)

  /// What comes of a secret K: its value, or the sentence.
  private func read(
    _ source: SecretPlan.Source, for submitter: Submitter? = nil, environment: [String: String] = [:]
  ) -> String {
    do throws(SecretReader.Unavailable) {
      return try SecretReader(environment: environment, home: directory.path).value(
        of: SecretPlan(name: "K", source: source), for: submitter ?? own)
    } catch {
      return error.message
    }
  }

  private func file(_ content: [UInt8], mode: mode_t = 0o600, owner: uid_t? = nil) throws {
    try Data(content).write(to: URL(fileURLWithPath: directory.path("key")))
    try #require(chmod(directory.path("key"), mode) == 0)
    if let owner { try #require(chown(directory.path("key"), owner, 0) == 0, "run the tests as root") }
  }

  @Test func aVariableOfTheRunner() {
    #expect(read(.environment("V"), environment: ["V": "hunter2 hunter2"]) == "hunter2 hunter2")
    #expect(read(.environment("V")) == "secret 'K' cannot be used: the runner's environment has no V")
    #expect(
      read(.environment("V"), environment: ["V": "hunter2"])
        == "secret 'K' cannot be used: it is shorter than 8 bytes, too short to be masked")
  }

  @Test func aFileWithoutItsLastNewline() throws {
    try file(Array("hunter2 hunter2\n".utf8))
    #expect(read(.file("key")) == "hunter2 hunter2")
    #expect(read(.file(directory.path("key"))) == "hunter2 hunter2")
    try file(Array("two\nlines\n\n".utf8), mode: 0o400)
    #expect(read(.file("key")) == "two\nlines\n")
  }

  @Test func aFileThatIsNotTaken() throws {
    let path = directory.path("key")
    let start = "secret 'K' cannot be used: "
    #expect(read(.file("key")) == start + "\(path): No such file or directory")
    try file(Array("hunter2 hunter2\n".utf8), mode: 0o640)
    #expect(read(.file("key")) == start + "\(path): others than its owner may read or write it; chmod 600 it")
    try file([UInt8](repeating: 0x61, count: 65537))
    #expect(read(.file("key")) == start + "it is longer than 64 KiB")
    try file([UInt8](repeating: 0x61, count: 65536) + [0x0A])
    #expect(read(.file("key")).utf8.count == 65536)
    try file(Array("hunter2\n".utf8))
    #expect(read(.file("key")) == start + "it is shorter than 8 bytes, too short to be masked")
    try file(Array("hunter2 hunter2".utf8) + [0, 0x61])
    #expect(read(.file("key")) == start + "it holds a NUL byte, which no variable can")
    try file(Array("hunter2 hunter2".utf8) + [0xFF])
    #expect(read(.file("key")) == start + "\(path): is not UTF-8")
    try #require(symlink(path, directory.path("link")) == 0 && mkfifo(directory.path("fifo"), 0o600) == 0)
    #expect(read(.file("link")) == start + "\(directory.path("link")): is a symbolic link")
    #expect(read(.file("fifo")) == start + "\(directory.path("fifo")): is no regular file")
    #expect(read(.file("")) == start + "\(directory.path)/: is no regular file")
  }

  /// Whoever can put a file into the spool must not be able to read the runner's keys.
  @Test func whoseSecretsAWorkflowMayUse() throws {
    let path = directory.path("key")
    let (bob, carol) = (Submitter(user: 1001, isTrusted: false), Submitter(user: 1002, isTrusted: true))
    let environment = ["V": "hunter2 hunter2"]
    #expect(
      read(.environment("V"), for: bob, environment: environment)
        == "secret 'K' cannot be used: the runner's environment is not for workflows of user 1001")
    #expect(read(.environment("V"), for: carol, environment: environment) == "hunter2 hunter2")
    try file(Array("hunter2 hunter2".utf8), owner: 0)
    #expect(
      read(.file("key"), for: bob)
        == "secret 'K' cannot be used: \(path): user 1001 has no regular file there that nobody else may read or write")
    #expect(read(.file("key"), for: carol) == "hunter2 hunter2")
    try file(Array("hunter2 hunter2".utf8), owner: 1001)
    #expect(read(.file("key"), for: bob) == "hunter2 hunter2")
    #expect(
      read(.file("key"), for: carol)
        == "secret 'K' cannot be used: \(path): user 1002 has no regular file there that nobody else may read or write")
    #expect(read(.file("key")) == "secret 'K' cannot be used: \(path): belongs to user 1001, the workflow to user 0")
    try file(Array("hunter2 hunter2".utf8), mode: 0o640, owner: 1001)
    #expect(
      read(.file("key"), for: bob)
        == "secret 'K' cannot be used: \(path): others than its owner may read or write it; chmod 600 it")
  }

  /// Else a workflow of anybody could ask a runner that is root what there is on the machine.
  @Test(arguments: [false, true]) func whatAnotherUserIsNotToKnow(isTrusted: Bool) throws {
    let bob = Submitter(user: 1001, isTrusted: isTrusted)
    let (path, open) = (directory.path("hidden"), directory.path("open"))
    try #require(mkdir(path, 0o700) == 0 && mkdir(open, 0o755) == 0)
    try #require(mkfifo(path + "/fifo", 0o600) == 0 && symlink("/etc/shadow", path + "/link") == 0)
    for (name, mode) in [("file", 0o644), ("readable", 0o640)] {
      try Data("hunter2 hunter2".utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
      try #require(chmod("\(path)/\(name)", mode_t(mode)) == 0)
    }
    for name in [
      "\(path)/none", "\(path)/fifo", "\(path)/link", "\(path)/file", "\(path)/readable", "\(path)/file/below", open,
      "/dev/null", "/dev/full", "\(open)/none",
    ] {
      #expect(
        read(.file(name), for: bob)
          == "secret 'K' cannot be used: \(name): user 1001 has no regular file there that nobody else may read or write"
      )
    }
  }

  /// Opened for reading, a FIFO tells whoever waits to write that there is a reader.
  @Test func nothingButARegularFileIsOpened() throws {
    let fifo = directory.path("fifo")
    try #require(mkfifo(fifo, 0o600) == 0)
    let watch = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    defer { close(watch) }
    try #require(inotify_add_watch(watch, fifo, UInt32(IN_OPEN)) >= 0)
    #expect(read(.file("fifo")) == "secret 'K' cannot be used: \(fifo): is no regular file")
    var event = [UInt8](repeating: 0, count: 512)
    #expect(Glibc.read(watch, &event, event.count) == -1 && errno == EAGAIN)
    close(Glibc.open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
    #expect(Glibc.read(watch, &event, event.count) > 0, "an opening is seen")
  }
}
