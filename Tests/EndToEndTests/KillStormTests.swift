import Foundation
import Testing

/// A sample of the storm that `make torture` plays twenty times, each three times as long.
@Suite struct KillStormTests {
  @Test func `runners killed at random lose nothing, run nothing twice and know how everything ended`() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Torture/kill-storm.py").path
    let storm = try Command(
      "/usr/bin/env", ["python3", script, Home(isMade: false).astro, "--files", "60", "--kills", "25"]
    ).finish()
    #expect(storm.code == 0, "\(storm)")
    #expect(storm.output.contains(": 25 runners killed, 60 files: 0 lost, 0 twice, 0 unknown, counters exact"))
  }
}
