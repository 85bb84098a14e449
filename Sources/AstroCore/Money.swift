/// An amount of money in picodollars, 1e-12 USD: prices go down to 1.3e-10 USD for a token, and 64 bits reach 9.2 million
/// USD without rounding.
public struct Money: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var picodollars: Int64

  public init(picodollars: Int64) { self.picodollars = picodollars }

  public static let zero = Money(picodollars: 0)
  public static let perDollar: Int64 = 1_000_000_000_000
  /// Decimals of an amount in USD.
  public static let places = 12
  /// The most that anybody may name: 9 million USD.
  public static let most = Money(picodollars: 9_000_000 * perDollar)

  /// An amount in USD as people write it, `1.50`; `nil` for what is none, has more than twelve decimals or is too large.
  public init?(dollars text: String) {
    guard let value = try? DecimalText.scaled(text, places: Self.places), value >= 0 else { return nil }
    picodollars = value
    if self > Self.most { return nil }
  }

  public static func < (a: Money, b: Money) -> Bool { a.picodollars < b.picodollars }

  /// Saturates: a sum past 9.2 million USD is more than any budget allows.
  public static func + (a: Money, b: Money) -> Money {
    let (sum, overflows) = a.picodollars.addingReportingOverflow(b.picodollars)
    return Money(picodollars: overflows ? (b.picodollars < 0 ? .min : .max) : sum)
  }
  public static func - (a: Money, b: Money) -> Money {
    let (difference, overflows) = a.picodollars.subtractingReportingOverflow(b.picodollars)
    return Money(picodollars: overflows ? (b.picodollars < 0 ? .max : .min) : difference)
  }
  public static func += (a: inout Money, b: Money) { a = a + b }
  public static func -= (a: inout Money, b: Money) { a = a - b }

  /// In USD, for metrics and people; exact arithmetic uses ``picodollars``.
  public var dollars: Double { Double(picodollars) / Double(Self.perDollar) }

  /// USD as far as there are digits, at least cents: `1.50 USD`, `0.000123 USD`.
  public var description: String {
    let (whole, rest) = picodollars.magnitude.quotientAndRemainder(dividingBy: UInt64(Self.perDollar))
    var digits = String(rest)
    digits = String(repeating: "0", count: 12 - digits.utf8.count) + digits
    while digits.utf8.count > 2, digits.hasSuffix("0") { digits.removeLast() }
    return "\(picodollars < 0 ? "-" : "")\(whole).\(digits) USD"
  }
}
