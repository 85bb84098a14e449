import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolWatchTests {
  @Test func `nothing is heard when nothing happens`() throws {
    #expect(try SpoolFixture().spool.watch.readEvents() == .none)
  }

  @Test func `the descriptor becomes readable when a file comes`() throws {
    let fixture = try SpoolFixture()
    guard case .events(let descriptor) = fixture.spool.watch.mode else {
      Issue.record("no inotify here")
      return
    }
    var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&polled, 1, 0) == 0)
    fixture.write("a\n", to: "a.yaml")
    #expect(poll(&polled, 1, 0) == 1)
    _ = fixture.spool.watch.readEvents()
    #expect(poll(&polled, 1, 0) == 0)
  }

  @Test func `files written, renamed in and linked are heard of, each once`() throws {
    let fixture = try SpoolFixture()
    _ = fixture.spool.watch
    fixture.write("a\n", to: "a.yaml")
    fixture.write("b\n", to: ".b")
    rename(fixture.path + "/.b", fixture.path + "/b.yaml")
    link(fixture.path + "/a.yaml", fixture.path + "/c.yaml")
    symlink("/nowhere", fixture.path + "/d.yaml")
    #expect(
      fixture.spool.watch.readEvents() == .names([file("a.yaml"), file("b.yaml"), file("c.yaml"), file("d.yaml")]))
    #expect(fixture.spool.watch.readEvents() == .none)
  }

  @Test func `temporary names, directories and our own moves out wake nobody`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    _ = fixture.spool.watch
    fixture.write("a\n", to: ".hidden")
    fixture.write("a\n", to: "x.tmp")
    mkdir(fixture.path + "/sub.yaml", 0o700)
    #expect(try fixture.spool.claim(fixture.candidate("a.yaml"), as: runID) == .claimed)
    #expect(fixture.spool.watch.readEvents() == .none)
  }

  @Test func `a file that is closed after a long write is heard of again`() throws {
    let fixture = try SpoolFixture()
    _ = fixture.spool.watch
    let writer = fixture.openForWriting(file("a.yaml"), O_CREAT)
    #expect(fixture.spool.watch.readEvents() == .names([file("a.yaml")]))
    close(writer)
    #expect(fixture.spool.watch.readEvents() == .names([file("a.yaml")]))
  }

  @Test func `a directory removed or moved away is noticed`() throws {
    let fixture = try SpoolFixture()
    _ = fixture.spool.watch
    rename(fixture.path, fixture.home.path("elsewhere"))
    #expect(fixture.spool.watch.readEvents() == .directoryGone)
  }

  @Test func `an overflow asks for a listing, whatever names came with it`() {
    let events = Self.event(mask: UInt32(IN_CLOSE_WRITE), "a.yaml") + Self.event(mask: UInt32(IN_Q_OVERFLOW), "")
    #expect(events.withUnsafeBytes { SpoolChange(events: $0) } == .rescan)
  }

  @Test func `a record cut short is not read past its end`() {
    let events = Self.event(mask: UInt32(IN_CLOSE_WRITE), "a.yaml") + Self.event(mask: UInt32(IN_MOVED_TO), "b.yaml")
    let cut = Array(events.dropLast(4))
    #expect(cut.withUnsafeBytes { SpoolChange(events: $0) } == .names([file("a.yaml")]))
    #expect([UInt8]().withUnsafeBytes { SpoolChange(events: $0) } == .none)
  }

  private static func event(mask: UInt32, _ name: String) -> [UInt8] {
    var padded = Array(name.utf8)
    if !padded.isEmpty { padded += Array(repeating: 0, count: 16 - padded.count % 16) }
    return [1, mask, 0, UInt32(padded.count)].flatMap { word in withUnsafeBytes(of: word) { Array($0) } } + padded
  }

  @Test func `without inotify it polls and says why`() throws {
    let fixture = try SpoolFixture()
    let watch = SpoolWatch(path: fixture.path) {
      errno = EMFILE
      return -1
    }
    guard case .polling(let failure) = watch.mode else {
      Issue.record("expected polling")
      return
    }
    #expect(failure.description == "\(fixture.path): cannot watch it, it is polled instead: Too many open files")
    #expect(watch.readEvents() == .none)
  }

  @Test func `what cannot be watched is polled`() {
    guard case .polling(let failure) = SpoolWatch(path: "/nonexistent").mode else {
      Issue.record("expected polling")
      return
    }
    #expect(failure.errno == ENOENT)
  }
}
