import AstroCore
import AstroJournal
import Foundation
import Glibc
import Testing

/// Several real processes on one journal.
@Suite(.serialized) struct ProcessesTests {
  private let fixture = JournalFixture()

  @Test func fourWritersLoseNothing() throws {
    let journal = try fixture.open()
    let peers = try (0..<4).map { _ in try Peer("count", fixture.data, "150") }
    for peer in peers {
      #expect(peer.rest().count == 150)
      #expect(peer.end() == 0)
    }
    #expect(try journal.read { try $0.series() } == ["n": 600])
  }

  /// Goal R28: a sample of what `make torture` does for half an hour.
  @Test func writersAndCheckpointersBehindTheGateLoseNothing() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Torture/journal-gate.py").path
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", script, Peer.program.path, "--seconds", "4"]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0 && said.contains(": 0 lost, integrity ok"), "\(said)")
  }

  @Test func fourProcessesThatOpenAFreshJournalAtOnceAllSucceed() throws {
    let peers = try (0..<4).map { _ in try Peer("count", fixture.data, "1") }
    for peer in peers {
      #expect(peer.rest() == ["1"])
      #expect(peer.end() == 0)
    }
    #expect(try fixture.open().read { try $0.series() } == ["n": 4])
  }

  @Test func whatAKilledWriterWasToldIsDurableAndTheJournalGoesOn() throws {
    let journal = try fixture.open()
    var promised = 0
    for _ in 0..<5 {
      let peer = try Peer("count", fixture.data, "for ever")
      for _ in 0..<20 { _ = peer.line() }
      peer.kill()
      promised += 20 + peer.rest().count
      // The one commit it was about to tell of may be there or not; nothing it told of is missing.
      let found = Int(try journal.read { try $0.series()["n"] ?? 0 })
      #expect((promised...promised + 1).contains(found))
      promised = found
      try journal.commit { try $0.add(series: ["n": 1]) }
      promised += 1
    }
  }

  @Test func aWriterKilledInsideATransactionLeavesNoTraceAndAnOpenGate() throws {
    let journal = try fixture.open()
    let peer = try Peer("hold", fixture.data)
    #expect(peer.line() == "inside")
    // It holds the gate: one who tries gets nothing, one who reads does not notice.
    let gate = open(fixture.data + "/journal.lock", O_RDWR | O_CLOEXEC)
    defer { close(gate) }
    #expect(flock(gate, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK)
    #expect(try journal.read { try $0.meta("held") } == nil)
    peer.kill()
    #expect(try journal.read { try $0.meta("held") } == nil)
    try journal.commit { try $0.set(meta: "mine", to: "yes") }
    #expect(try journal.read { try $0.meta("mine") } == "yes")
  }

  @Test func aTransactionThatTakesLongHoldsUpOthersUntilItEnds() throws {
    let journal = try fixture.open()
    let peer = try Peer("hold", fixture.data)
    #expect(peer.line() == "inside")
    let waiting = try Peer("count", fixture.data, "1")
    #expect(peer.end() == 0)
    #expect(waiting.rest() == ["1"])
    #expect(waiting.end() == 0)
    #expect(try journal.read { (try $0.meta("held"), try $0.series()["n"]) } == ("yes", 1))
  }

  /// Measured by the grants' own times: exact over processes, whatever order they come in.
  @Test func fourProcessesNeverGetMoreThanTheLimitInAnyWindow() throws {
    let (limit, window, each) = (25, 60_000, 50)
    let peers = try (0..<4).map { _ in
      try Peer("hammer", fixture.data, "\(limit)", "\(window)", "\(each)")
    }
    let grants = peers.flatMap { $0.rest() }.compactMap { Int($0) }.sorted()
    for peer in peers { #expect(peer.end() == 0) }
    #expect(grants.count == 4 * each)
    for (first, next) in zip(grants, grants.dropFirst(limit)) {
      // The first has left the half-open window that the one after the limit closes.
      #expect(next - first >= window)
    }
  }
}
