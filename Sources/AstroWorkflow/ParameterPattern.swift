/// The regular expression of a parameter. `\d` and its kin are ASCII, as those who write them expect; an unanchored
/// pattern may match anywhere.
struct ParameterPattern {
  /// Compiling recurses over parentheses and matching may go over a text many times: neither is for long patterns.
  static let longest = 256

  private let regex: Regex<AnyRegexOutput>

  /// `nil` when the text is not a regular expression, or too long for one.
  init?(_ text: String) {
    guard text.utf8.count <= Self.longest, let regex = try? Regex(text) else { return nil }
    self.regex = regex.asciiOnlyDigits().asciiOnlyWordCharacters().asciiOnlyWhitespace()
      .matchingSemantics(.unicodeScalar)
  }

  func matches(_ text: String) -> Bool { ((try? regex.firstMatch(in: text)) ?? nil) != nil }
}
