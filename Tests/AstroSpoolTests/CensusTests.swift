import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct CensusTests {
  @Test func `files are counted where they lie, receipts and temporary names are not`() throws {
    let fixture = try SpoolFixture()
    for name in ["a.yaml", "b.json", ".c.yaml", "odd", "done/\(runID).yaml", "done/\(runID).receipt.json"] {
      fixture.write("a\n", to: name)
    }
    var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
    #expect(utimensat(AT_FDCWD, fixture.path + "/b.json", &times, 0) == 0)
    let counts = try fixture.spool.counts()
    #expect(counts.waiting == 2)
    #expect(counts.oldestWaiting == Timestamp(microseconds: 1_000_000_000))
    #expect(counts.settled == [.active: 0, .done: 1, .failed: 0, .cancelled: 0, .rejected: 0])
  }

  @Test func `an empty spool has no oldest file`() throws {
    #expect(try SpoolFixture().spool.counts().oldestWaiting == nil)
  }

  @Test func `a directory that changed is counted anew, however long ago it was counted`() throws {
    let fixture = try SpoolFixture()
    fixture.clock.advance(.seconds(4_000_000_000))  // long after any change: counts are kept
    fixture.write("a\n", to: "failed/\(runID).yaml")
    #expect(try fixture.spool.counts().settled[.failed] == 1)
    #expect(try fixture.spool.counts().settled[.failed] == 1)
    var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
    fixture.write("a\n", to: "failed/\(otherID).yaml")
    #expect(utimensat(AT_FDCWD, fixture.path + "/failed", &times, 0) == 0)
    #expect(try fixture.spool.counts().settled[.failed] == 2)
  }
}
