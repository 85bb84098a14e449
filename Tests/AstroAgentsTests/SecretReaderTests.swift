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
        == "secret 'K' cannot be used: \(path): belongs to user 0, the workflow to user 1001")
    #expect(read(.file("key"), for: carol) == "hunter2 hunter2")
    try file(Array("hunter2 hunter2".utf8), owner: 1001)
    #expect(read(.file("key"), for: bob) == "hunter2 hunter2")
    #expect(
      read(.file("key"), for: carol)
        == "secret 'K' cannot be used: \(path): belongs to user 1001, the workflow to user 1002")
  }
}
