import Foundation
import Testing

/// A script of Tests/Torture over the built binary, which says what it found in one line and leaves with 0 when that is
/// nothing.
struct Torture {
  private let command: Command

  init(_ script: String, _ arguments: String...) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../Torture").path
    command = try Command(
      "/usr/bin/env", ["python3", "-B", "\(folder)/\(script)", Home(isMade: false).astro] + arguments)
  }

  /// Waits for its end.
  func verdict() throws -> String {
    let ending = try command.finish()
    #expect(ending.code == 0, "\(ending)")
    return ending.output
  }
}
