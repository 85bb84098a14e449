import Foundation
import Testing

/// A sample of what `make torture` plays in full: a runner, and a warden, killed at system calls by which they change
/// anything.
@Suite struct CrashPointHarnessTests {
  /// R1, R22.
  @Test func `a runner killed at any system call loses nothing, runs nothing twice and leaves nothing behind`() throws {
    let points = try Torture("crash-points.py", "--sample", "15", "--seed", "1").verdict()
    #expect(points.contains(": runner killed at "))
    #expect(points.contains(": 0 lost, 0 twice, 0 false successes, nothing left; at most "))
  }

  /// R2, R22.
  @Test func `what a killed warden had not recorded is lost, its processes with it, and never a success`() throws {
    let points = try Torture("crash-points.py", "--warden", "--sample", "8", "--seed", "1").verdict()
    #expect(points.contains(": warden killed at "))
    #expect(points.contains(": 0 lost, 0 twice, 0 false successes, nothing left; at most "))
  }

  /// R4, R5. With both controls, which must fail: fsync(2) removed, and that of the files that are taken.
  @Test func `a power cut takes nothing that anybody was told of`() throws {
    let cuts = try Torture("power-cuts.py", "--cuts", "4", "--submits", "1", "--controls", "1", "--seed", "1").verdict()
    #expect(cuts.contains(": 0 accepted lost, 0 twice, 0 effects without a record"))
  }
}
