import AstroCore
import AstroProcess
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroAgents

/// What an attempt leaves behind, when it is honest and when it is not.
@Suite struct AttemptFilesTests {
  private let directory = TemporaryDirectory()
  private let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "a", number: 2)
  private var runs: String { directory.path("runs") }
  private var run: String { "\(runs)/w-1" }
  private var output: String { RunDirectory(key.workflow, in: runs).output(of: key) }

  init() {
    for path in [runs, run, "\(run)/files"] { mkdir(path, 0o700) }
  }

  private func put(_ text: String, at path: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
  private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  private func record(
    _ status: WaitStatus = .exited(0), stdout: String? = nil, stderr: String? = nil
  ) -> ExitRecord {
    ExitRecord(
      key: key, status: status, startedAt: .init(microseconds: 1), finishedAt: .init(microseconds: 3),
      duration: .microseconds(2), usage: ResourceUsage(peakKiB: 7), stdout: stdout, stderr: stderr)
  }

  private func ending(_ record: ExitRecord, _ promise: AttemptPromise = .init()) throws -> AttemptEnding {
    try CommandAgent.ending(of: record, promise: promise, runs: runs)
  }

  // MARK: What was printed

  @Test func whatWasPrintedIsKeptAndKeepingItAgainChangesNothing() throws {
    let scratch = directory.path("r-1.out")
    try put("hello\n", at: scratch)
    let first = try ending(record(stdout: scratch), AttemptPromise(keepsStdout: true))
    #expect(first.stdout == "hello")
    #expect(first.outcome == .exited(0))
    #expect(text("\(run)/tasks/a/2/stdout") == "hello\n")
    #expect(access(scratch, F_OK) != 0)
    #expect(access("\(run)/tasks/a/2/stderr", F_OK) != 0)
    // After a crash before the commit the same record is taken again.
    #expect(try ending(record(stdout: scratch), AttemptPromise(keepsStdout: true)) == first)
    #expect(text("\(run)/tasks/a/2/stdout") == "hello\n")
  }

  @Test func whatWasPrintedAndIsGoneFailsTheAttempt() throws {
    let scratch = directory.path("r-1.out")
    #expect(
      try ending(record(stdout: scratch)).outcome
        == .invalidOutput("what it printed cannot be kept as \(run)/tasks/a/2/stdout: somebody removed \(scratch)"))
  }

  @Test func anAttemptThatPrintedNothingHasNoDirectory() throws {
    let scratch = directory.path("r-1.out")
    try put("", at: scratch)
    #expect(try ending(record(stdout: scratch)).outcome == .exited(0))
    #expect(try ending(record()).outcome == .exited(0))
    #expect(access("\(run)/tasks", F_OK) != 0)
  }

  @Test func aRunDirectoryThatTheTaskRemovedIsMadeAgain() throws {
    try FileManager.default.removeItem(atPath: run)
    let scratch = directory.path("r-1.err")
    try put("oops", at: scratch)
    #expect(try ending(record(.exited(1), stderr: scratch)).outcome == .exited(1))
    #expect(text("\(run)/tasks/a/2/stderr") == "oops")
  }

  /// One task's obstacle must not stop the runner, which has others to run.
  @Test(arguments: ["tasks", "tasks/a", "tasks/a/2"]) func aFileInTheWayOfTheOutputFailsTheAttempt(obstacle: String)
    throws
  {
    let path = "\(run)/\(obstacle)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try put("", at: path)
    let scratch = directory.path("r-1.out")
    try put("hello", at: scratch)
    #expect(
      try ending(record(stdout: scratch)).outcome
        == .invalidOutput("what it printed cannot be kept as \(run)/tasks/a/2/stdout: Not a directory"))
    #expect(try ending(record(.exited(3), stdout: scratch)).outcome == .exited(3))
    #expect(try ending(record(.signalled(9), stdout: scratch)).outcome == .signalled(9))
  }

  @Test func aDirectoryInPlaceOfTheOutputFailsTheAttempt() throws {
    try FileManager.default.createDirectory(atPath: "\(run)/tasks/a/2/stdout/x", withIntermediateDirectories: true)
    let scratch = directory.path("r-1.out")
    try put("hello", at: scratch)
    #expect(
      try ending(record(stdout: scratch)).outcome
        == .invalidOutput("what it printed cannot be kept as \(run)/tasks/a/2/stdout: Is a directory"))
    #expect(text(scratch) == "hello")
  }

  @Test func aLinkInPlaceOfTheOutputIsReplacedAndNotFollowed() throws {
    try FileManager.default.createDirectory(atPath: "\(run)/tasks/a/2", withIntermediateDirectories: true)
    try put("precious", at: directory.path("victim"))
    symlink(directory.path("victim"), "\(run)/tasks/a/2/stdout")
    let scratch = directory.path("r-1.out")
    try put("hello", at: scratch)
    #expect(try ending(record(stdout: scratch), AttemptPromise(keepsStdout: true)).stdout == "hello")
    #expect(text(directory.path("victim")) == "precious")
  }

  @Test func theEndOfStdoutIsTakenTrimmedAndRepaired() throws {
    let cases: [([UInt8], String)] = [
      (Array(" \t\r\n a b \u{B}\u{C}\n".utf8), "a b"), (Array("\n\n".utf8), ""), ([0x61, 0xFF, 0x62], "a\u{FFFD}b"),
      (
        Array(repeating: 0x78, count: AttemptFiles.stdoutTail + 10),
        String(repeating: "x", count: AttemptFiles.stdoutTail)
      ),
      (
        Array("first\n".utf8) + Array(repeating: 0x79, count: AttemptFiles.stdoutTail - 1) + [0x0A],
        String(repeating: "y", count: AttemptFiles.stdoutTail - 1)
      ),
    ]
    for (bytes, expected) in cases {
      let scratch = directory.path("r-1.out")
      try Data(bytes).write(to: URL(fileURLWithPath: scratch))
      #expect(try ending(record(stdout: scratch), AttemptPromise(keepsStdout: true)).stdout == expected)
    }
  }

  // MARK: Outputs

  @Test func outputsAreTakenFromASuccessOnly() throws {
    try put("word=hello\n", at: output)
    let success = try ending(record())
    #expect(success.outputs == ["word": "hello"])
    #expect(success.usage.peakKiB == 7)
    #expect(try ending(record(.exited(1))).outputs.isEmpty)
    #expect(try ending(record(.signalled(15))).outcome == .signalled(15))
    try put("rubbish", at: output)
    #expect(try ending(record(.exited(1))).outcome == .exited(1))
  }

  @Test func aPromisedOutputThatIsMissingFailsTheAttempt() throws {
    let message = "the promised output 'b' was not written to $ASTRO_OUTPUT"
    #expect(try ending(record(), AttemptPromise(outputs: ["b"])).outcome == .invalidOutput(message))
    try put("a=1\n", at: output)
    #expect(try ending(record(), AttemptPromise(outputs: ["a", "b"])).outcome == .invalidOutput(message))
    try put("a=1\nb=\n", at: output)
    #expect(try ending(record(), AttemptPromise(outputs: ["a", "b"])).outputs == ["a": "1", "b": ""])
  }

  @Test(arguments: ["fifo", "link", "dangling link", "link to itself", "directory", "socket", "device"])
  func whatTheTaskPutInPlaceOfItsOutputsIsNeitherFollowedNorWaitedFor(kind: String) throws {
    let secret = directory.path("secret")
    try put("stolen=1\n", at: secret)
    switch kind {
    case "fifo": mkfifo(output, 0o600)
    case "link": symlink(secret, output)
    case "dangling link": symlink(directory.path("nowhere"), output)
    case "link to itself": symlink(output, output)
    case "directory": mkdir(output, 0o700)
    case "socket": try bindSocket(output)
    default: symlink("/dev/zero", output)
    }
    let end = try ending(record())
    #expect(end.outcome == .invalidOutput("$ASTRO_OUTPUT is no regular file any more"))
    #expect(end.outputs.isEmpty)
  }

  private func bindSocket(_ path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
  }

  @Test func aSparseTebibyteIsRefusedWithoutBeingRead() throws {
    try put("a=1\n", at: output)
    #expect(truncate(output, 1 << 40) == 0)
    #expect(try ending(record()).outcome == .invalidOutput("$ASTRO_OUTPUT holds more than 1 MiB"))
    let scratch = directory.path("r-1.out")
    try put("x", at: scratch)
    #expect(truncate(scratch, 1 << 40) == 0)
    try put("", at: output)
    #expect(
      try ending(record(stdout: scratch), AttemptPromise(keepsStdout: true)).stdout?.utf8.count
        == AttemptFiles.stdoutTail)
  }

  @Test(.enabled(if: geteuid() != 0, "root reads everything"))
  func anUnreadableOutputFileFailsTheAttempt() throws {
    try put("a=1\n", at: output)
    chmod(output, 0)
    #expect(try ending(record()).outcome == .invalidOutput("$ASTRO_OUTPUT cannot be read: Permission denied"))
  }

  @Test func aTaskThatRemovesItsOutputsDirectoryHasNoOutputs() throws {
    try FileManager.default.removeItem(atPath: run)
    #expect(try ending(record()).outputs.isEmpty)
    #expect(
      try ending(record(), AttemptPromise(outputs: ["a"])).outcome
        == .invalidOutput("the promised output 'a' was not written to $ASTRO_OUTPUT"))
  }
}
