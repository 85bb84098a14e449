import Foundation
import Testing

/// A sample of the storm that `make torture` plays twenty times, each three times as long.
@Suite struct KillStormTests {
  @Test func `runners killed at random lose nothing, run nothing twice and know how everything ended`() throws {
    let binary = try #require(
      ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    let storm = Process()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Torture/kill-storm.py")
    storm.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    storm.arguments = ["python3", script.path, binary, "--files", "60", "--kills", "25"]
    let said = Pipe()
    storm.standardOutput = said
    storm.standardError = said
    try storm.run()
    let output = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    storm.waitUntilExit()
    #expect(storm.terminationStatus == 0, "\(output)")
    #expect(output.contains(": 25 runners killed, 60 files: 0 lost, 0 twice, 0 unknown, counters exact"))
  }
}
