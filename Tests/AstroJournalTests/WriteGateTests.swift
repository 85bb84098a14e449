import AstroCore
import Foundation
import Glibc
import Testing

@testable import AstroJournal

@Suite struct WriteGateTests {
  private let path = FileManager.default.temporaryDirectory.appendingPathComponent("gate-\(UUID().uuidString)").path

  @Test func aGateThatNobodyLeavesIsNotWaitedForForEver() throws {
    defer { unlink(path) }
    let inside = open(path, O_RDWR | O_CREAT, 0o600)
    defer { close(inside) }
    try #require(flock(inside, LOCK_EX) == 0)
    let gate = try WriteGate(path: path, patience: .milliseconds(50))
    let failure = #expect(throws: Failure.self) { try gate.locked { () throws(Failure) in } }
    #expect(failure?.code == .tryLater)
    #expect(failure?.message == "another process has held the journal for 50ms; is one of them stopped?")
    flock(inside, LOCK_UN)
    #expect(try gate.locked { () throws(Failure) in 1 } == 1)
  }

  /// The one who waits is let in when the other leaves, not when its own time is up.
  @Test func whoWaitsIsLetIn() async throws {
    defer { unlink(path) }
    let inside = open(path, O_RDWR | O_CREAT, 0o600)
    defer { close(inside) }
    try #require(flock(inside, LOCK_EX) == 0)
    let path = path
    async let entered = Task.detached {
      try WriteGate(path: path, patience: .seconds(600)).locked { () throws(Failure) in true }
    }.value
    // It has the file open: from then on it is inside the wait, or soon will be.
    while try !FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").contains(where: {
      $0 != String(inside)
        && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
    }) { await Task.yield() }
    flock(inside, LOCK_UN)
    #expect(try await entered)
  }
}
