import Foundation
import Testing

/// The configurations and workflows that the README shows.
@Suite struct ReadmeTests {
  @Test func `every example is valid as it is written`() throws {
    let home = try Home()
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
    let blocks = try String(contentsOf: readme, encoding: .utf8).fencedBlocks(in: "yaml")
    let files = blocks.filter { $0.hasPrefix("# config/") }
    #expect(
      files.map { String($0.prefix { $0 != "\n" }) } == [
        "# config/agents.yaml", "# config/system_config.yaml", "# config/models.yaml",
      ])
    for file in files { try home.write(file, to: String(file.prefix { $0 != "\n" }.dropFirst(2))) }
    let workflows = blocks.filter { !$0.hasPrefix("# config/") }
    try #require(workflows.count == 2)
    for (number, text) in workflows.enumerated() {
      let ending = try home.astro("validate", try home.made("example-\(number).yaml", text))
      #expect(ending.code == 0 && ending.errors == "", "\(ending.errors)")
    }
  }
}
