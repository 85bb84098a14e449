import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolTests {
  @Test func `opening makes the missing places for their owner alone, and again changes nothing`() throws {
    let fixture = try SpoolFixture()
    _ = try fixture.another()
    for place in Place.allCases {
      var status = stat()
      #expect(stat("\(fixture.path)/\(place.rawValue)", &status) == 0)
      #expect(status.st_mode & 0o777 == 0o700)
    }
  }

  @Test func `a spool that is not there is an error with its path`() {
    let failure = #expect(throws: Failure.self) {
      try Spool(directory: "/nonexistent/spool", rules: SpoolRules(), clock: HandClock())
    }
    #expect(failure?.description == "/nonexistent/spool: cannot open the directory: No such file or directory")
    #expect(failure?.code == .notFound)
  }

  @Test func `a place that is a link is refused`() throws {
    let home = TemporaryDirectory()
    mkdir(home.path("elsewhere"), 0o700)
    symlink("elsewhere", home.path("done"))
    let failure = #expect(throws: Failure.self) {
      try Spool(directory: home.path, rules: SpoolRules(), clock: HandClock())
    }
    #expect(failure?.description == "\(home.path)/done: cannot open the directory: Not a directory")
  }

  @Test(.enabled(if: getuid() == 0)) func `a place on another file system is refused`() throws {
    let home = TemporaryDirectory()
    mkdir(home.path("done"), 0o700)
    try #require(mount("tmpfs", home.path("done"), "tmpfs", 0, nil) == 0)
    defer { umount(home.path("done")) }
    let failure = #expect(throws: Failure.self) {
      try Spool(directory: home.path, rules: SpoolRules(), clock: HandClock())
    }
    #expect(
      failure?.description
        == "\(home.path)/done: lies on another file system than \(home.path): Invalid cross-device link")
  }

  @Test func `a spool that is replaced is noticed, and taken up again`() throws {
    let fixture = try SpoolFixture()
    #expect(fixture.spool.integrity() == .intact)
    rename(fixture.path, fixture.home.path("old"))
    #expect(fixture.spool.integrity() == .missing(path: fixture.path))
    mkdir(fixture.path, 0o700)
    #expect(fixture.spool.integrity() == .replaced(path: fixture.path))
    try fixture.spool.reattach()
    #expect(fixture.spool.integrity() == .intact)
    fixture.write("a\n", to: "a.yaml")
    #expect(fixture.spool.watch.readEvents() == .names([file("a.yaml")]))
    #expect(try fixture.spool.claim(fixture.candidate("a.yaml"), as: runID) == .claimed)
  }

  @Test func `a place that is removed is noticed`() throws {
    let fixture = try SpoolFixture()
    rmdir(fixture.path + "/done")
    #expect(fixture.spool.integrity() == .missing(path: fixture.path + "/done"))
  }

  @Test func `the identity changes with the content and only then`() throws {
    let fixture = try SpoolFixture()
    #expect(fixture.spool.identity(of: file("a.yaml")) == nil)
    fixture.write("a\n", to: "a.yaml")
    let identity = fixture.spool.identity(of: file("a.yaml"))
    #expect(identity != nil && fixture.spool.identity(of: file("a.yaml")) == identity)
    fixture.write("ab\n", to: "a.yaml")
    #expect(fixture.spool.identity(of: file("a.yaml")) != identity)
  }
}
