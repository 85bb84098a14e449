import Foundation

/// What providers sent, and a ledger: `Fixtures/` beside this file. The streams named after LiteLLM were recorded from its
/// proxy; the others are as the providers' references describe them.
enum Fixtures {
  static func bytes(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
  }
}
