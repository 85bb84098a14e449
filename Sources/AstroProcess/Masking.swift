import AstroCore

/// What the warden must keep from the disk of what one attempt says: its secrets. They are in memory only, on their way
/// to the command and to its masks.
public struct Masking: Sendable, Equatable, CustomStringConvertible {
  public var secrets: [String]
  /// `$ASTRO_OUTPUT`.
  public var outputFile: String

  public init(secrets: [String], outputFile: String) {
    self.secrets = secrets
    self.outputFile = outputFile
  }

  /// As the warden receives it.
  init?(_ frame: WireFrame) {
    guard frame.first >= 0, let strings = frame.pointers(count: 1 + Int(frame.first)) else { return nil }
    outputFile = String(cString: strings[0])
    secrets = strings[1...].map { String(cString: $0) }
  }

  /// No secret can get into a message by interpolation.
  public var description: String { "\(secrets.count) secrets" }
}
