import Testing

/// A sample of the storm that `make torture` plays twenty times, each three times as long.
@Suite struct KillStormHarnessTests {
  /// R3.
  @Test func `runners killed at random lose nothing, run nothing twice and know how everything ended`() throws {
    let storm = try Torture("kill-storm.py", "--files", "60", "--kills", "25").verdict()
    #expect(storm.contains(": 25 runners killed, 60 files: 0 lost, 0 twice, 0 unknown, counters exact"))
  }
}
