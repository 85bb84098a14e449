import AstroCore

/// One answer of `astro doctor`: what was looked at, what was found, and what to do about it.
struct Finding: Equatable {
  enum Level: String, CaseIterable {
    case ok, warning, problem
  }

  /// One word, stable: programs select by it.
  let check: String
  let level: Level
  let message: String
  /// What to do; `nil` when nothing need be done.
  let advice: String?

  static func ok(_ check: String, _ message: String) -> Finding {
    Finding(check: check, level: .ok, message: message, advice: nil)
  }
  static func warning(_ check: String, _ message: String, _ advice: String) -> Finding {
    Finding(check: check, level: .warning, message: message, advice: advice)
  }
  static func problem(_ check: String, _ message: String, _ advice: String) -> Finding {
    Finding(check: check, level: .problem, message: message, advice: advice)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("check", check)
    writer.member("status", level.rawValue)
    writer.member("message", message)
    writer.member("advice", advice.map { .string($0) } ?? .null)
    writer.endObject()
  }
}
