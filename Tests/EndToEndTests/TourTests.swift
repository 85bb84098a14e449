import Foundation
import Testing

/// The README's tour, pasted: every fenced block of shell in one shell, in a fresh HOME, with the built binary on PATH.
@Suite struct TourTests {
  @Test func `every command of the tour works as it is written`() throws {
    let home = try FollowHome()
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
    let blocks = Self.blocks(in: try String(contentsOf: readme, encoding: .utf8))
    try #require(blocks.count >= 7)
    let binary = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"])
    let script = home.path + "/tour.sh"
    try ("set -eux\n" + blocks.joined(separator: "\n")).write(toFile: script, atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: home.path + "/bin", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: home.path + "/bin/astro", withDestinationPath: binary)
    let tour = Process()
    tour.executableURL = URL(fileURLWithPath: "/bin/sh")
    tour.arguments = [script]
    tour.environment = ["HOME": home.path, "PATH": "\(home.path)/bin:/usr/bin:/bin", "LANG": "C.UTF-8"]
    let output = Pipe()
    tour.standardOutput = output
    tour.standardError = output
    try tour.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    tour.waitUntilExit()
    #expect(tour.terminationStatus == 0, "\(said)")
    // What the text says comes of it.
    let astro = home.path + "/astro"
    #expect(said.contains("hello, world"))
    #expect(said.contains("hello, there"))
    #expect(said.contains("did you mean 'needs'?"))
    #expect(said.contains("exit code 65"))
    #expect(said.contains("exit code 1\n"))
    let done = try FileManager.default.contentsOfDirectory(atPath: astro + "/spool/done")
    #expect(done.filter { $0.hasSuffix(".yaml") }.count == 3)
    #expect(done.contains { $0.hasPrefix("flaky-") })
    #expect(try FileManager.default.contentsOfDirectory(atPath: astro + "/spool/failed").isEmpty)
    let rejected = try FileManager.default.contentsOfDirectory(atPath: astro + "/spool/rejected")
    #expect(rejected.contains { $0.hasSuffix(".receipt.json") })
  }

  private static func blocks(in text: String) -> [String] {
    var blocks: [String] = []
    var block: [Substring]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      switch (line, block) {
      case ("```sh", nil): block = []
      case ("```", let lines?):
        blocks.append(lines.joined(separator: "\n") + "\n")
        block = nil
      case (_, .some): block?.append(line)
      default: break
      }
    }
    return blocks
  }
}
