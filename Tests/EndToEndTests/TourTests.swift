import Foundation
import Testing

/// The README's tour, pasted: every fenced block of shell in one shell, in a fresh HOME, with the built binary on PATH.
@Suite struct TourTests {
  @Test func `every command of the tour works as it is written`() throws {
    let home = try Home()
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
    let blocks = try String(contentsOf: readme, encoding: .utf8).fencedBlocks(in: "sh")
    try #require(blocks.count >= 7)
    try home.write("set -eux\n" + blocks.joined(separator: "\n"), to: "tour.sh")
    try FileManager.default.createDirectory(atPath: home.path + "/bin", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: home.path + "/bin/astro", withDestinationPath: home.astro)
    let environment = ["HOME": home.path, "PATH": "\(home.path)/bin:/usr/bin:/bin", "LANG": "C.UTF-8"]
    let tour = try Command(
      "/bin/sh", ["-c", "exec sh \"$0\" 2>&1", home.path + "/tour.sh"], environment: environment
    ).finish()
    let said = tour.output
    #expect(tour.code == 0, "\(said)")
    // What the text says comes of it.
    #expect(said.contains("hello, world"))
    #expect(said.contains("hello, there"))
    #expect(said.contains("did you mean 'needs'?"))
    #expect(said.contains("exit code 65"))
    #expect(said.contains("exit code 1\n"))
    let done = home.names(in: "astro/spool/done")
    #expect(done.filter { $0.hasSuffix(".yaml") }.count == 3)
    #expect(done.contains { $0.hasPrefix("flaky-") })
    #expect(home.names(in: "astro/spool/failed").isEmpty)
    #expect(home.names(in: "astro/spool/rejected").contains { $0.hasSuffix(".receipt.json") })
  }
}
