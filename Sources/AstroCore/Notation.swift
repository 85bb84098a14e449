/// How durations and sizes are written in YAML and on the command line.
public enum Notation {
  /// 100 Julian years: what is longer was not meant, and sums of durations must not overflow.
  public static let longestDuration = Duration.seconds(3_155_760_000)

  /// `500ms 10s 5m 2h 1d`, or a bare number of seconds; fractions allowed (`1.5h`). `nil` when it is none of these.
  /// What is longer than ``longestDuration`` is cut to just past it, so that callers can say so.
  public static func duration(_ text: String) -> Duration? {
    let end = text.utf8.firstIndex { !((0x30...0x39).contains($0) || $0 == 0x2E) } ?? text.utf8.endIndex
    let digits = text[..<end]
    guard let first = digits.utf8.first, first != 0x2E, digits.utf8.last != 0x2E, let number = Double(digits) else {
      return nil
    }
    let scale: Double
    switch text[end...] {
    case "", "s": scale = 1
    case "ms": scale = 0.001
    case "m": scale = 60
    case "h": scale = 3600
    case "d": scale = 86_400
    default: return nil
    }
    return duration(seconds: number * scale)
  }

  /// A number of seconds; `nil` when it is negative or no number.
  public static func duration(seconds: Double) -> Duration? {
    guard seconds >= 0 else { return nil }
    let most = longestDuration.seconds + 1
    return .microseconds(Int64((min(seconds, most) * 1_000_000).rounded()))
  }

  private static let units: [(word: String, bytes: Double)] = [
    ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40), ("K", 0x1p10), ("M", 0x1p20), ("G", 0x1p30),
    ("T", 0x1p40), ("", 1),
  ]

  /// `64MiB`, `512K` (both in powers of 1024), or a bare number of bytes; fractions allowed (`1.5GiB`), rounded to whole
  /// bytes. `nil` when it is none of these. What is more than 2^62 is cut to that.
  public static func size(_ text: String) -> Int64? {
    let end = text.utf8.firstIndex { !((0x30...0x39).contains($0) || $0 == 0x2E) } ?? text.utf8.endIndex
    let digits = text[..<end]
    guard let first = digits.utf8.first, first != 0x2E, digits.utf8.last != 0x2E, let number = Double(digits),
      let unit = units.first(where: { $0.word == text[end...] })
    else { return nil }
    return Int64(min(number * unit.bytes, 0x1p62).rounded())
  }

  /// In the largest unit that is exact: `512MiB`, `1536KiB`, `1000 bytes`.
  public static func spell(bytes: Int64) -> String {
    for (power, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
      if bytes >= 1 << power, bytes.isMultiple(of: 1 << power) { return "\(bytes >> power)\(unit)" }
    }
    return bytes == 1 ? "1 byte" : "\(bytes) bytes"
  }

  /// The shortest exact spelling people use: `90s` is `1m 30s`, `0` is `0s`; below a second, milliseconds.
  public static func spell(_ duration: Duration) -> String {
    let total = duration.microseconds
    if total < 0 { return "-" + spell(.microseconds(-total)) }
    if total < 1_000_000 { return total == 0 ? "0s" : "\((total + 999) / 1000)ms" }
    var rest = (total + 500_000) / 1_000_000
    var parts: [String] = []
    for (size, unit) in [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] as [(Int64, String)] where rest >= size {
      parts.append("\(rest / size)\(unit)")
      rest %= size
    }
    return parts.prefix(2).joined(separator: " ")
  }
}
