import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// A task that prints without end is cut in its middle, and its disk space is bounded while it prints (R37).
@Suite struct OutputBoundTests {
  private static let limit: Int64 = 1 << 20

  /// The parts of what was kept, around its one mark.
  private func parts(_ fixture: WardenFixture, _ record: ExitRecord) throws -> (head: String, tail: String) {
    let text = String(decoding: try fixture.read(record.stdout), as: UTF8.self)
    let mark = OutputBound.mark(record.omitted.stdout) + "\n"
    let parts = text.components(separatedBy: mark)
    try #require(parts.count == 2, "no mark, or several: \(text.prefix(200)) … \(text.suffix(200))")
    return (parts[0], parts[1])
  }

  @Test func `what is within the limit is kept byte for byte`() throws {
    let fixture = try WardenFixture(limit: Self.limit)
    let record = try fixture.record(fixture.script("a", "head -c \(Self.limit) /dev/zero; echo e >&2"))
    #expect(record.omitted == .none)
    #expect(try fixture.read(record.stdout) == Data(count: Int(Self.limit)))
    #expect(try fixture.read(record.stderr) == Data("e\n".utf8))
  }

  @Test func `of 300 MB the first and the last lines stay, and little of it is ever on the disk`() throws {
    let fixture = try WardenFixture(limit: Self.limit)
    let count = 300_000_000
    // It ends only when it is let on: the look after the last byte is awaited, not guessed.
    let pipe = NamedPipe(fixture.path("done"))
    try fixture.start([
      fixture.script("a", "seq 1 100000000 | head -c \(count); echo; echo last; echo x > \"$DIR/done\"; sleep 60")
    ])
    #expect(try fixture.line(pipe) == "x")
    let scratch = fixture.path("scratch/\(WardenFixture.runner)-1.out")
    var status = stat()
    func used() -> Int64 { stat(scratch, &status) == 0 ? Int64(status.st_blocks) * 512 : -1 }
    let deadline = Date(timeIntervalSinceNow: 30)
    while used() > 2 * Self.limit, Date() < deadline { poll(nil, 0, 10) }
    #expect((0...2 * Self.limit).contains(used()), "\(used()) bytes are on the disk")
    #expect(Int(status.st_size) == count + 6)
    try fixture.signal("a", SIGKILL)
    guard case .ended(let record) = try fixture.answer(fixture.key("a")) else { throw WardenFixture.Stuck(what: "a") }
    let (head, tail) = try parts(fixture, record)
    #expect(Int64(head.utf8.count + tail.utf8.count) + record.omitted.stdout == Int64(count) + 6)
    #expect(head.utf8.count + tail.utf8.count <= Int(Self.limit))
    #expect(head.utf8.count + tail.utf8.count > Int(Self.limit) * 7 / 8)
    #expect(head.hasPrefix("1\n2\n") && head.hasSuffix("\n"))
    #expect(tail.hasSuffix("\nlast\n"))
    let numbers = head.split(separator: "\n").map { Int($0) }
    #expect(numbers == (1...numbers.count).map { $0 })
    // The last line of seq is cut off by head(1).
    let last = tail.split(separator: "\n").dropLast(2).map { Int($0) ?? 0 }
    #expect(zip(last, last.dropFirst()).allSatisfy { $0 + 1 == $1 })
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: fixture.path("scratch")).allSatisfy { !$0.hasSuffix(".cut") })
  }

  /// open(2) for writing waits until a lease for reading is given up (fcntl(2)), unless it is told not to.
  @Test func `a command that holds a lease on its output keeps nobody waiting`() throws {
    let fixture = try WardenFixture(limit: 1 << 16)
    let (up, gate) = (NamedPipe(fixture.path("up")), NamedPipe(fixture.path("gate")))
    let program = """
      $| = 1; open(my $up, ">", "$ENV{DIR}/up"); select((select($up), $| = 1)[0]); $SIG{IO} = sub { print $up "asked\\n" };
      open(my $gate, "<", "$ENV{DIR}/gate"); open(my $own, "<", "/dev/stdout"); print $up "ready\\n"; <$gate>;
      print "x" x 300000; close(STDOUT); print $up (fcntl($own, 1024, 0) ? "leased\\n" : "$!\\n"); sleep 1000 while 1;
      """
    try fixture.start([fixture.request("a", ["/usr/bin/perl", "-e", program])])
    #expect(try fixture.line(up) == "ready")
    // So that it finds more than the limit, and the lease, at one look.
    let warden = try #require(fixture.wardenPID)
    kill(warden, SIGSTOP)
    gate.tell("go")
    #expect(try fixture.line(up) == "leased")
    kill(warden, SIGCONT)
    #expect(try fixture.line(up) == "asked")
    #expect(try fixture.record(fixture.request("other", ["/bin/true"])).status == .exited(0))
    try fixture.signal("a", SIGKILL)
    _ = try fixture.answer(fixture.key("a"))
  }

  @Test func `where there are no lines it is cut between characters`() throws {
    let fixture = try WardenFixture(limit: Self.limit)
    let record = try fixture.record(
      fixture.script("a", "printf x; yes '🜁é' | tr -d '\\n' | head -c 5000002"))
    let text = try fixture.read(record.stdout)
    #expect(String(validating: text, as: UTF8.self) != nil)
    let (head, tail) = try parts(fixture, record)
    #expect(head.hasSuffix("\n") && head.hasPrefix("x🜁é"))
    #expect(Int64(head.utf8.count - 1 + tail.utf8.count) + record.omitted.stdout == 5_000_003)
  }

  /// What the runner's heir does for a warden that was killed. The mark is not asked of a record then.
  @Test func `output whose warden died is cut by whoever keeps it`() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("r-1.out")
    let text = (0..<400_000).map { "line \($0)\n" }.joined()
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    // Nothing is done to what is within the limit.
    #expect(OutputBound(limit: Int64(text.utf8.count)).cut(path) == 0)
    let omitted = OutputBound(limit: Self.limit).cut(path)
    let kept = try String(contentsOfFile: path, encoding: .utf8)
    #expect(kept.contains("\n\(OutputBound.mark(omitted))\n"))
    #expect(kept.hasPrefix("line 0\n") && kept.hasSuffix("line 399999\n"))
    // As the next heir does after a crash in between: it is within the limit now.
    #expect(OutputBound(limit: Self.limit).cut(path) == 0)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == kept)
  }

  @Test func `a file system that cannot free the middle keeps the head and what came last`() throws {
    let directory = TemporaryDirectory()
    try #require(mount("ramfs", directory.path, "ramfs", 0, nil) == 0, "cannot mount: run the tests as root")
    defer { umount2(directory.path, Int32(MNT_DETACH)) }
    let fixture = try WardenFixture(directory: directory, limit: Self.limit)
    let go = NamedPipe(fixture.path("go"))
    let pipe = NamedPipe(fixture.path("done"))
    try fixture.start([
      fixture.script("a", "seq 1 2000000; echo x > \"$DIR/done\"; read go < \"$DIR/go\"; echo last")
    ])
    #expect(try fixture.line(pipe) == "x")
    var status = stat()
    let deadline = Date(timeIntervalSinceNow: 30)
    let scratch = fixture.path("scratch/\(WardenFixture.runner)-1.out")
    while stat(scratch, &status) == 0, Int64(status.st_size) > Self.limit, Date() < deadline { poll(nil, 0, 10) }
    #expect(Int64(status.st_size) <= Self.limit)
    #expect(write(go.descriptor, "go\n", 3) == 3)
    guard case .ended(let record) = try fixture.answer(fixture.key("a")) else { throw WardenFixture.Stuck(what: "a") }
    let (head, tail) = try parts(fixture, record)
    #expect(head.hasPrefix("1\n2\n") && tail.hasSuffix("last\n"))
    #expect(record.omitted.stdout > 10 << 20)
  }

  @Test func `without room for the tail the head stays, and the mark says how much is gone`() throws {
    let directory = TemporaryDirectory()
    try #require(
      mount("tmpfs", directory.path, "tmpfs", 0, "size=1300k") == 0, "cannot mount: run the tests as root")
    defer { umount2(directory.path, Int32(MNT_DETACH)) }
    let fixture = try WardenFixture(directory: directory, limit: Self.limit)
    let record = try fixture.record(fixture.script("a", "head -c 1200000 /dev/zero | tr '\\0' x"))
    let (head, tail) = try parts(fixture, record)
    #expect(tail.isEmpty)
    #expect(Int64(head.utf8.count - 1) + record.omitted.stdout == 1_200_000)
  }
}
