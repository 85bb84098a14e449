import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// R32: what a command that has secrets says reaches the disk without them, whole, and delays nobody.
@Suite(.serialized) struct MaskedOutputTests {
  private static let secret = "sk-12345678-abcdefgh"

  private func masked(_ fixture: WardenFixture, _ task: String, _ text: String) -> StartRequest {
    var request = fixture.script(task, text)
    request.environment += ["KEY=\(Self.secret)", "OUT=\(fixture.path(task + ".out"))"]
    request.masking = Masking(secrets: [Self.secret], outputFile: fixture.path(task + ".out"))
    return request
  }

  private func text(_ fixture: WardenFixture, _ scratch: String?) throws -> String {
    String(decoding: try fixture.read(scratch), as: UTF8.self)
  }

  private func ended(_ fixture: WardenFixture, _ key: AttemptKey) throws -> ExitRecord {
    let answer = try fixture.answer(key)
    guard case .ended(let record) = answer else { throw WardenFixture.Stuck(what: "not started: \(answer)") }
    return record
  }

  @Test func bothStreamsAndTheOutputsAreMasked() throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(
      masked(
        fixture, "a",
        """
        printf %s "${KEY%????????}"; echo "key $KEY" >&2; echo "token=$KEY" > "$OUT"; echo "${KEY#????????????}"
        printf %s "$KEY" | base64; exit 7
        """))
    #expect(record.status == .exited(7))
    #expect(try text(fixture, record.stdout) == "***\n***\n")
    #expect(try text(fixture, record.stderr) == "key ***\n")
    #expect(try String(contentsOfFile: fixture.path("a.out"), encoding: .utf8) == "token=***\n")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path).contains("a.out.masked") == false)
  }

  @Test func oneWithoutSecretsPrintsStraightIntoItsFile() throws {
    let fixture = try WardenFixture()
    #expect(try fixture.output("a", "readlink /proc/self/fd/1").hasPrefix(fixture.path("scratch/")))
    let record = try fixture.record(masked(fixture, "b", "readlink /proc/self/fd/1"))
    #expect(try text(fixture, record.stdout).hasPrefix("pipe:["))
  }

  @Test func whatPrintsNothingLeavesNothing() throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(masked(fixture, "a", "exit 0"))
    #expect(record.stdout == nil && record.stderr == nil)
    // The same scratch files serve the next one.
    _ = try fixture.record(fixture.script("b", "echo b"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path("scratch")).count == 2)
  }

  @Test func outputIsByteCompleteThroughTheMask() throws {
    let fixture = try WardenFixture()
    let lines = 20_000
    let record = try fixture.record(
      masked(fixture, "a", "i=0; while [ $i -lt \(lines) ]; do echo $i $KEY; i=$((i+1)); done"))
    #expect(record.status == .exited(0))
    #expect(try text(fixture, record.stdout) == (0..<lines).map { "\($0) ***\n" }.joined())
  }

  /// A grandchild that keeps the pipe open delays neither the end nor the record, and all before the end is there.
  @Test(arguments: [
    "sleep 1000 & exit 0", "setsid sleep 1000 & exit 0", "(while :; do echo more $KEY; done) & sleep 0.1; exit 0",
  ])
  func aHolderOfThePipeDelaysNothing(script: String) throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(masked(fixture, "a", "echo said $KEY; \(script)"))
    #expect(record.status == .exited(0))
    #expect(try text(fixture, record.stdout).hasPrefix("said ***\n"))
    #expect(!(try text(fixture, record.stdout)).contains(Self.secret))
    #expect(fixture.remaining().isEmpty)
  }

  /// What is printed is to be seen while the command runs, but for what may still become a secret.
  @Test func outputIsThereWhileTheCommandRuns() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([masked(fixture, "a", "printf 'first sk-123'; echo up > $DIR/up; read x < $DIR/gate; echo 4")])
    #expect(try fixture.line(up) == "up")
    let name = try #require(
      FileManager.default.contentsOfDirectory(atPath: fixture.path("scratch")).first { $0.hasSuffix(".out") })
    var seen = ""
    for _ in 0..<3000 where seen != "first " {
      seen = try String(contentsOfFile: fixture.path("scratch/\(name)"), encoding: .utf8)
      poll(nil, 0, 10)
    }
    #expect(seen == "first ")
    gate.tell("go")
    let record = try ended(fixture, fixture.key("a"))
    #expect(try text(fixture, record.stdout) == "first sk-1234\n")
  }

  @Test func aHeldStartKeepsItsMask() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    var held = masked(fixture, "b", "echo $KEY")
    held.isHeld = true
    try fixture.start([fixture.script("a", "read x < $DIR/gate"), held])
    gate.tell("go")
    let record = try ended(fixture, held.key)
    #expect(try text(fixture, record.stdout) == "***\n")
  }

  /// The runner's death does not take the mask away.
  /// A warden may be held to a size of files, as by its service manager; then write(2) says EFBIG, as a broken disk says EIO.
  @Test func whatNoFileTakesIsCounted() throws {
    let fixture = try WardenFixture(wrapper: ["/usr/bin/prlimit", "--fsize=16384"])
    let record = try fixture.record(
      masked(fixture, "a", "head -c 40000 /dev/zero | tr '\\0' x; head -c 20000 /dev/zero | tr '\\0' y >&2"))
    #expect(record.status == .exited(0))
    #expect(try fixture.read(record.stdout).count == 16_384)
    #expect(record.omitted == OmittedOutput(stdout: 40_000 - 16_384, stderr: 20_000 - 16_384))
  }

  /// Whatever fails for want of them, nothing is printed past the mask: a command is refused instead.
  @Test(arguments: [20, 24, 28, 34, 40]) func whenDescriptorsAreShortNothingIsUnmasked(most: Int) throws {
    let fixture = try WardenFixture(wrapper: ["/usr/bin/prlimit", "--nofile=\(most):\(most)"])
    let gate = NamedPipe(fixture.path("gate"))
    let requests = (0..<8).map {
      masked(
        fixture, "t\($0)", "read line < $DIR/gate; echo \"$KEY\"; echo \"token=$KEY\" > \"$OUT\"; echo \"$KEY\" >&2")
    }
    try fixture.start(requests)
    for _ in requests { gate.tell("go") }
    var refused = 0
    for request in requests {
      switch try fixture.answer(request.key) {
      case .ended(let record):
        #expect(try text(fixture, record.stdout) == "***\n")
        #expect(try text(fixture, record.stderr) == "***\n")
        #expect(try String(contentsOfFile: fixture.path("\(request.key.task).out"), encoding: .utf8) == "token=***\n")
      case .refused(let reason, let infrastructure):
        refused += 1
        #expect(infrastructure && reason.hasSuffix(": Too many open files"), "\(reason)")
      }
    }
    #expect((1...8).contains(refused), "descriptors were not short")
    // Nor is anything left that one who was refused would have printed.
    #expect(try fixture.record(masked(fixture, "last", "echo $KEY")).stdout.map { try text(fixture, $0) } == "***\n")
  }

  @Test func theMaskSurvivesTheRunner() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    let gate = NamedPipe(fixture.path("gate"))
    try fixture.start([masked(fixture, "a", "echo up > $DIR/up; read x < $DIR/gate; echo $KEY; echo k=$KEY > $OUT")])
    #expect(try fixture.line(up) == "up")
    fixture.dropRunner()
    gate.tell("go")
    try fixture.awaitWardenEnd()
    guard case .ended(let record) = try fixture.survey().verdict(fixture.key("a")) else {
      throw WardenFixture.Stuck(what: "there is no record")
    }
    #expect(try text(fixture, record.stdout) == "***\n")
    #expect(try String(contentsOfFile: fixture.path("a.out"), encoding: .utf8) == "k=***\n")
  }

  @Test func anOutputFileThatIsNoneOrTooLargeHasNoSecretInIt() throws {
    let fixture = try WardenFixture()
    _ = try fixture.record(masked(fixture, "a", "yes $KEY | head -c 2000000 > $OUT"))
    let large = try Data(contentsOf: URL(fileURLWithPath: fixture.path("a.out")))
    #expect(large.count == (1 << 20) + 1 && large.allSatisfy { $0 == 0 })
    _ = try fixture.record(masked(fixture, "b", "ln -s elsewhere $OUT"))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: fixture.path("b.out")) == "elsewhere")
    _ = try fixture.record(masked(fixture, "c", "mkfifo $OUT"))
  }

  /// While the disk is full the command waits, the warden sleeps, and afterwards nothing is missing.
  @Test(.enabled(if: geteuid() == 0, "needs root, to mount"))
  func aFullDiskDelaysAndLosesNothing() throws {
    let directory = TemporaryDirectory()
    try #require(mount("none", directory.path, "tmpfs", 0, "size=2m") == 0)
    defer { umount2(directory.path, Int32(MNT_DETACH)) }
    let fixture = try WardenFixture(directory: directory)
    let ballast = directory.path("ballast")
    try Data(count: 1_900_000).write(to: URL(fileURLWithPath: ballast))
    try fixture.start([masked(fixture, "a", "yes $KEY | head -c 1050000; echo k=$KEY > $OUT")])
    let warden = try #require((try fixture.pid("a"), fixture.wardenPID).1)
    var room = statvfs()
    while statvfs(directory.path, &room) == 0, room.f_bavail > 0 { sched_yield() }
    let switches = {
      ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"].compactMap {
        Processes.status(warden, $0).flatMap { Int($0) }
      }
      .reduce(0, +)
    }
    // It tries about once a second, whatever else happens; a warden that spins is scheduled thousands of times.
    let before = switches()
    let other = try WardenFixture()
    for number in 0..<100 { _ = try other.record(other.request("t\(number)", ["/bin/true"])) }
    #expect(switches() - before < 100)
    unlink(ballast)
    let record = try ended(fixture, fixture.key("a"))
    #expect(record.status == .exited(0))
    #expect(try text(fixture, record.stdout) == String(repeating: "***\n", count: 50_000))
    #expect(try String(contentsOfFile: fixture.path("a.out"), encoding: .utf8) == "k=***\n")
  }

  /// Nobody but root can look into a process that knows secrets, and none of it gets into a core file: proc(5) shows one
  /// that may not be dumped as root's. Commands are as they would have been.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func theWardenCannotBeLookedInto() throws {
    let directory = TemporaryDirectory()
    let user = uid_t(1_000_000 + getpid())
    let executable = directory.path("astro")
    try FileManager.default.copyItem(atPath: WardenFixture.binary(), toPath: executable)
    let fixture = try WardenFixture(
      wrapper: ["/usr/bin/setpriv", "--reuid=\(user)", "--clear-groups"], executable: executable, directory: directory)
    for path in [directory.path, try fixture.files.directory, try fixture.files.scratchDirectory] {
      chown(path, user, gid_t.max)
    }
    #expect(try fixture.output("a", "stat -c %u /proc/$PPID/environ /proc/self/environ") == "0\n\(user)")
    #expect(try fixture.record(fixture.script("b", "cat /proc/$PPID/environ")).status == .exited(1))
  }
}
