import AstroCore
import Glibc

/// The clock on the wall of this machine.
enum LocalTime {
  /// Minutes since midnight, by localtime_r(3).
  static func minute(of time: Timestamp) -> Int {
    var seconds = time_t(time.microseconds / 1_000_000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return Int(parts.tm_hour) * 60 + Int(parts.tm_min)
  }

  /// The date as `2026-11-29`, and when the next one begins. Days of 23 and 25 hours have their own length.
  static func day(of time: Timestamp, isLocal: Bool) -> (name: String, end: Timestamp) {
    var seconds = time_t(time.microseconds / 1_000_000)
    var parts = tm()
    if isLocal { localtime_r(&seconds, &parts) } else { gmtime_r(&seconds, &parts) }
    let digits: (Int32, Int) -> String = { number, width in
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    let name = "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
    var next = tm()
    (next.tm_year, next.tm_mon, next.tm_mday, next.tm_isdst) = (parts.tm_year, parts.tm_mon, parts.tm_mday + 1, -1)
    let end = isLocal ? mktime(&next) : timegm(&next)
    return (name, Timestamp(microseconds: Int64(end) * 1_000_000))
  }
}
