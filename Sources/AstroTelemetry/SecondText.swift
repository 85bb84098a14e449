import AstroCore
import Glibc

/// The text of one wall-clock second, in UTC for the file and in local time for people. Lines of the same second
/// differ in three digits only, so calendar arithmetic is done once a second.
struct SecondText {
  private var utcSecond = Int64.min
  /// `2026-11-24T02:00:00.`, what milliseconds and `Z` follow.
  private(set) var utc: [UInt8] = []
  private var localSecond = Int64.min
  /// `02:00:00.`
  private(set) var local: [UInt8] = []

  mutating func setUTC(_ second: Int64) {
    guard second != utcSecond else { return }
    utcSecond = second
    utc = Array(Timestamp(microseconds: second * 1_000_000).rfc3339.utf8.dropLast(4))
  }

  mutating func setLocal(_ second: Int64) {
    guard second != localSecond else { return }
    localSecond = second
    var time = time_t(second)
    var fields = tm()
    localtime_r(&time, &fields)
    local = []
    for value in [fields.tm_hour, fields.tm_min, fields.tm_sec] {
      local += [UInt8(ascii: "0") + UInt8(value / 10), UInt8(ascii: "0") + UInt8(value % 10), UInt8(ascii: ":")]
    }
    local[local.count - 1] = UInt8(ascii: ".")
  }
}

extension Timestamp {
  /// The second it lies in, and the milliseconds within that.
  var secondAndMillisecond: (Int64, Int) {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    return remainder >= 0
      ? (quotient, Int(remainder / 1000)) : (quotient - 1, Int((remainder + 1_000_000) / 1000))
  }

  /// The kernel's wall clock (clock_gettime(2), CLOCK_REALTIME).
  static var current: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
