/// Decimal numbers read and written exactly, as whole multiples of a power of ten: money never goes through a `Double`.
public enum DecimalText {
  public enum Fault: Error, Sendable, Equatable {
    /// Not a decimal number.
    case malformed
    /// It has digits below the last place there is.
    case tooFine
    /// 64 bits do not hold it.
    case tooLarge
  }

  /// `text` times 10^`places`, exactly: `0.15` with 6 places is 150000. Reads what YAML 1.2 and JSON call a decimal number,
  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
  public static func scaled(_ text: String, places: Int) throws(Fault) -> Int64 {
    guard let number = Parts(text) else { throw .malformed }
    var digits = number.digits[...]
    // Where the last digit stands, in places after the scaled point.
    var shift = places - number.fraction + number.exponent
    while shift < 0, let last = digits.last, last == 0 {
      digits.removeLast()
      shift += 1
    }
    digits = digits.drop { $0 == 0 }
    guard !digits.isEmpty else { return 0 }
    guard shift >= 0 else { throw .tooFine }
    guard digits.count + shift <= 19 else { throw .tooLarge }
    var value: Int64 = 0
    for digit in digits + [UInt8](repeating: 0, count: shift) {
      let (tenfold, overflows) = value.multipliedReportingOverflow(by: 10)
      let (next, overflowsToo) = tenfold.addingReportingOverflow(Int64(digit))
      guard !overflows, !overflowsToo else { throw .tooLarge }
      value = next
    }
    return number.isNegative ? -value : value
  }

  /// The shortest text that ``scaled(_:places:)`` reads as `value`: 150000 with 6 places is `0.15`.
  public static func spell(_ value: Int64, places: Int) -> String {
    let digits = String(value.magnitude)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let point = padded.index(padded.endIndex, offsetBy: -places)
    let fraction = padded[point...]
    let kept = fraction.lastIndex { $0 != "0" }.map { "." + fraction[...$0] } ?? ""
    return (value < 0 ? "-" : "") + padded[..<point] + kept
  }

  private struct Parts {
    var isNegative = false
    /// Without the point.
    var digits: [UInt8] = []
    /// How many of them stand after it.
    var fraction = 0
    var exponent = 0

    init?(_ text: String) {
      var rest = Substring(text).utf8
      isNegative = rest.first == UInt8(ascii: "-")
      if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
      digits = Self.take(&rest)
      if rest.first == UInt8(ascii: ".") {
        rest.removeFirst()
        let after = Self.take(&rest)
        fraction = after.count
        digits += after
      }
      guard !digits.isEmpty else { return nil }
      if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
        rest.removeFirst()
        let isDown = rest.first == UInt8(ascii: "-")
        if isDown || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        // Farther ones are of no number anybody wrote, and their sums must not overflow.
        guard let power = Int(String(decoding: Self.take(&rest).map { $0 + 0x30 }, as: UTF8.self)), power <= 400 else {
          return nil
        }
        exponent = isDown ? -power : power
      }
      guard rest.isEmpty else { return nil }
    }

    private static func take(_ rest: inout Substring.UTF8View) -> [UInt8] {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(digits.count)
      return digits.map { $0 - 0x30 }
    }
  }
}
