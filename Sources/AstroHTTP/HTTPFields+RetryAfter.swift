public import AstroCore

extension HTTPFields {
  /// How long the server asks to be left alone: `Retry-After` in whole seconds or as a date (RFC 9110, 10.2.3). Never
  /// negative; `nil` when it is absent or neither.
  public func retryAfter(now: Timestamp) -> Duration? {
    guard let text = self["retry-after"] else { return nil }
    let digits = text.utf8.drop { $0 == 0x20 || $0 == 0x09 }.prefix { (0x30...0x39).contains($0) }
    if !digits.isEmpty, text.utf8[digits.endIndex...].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
      // A number too long to read is longer than anybody waits.
      return min(.seconds(Int64(String(Substring(digits))) ?? .max / 1_000_000), Notation.longestDuration)
    }
    return HTTPDate.parse(text).map { max(.zero, $0 - now) }
  }
}
