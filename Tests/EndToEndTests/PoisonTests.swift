import Foundation
import Glibc
import Testing

@Suite struct PoisonTests {
  /// Whether the runner has noted that it reads a file; "-" is none any more.
  private func isReading(_ runner: Command, _ home: Home) throws -> Bool {
    try home.names(in: "data/runners").contains { name in
      guard name.hasSuffix(".reading"), name.contains("-\(runner.pid)-") else { return false }
      let text = try home.read("data/runners/\(name)")
      return !text.isEmpty && !text.hasPrefix("-")
    }
  }

  @Test func `a file whose reading ended five runners is set aside unread, others are not blamed`() throws {
    let home = try Home()
    let tasks = (0..<60_000).map { "  t\($0): {run: 'true', needs: [\($0 == 0 ? "" : "t\($0 - 1)")]}\n" }.joined()
    try home.submit("tasks:\n" + tasks, as: "big.yaml")
    for _ in 1...5 {
      let watch = try home.start("watch")
      try eventually("it reads the file") { try isReading(watch, home) }
      try watch.kill()
      #expect(home.waiting == ["big.yaml"])
    }
    try home.submit(Workflows.succeeding, as: "small.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
    let receipt = try home.read("spool/rejected/\(home.run(in: "rejected")).receipt.json")
    #expect(receipt.contains("\"file\":\"big.yaml\"") && receipt.contains("\"code\":\"poison\""))
    #expect(receipt.contains("\"message\":\"five runners ended while they read this file\""))
    #expect(try home.read("data/metrics/astro.prom").contains("astro_rejected_total{reason=\"poison\"} 1\n"))
    #expect(home.names(in: "data/runners").isEmpty)
    // The same workflow in another file is another file.
    try home.submit("tasks:\n" + String(tasks.prefix { $0 != "\n" }) + "\n", as: "big.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 4)
  }
}
