import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolLookTests {
  @Test func `a closed file is ready at once, with its bytes, owner and hash`() throws {
    let fixture = try SpoolFixture()
    fixture.write("abc\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    #expect(candidate.bytes == Array("abc\n".utf8))
    #expect(candidate.format == .yaml)
    #expect(candidate.owner == getuid())
    #expect(getuid() != 0 || candidate.ownerName == "root")
    #expect(candidate.sha256 == "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb")
    #expect(candidate.identity == fixture.spool.identity(of: file("a.yaml")))
    #expect(candidate.modifiedAt.microseconds == candidate.identity.modifiedNanoseconds / 1000)
  }

  @Test func `a file is not ready while a writer holds it open, and is once it is closed`() throws {
    let fixture = try SpoolFixture()
    let writer = fixture.openForWriting(file("a.yaml"), O_CREAT)
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .beingWritten)
    #expect(write(writer, "run: x\n", 7) == 7)
    fixture.clock.advance(.seconds(3600))
    let waiting = try #require(fixture.spool.look(at: file("a.yaml")).waiting)
    #expect(waiting == NotYet(reason: .beingWritten, lookAgainAt: fixture.clock.now().boot + 1_000_000))
    close(writer)
    #expect(try fixture.candidate("a.yaml").bytes.count == 7)
  }

  @Test func `a file is not ready while a writer has it mapped, its descriptor closed`() throws {
    let fixture = try SpoolFixture()
    fixture.write("run: x\n", to: "a.yaml")
    let writer = fixture.withPath(file("a.yaml")) { open($0, O_RDWR | O_CLOEXEC) }
    let mapping = try #require(mmap(nil, 7, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0))
    close(writer)
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .beingWritten)
    munmap(mapping, 7)
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a file renamed in is ready at once`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: ".hidden")
    rename(fixture.path + "/.hidden", fixture.path + "/a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a copy cut off without a newline waits for its grace and is then refused`() throws {
    let fixture = try SpoolFixture()
    fixture.write("tasks: {a: {run: rm -rf .", to: "a.yaml")
    let first = try #require(fixture.spool.look(at: file("a.yaml")).waiting)
    #expect(first.reason == .noFinalNewline)
    fixture.clock.advance(.milliseconds(4999))
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .noFinalNewline)
    fixture.clock.advance(.milliseconds(1))
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .cutOff(after: .seconds(5)))
  }

  @Test func `a cut-off copy that is completed within its grace is ready`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting != nil)
    fixture.clock.advance(.seconds(4))
    fixture.write("ab", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting != nil)
    fixture.clock.advance(.seconds(4))  // 8 s in all, 4 since it last changed
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .noFinalNewline)
    fixture.write("ab\n", to: "a.yaml")
    #expect(try fixture.candidate("a.yaml").bytes.count == 3)
  }

  @Test func `a file without a newline is ready at once where none is required`() throws {
    let fixture = try SpoolFixture(rules: SpoolRules(requireFinalNewline: false))
    fixture.write("a", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a pass that ends before the grace still decides in a later pass`() throws {
    let later = try SpoolFixture(
      probes: SpoolProbes(lease: { Lease.ask($0) }, fileSystemNow: { $0.fileSystemNow().map { $0 + 5_000_000_000 } }))
    later.write("a", to: "a.yaml")
    #expect(later.spool.look(at: file("a.yaml")).refusal?.reason == .cutOff(after: .seconds(5)))
  }

  @Test func `an empty file is given a minute`() throws {
    let fixture = try SpoolFixture()
    fixture.write("", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .empty)
    fixture.clock.advance(.seconds(59))
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .empty)
    fixture.clock.advance(.seconds(1))
    #expect(fixture.spool.look(at: file("a.yaml")).refusal?.reason == .empty(after: .seconds(60)))
  }

  @Test func `an empty file that is filled is ready`() throws {
    let fixture = try SpoolFixture()
    fixture.write("", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .empty)
    fixture.write("a\n", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `what is no longer there is gone`() throws {
    #expect(try SpoolFixture().spool.look(at: file("a.yaml")).isGone)
    #expect(try SpoolFixture().spool.look(at: file("odd")).isGone)
  }

  @Test func `looking moves nothing and leaves no descriptor's lease behind`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    let candidate = try fixture.candidate("a.yaml")
    #expect(fixture.openForWriting(file("a.yaml")) == -1)
    candidate.close()
    let writer = fixture.openForWriting(file("a.yaml"))
    #expect(writer >= 0)
    close(writer)
    #expect(fixture.names() == ["a.yaml"])
  }
}

@Suite struct SpoolRestTests {
  /// Where the kernel cannot tell (another user's file, a file system without leases), and the file system's clock
  /// shows `age` since any change, or nothing.
  private func fixture(age: Int64?) throws -> SpoolFixture {
    try SpoolFixture(
      probes: SpoolProbes(
        lease: { _ in .unknown },
        fileSystemNow: { directory in age.flatMap { age in directory.fileSystemNow().map { $0 + age } } }))
  }

  @Test func `without a lease a file must stand still for two seconds`() throws {
    let fixture = try fixture(age: nil)
    fixture.write("a\n", to: "a.yaml")
    let waiting = try #require(fixture.spool.look(at: file("a.yaml")).waiting)
    #expect(waiting == NotYet(reason: .resting, lookAgainAt: fixture.clock.now().boot + 2_000_000))
    fixture.clock.advance(.milliseconds(1999))
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .resting)
    fixture.clock.advance(.milliseconds(1))
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a change begins the rest anew`() throws {
    let fixture = try fixture(age: nil)
    fixture.write("a\n", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .resting)
    fixture.clock.advance(.seconds(2))
    fixture.write("ab\n", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .resting)
  }

  @Test func `a throttled file does not rest anew at each look`() throws {
    let fixture = try fixture(age: nil)
    fixture.write("a\n", to: "a.yaml")
    _ = fixture.spool.look(at: file("a.yaml"))
    fixture.clock.advance(.seconds(2))
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a file that has stood still before this process began is ready at once`() throws {
    let fixture = try fixture(age: 2_000_000_000)
    fixture.write("a\n", to: "a.yaml")
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test func `a time of modification in the future does not count as rest, and does not keep it for ever`() throws {
    let fixture = try fixture(age: 10_000_000_000)
    fixture.write("a\n", to: "a.yaml")
    var times = [timespec(tv_sec: 4_000_000_000, tv_nsec: 0), timespec(tv_sec: 4_000_000_000, tv_nsec: 0)]
    _ = fixture.withPath(file("a.yaml")) { utimensat(AT_FDCWD, $0, &times, 0) }
    #expect(fixture.spool.look(at: file("a.yaml")).waiting?.reason == .resting)
    fixture.clock.advance(.seconds(2))
    #expect(fixture.spool.look(at: file("a.yaml")).candidate != nil)
  }

  @Test(.enabled(if: getuid() == 0)) func `a file that cannot be read is tried at growing distances, then refused`()
    throws
  {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    // Reading the speed of the loopback device fails: it has none.
    try #require(mount("/sys/class/net/lo/speed", fixture.path + "/a.yaml", nil, UInt(MS_BIND), nil) == 0)
    defer { umount2(fixture.path + "/a.yaml", Int32(MNT_DETACH)) }
    var pauses: [Int64] = []
    while let wait = fixture.spool.look(at: file("a.yaml")).waiting {
      #expect(wait.reason == .unreadable)
      let pause = wait.lookAgainAt - fixture.clock.now().boot
      pauses.append(pause / 1_000_000)
      fixture.clock.advance(.microseconds(pause))
      try #require(pauses.count < 10)
    }
    #expect(pauses == [1, 1, 2, 4, 8, 16, 32])
    let refusal = try #require(fixture.spool.look(at: file("a.yaml")).refusal)
    #expect(refusal.reason.code == "unreadable")
    #expect(refusal.reason.message == "the file cannot be read: Invalid argument")
  }
}
