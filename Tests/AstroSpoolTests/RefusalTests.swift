import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct RefusalTests {
  @Test(arguments: [
    (Refusal.Reason.symbolicLink, "symbolic_link", "a symbolic link, not a file"),
    (.hardLink, "hard_link", "the file has another name (a hard link) through which it could still change"),
    (.fifo, "fifo", "a named pipe, not a file"),
    (.socket, "socket", "a socket, not a file"),
    (.device, "device", "a device, not a file"),
    (.notAWorkflowName, "file_type", "not the name of a workflow file"),
    (.controlCharacters, "file_name", "the name contains control characters"),
    (.nameTooLong(bytes: 255), "name_too_long", "the name is 255 bytes long, 200 are allowed"),
    (.tooLarge(bytes: 9, limit: 8), "too_large", "the file has 9 bytes, 8 are allowed"),
    (.empty(after: .seconds(60)), "empty", "the file is empty and was not filled within 60 s"),
    (
      .cutOff(after: .milliseconds(1500)), "cut_off",
      "the file does not end in a newline, so it may be a cut-off copy; nothing was added within 1.5 s"
    ),
    (.unreadable, "unreadable", "the runner may not read the file"),
  ])
  func `each reason has a stable code and one sentence`(reason: Refusal.Reason, code: String, message: String) {
    #expect(reason.code == code)
    #expect(reason.message == message)
    #expect(!reason.hint.isEmpty)
  }

  @Test func `a refusal renders as any other diagnostic`() throws {
    let fixture = try SpoolFixture()
    symlink("/etc/passwd", fixture.path + "/a.yaml")
    let refusal = try #require(fixture.spool.look(at: file("a.yaml")).refusal)
    #expect(
      refusal.diagnostic(file: "a.yaml").rendered
        == "a.yaml: error: a symbolic link, not a file\n  hint: copy the file instead: cp FILE spool/\n")
  }
}
