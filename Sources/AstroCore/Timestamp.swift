/// A point of wall time, microseconds since 1970-01-01T00:00:00Z. Only for what people read and for times
/// that must outlive a reboot; what is measured or waited for uses ``Moment/boot``.
public struct Timestamp: Hashable, Sendable, Comparable {
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }
  public static func + (a: Timestamp, b: Duration) -> Timestamp { .init(microseconds: a.microseconds + b.microseconds) }
  public static func - (a: Timestamp, b: Duration) -> Timestamp { .init(microseconds: a.microseconds - b.microseconds) }
  public static func - (a: Timestamp, b: Timestamp) -> Duration { .microseconds(a.microseconds - b.microseconds) }

  /// RFC 3339 in UTC with milliseconds: `2026-11-24T02:00:00.123Z`.
  public var rfc3339: String {
    let c = civil
    return
      "\(pad(c.year, 4))-\(pad(c.month, 2))-\(pad(c.day, 2))T\(pad(c.hour, 2)):\(pad(c.minute, 2)):\(pad(c.second, 2)).\(pad(c.microsecond / 1000, 3))Z"
  }

  /// `20261124T020000Z`, the form inside a workflow identifier.
  public var compact: String {
    let c = civil
    return
      "\(pad(c.year, 4))\(pad(c.month, 2))\(pad(c.day, 2))T\(pad(c.hour, 2))\(pad(c.minute, 2))\(pad(c.second, 2))Z"
  }

  /// Parses what ``compact`` gives; `nil` when the text is anything else.
  public init?(compact text: String) {
    let parts = Array(text)
    guard parts.count == 16 else { return nil }
    func part(_ range: Range<Int>) -> String { String(parts[range]) }
    self.init(
      rfc3339: "\(part(0..<4))-\(part(4..<6))-\(part(6..<11)):\(part(11..<13)):\(part(13..<16))")
  }

  /// Parses RFC 3339: `2026-11-24T02:00:00[.fraction](Z|±hh:mm)`. `nil` when the text is anything else.
  public init?(rfc3339 text: String) {
    let b = Array(text.utf8)
    func digits(_ from: Int, _ count: Int) -> Int? {
      guard from + count <= b.count else { return nil }
      var value = 0
      for byte in b[from..<from + count] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
      }
      return value
    }
    guard b.count >= 20, b[4] == 0x2D, b[7] == 0x2D, b[10] | 0x20 == 0x74, b[13] == 0x3A, b[16] == 0x3A,
      let year = digits(0, 4), let month = digits(5, 2), let day = digits(8, 2),
      let hour = digits(11, 2), let minute = digits(14, 2), let second = digits(17, 2),
      (1...12).contains(month), (1...Self.daysInMonth(month, year)).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var i = 19
    var fraction: Int64 = 0
    if b[i] == 0x2E {
      i += 1
      let start = i
      while i < b.count, (0x30...0x39).contains(b[i]) {
        if i - start < 6 { fraction = fraction * 10 + Int64(b[i] - 0x30) }
        i += 1
      }
      guard i > start else { return nil }
      for _ in min(i - start, 6)..<6 { fraction *= 10 }
    }
    guard i < b.count else { return nil }
    var offset = 0
    switch b[i] {
    case 0x5A, 0x7A: guard i + 1 == b.count else { return nil }
    case 0x2B, 0x2D:
      guard i + 6 == b.count, b[i + 3] == 0x3A, let h = digits(i + 1, 2), let m = digits(i + 4, 2), h < 24, m < 60
      else { return nil }
      offset = (h * 60 + m) * (b[i] == 0x2B ? 60 : -60)
    default: return nil
    }
    let days = Self.daysFromCivil(year, month, day)
    let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  /// Calendar fields in UTC.
  public struct Civil: Sendable {
    public var year, month, day, hour, minute, second, microsecond: Int
  }

  /// Calendar fields by Howard Hinnant's `civil_from_days` (howardhinnant.github.io/date_algorithms.html).
  public var civil: Civil {
    let seconds = floorDivide(microseconds, 1_000_000)
    let days = floorDivide(seconds, 86_400)
    let second = Int(seconds - days * 86_400)
    let z = days + 719_468
    let era = floorDivide(z, 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
    return Civil(
      year: Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month: month,
      day: Int(dayOfYear - (153 * shifted + 2) / 5 + 1), hour: second / 3600, minute: second / 60 % 60,
      second: second % 60, microsecond: Int(microseconds - seconds * 1_000_000))
  }

  private static func daysFromCivil(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func daysInMonth(_ month: Int, _ year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

/// One instant on both clocks. `boot` is CLOCK_BOOTTIME in microseconds: it never steps and counts suspend,
/// so timers, windows and durations are measured on it; it means nothing after a reboot.
public struct Moment: Hashable, Sendable {
  public var wall: Timestamp
  public var boot: Int64

  public init(wall: Timestamp, boot: Int64) {
    self.wall = wall
    self.boot = boot
  }

  public func advanced(by duration: Duration) -> Moment {
    Moment(wall: wall + duration, boot: boot + duration.microseconds)
  }
}

/// Where the time comes from. The real one reads the kernel's clocks; tests turn the hands themselves.
public protocol Clock: Sendable {
  func now() -> Moment
}

extension Duration {
  /// Whole microseconds, saturating.
  public var microseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : scaled &+ attoseconds / 1_000_000_000_000
  }
  /// Seconds as a floating-point number, for records and metrics.
  public var seconds: Double { Double(microseconds) / 1_000_000 }
  /// Milliseconds with microsecond resolution, for `duration_ms`.
  public var milliseconds: Double { Double(microseconds) / 1000 }
}

private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((b - 1 - a) / b) }

private func pad(_ value: Int, _ width: Int) -> String {
  let digits = String(value)
  return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
}
