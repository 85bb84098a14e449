extension Money {
  /// In USD as a decimal number, exact and as short as that is: `0.0125`, `3`, `0.000000000001`.
  public var spelled: String {
    let (whole, rest) = picodollars.magnitude.quotientAndRemainder(dividingBy: UInt64(Self.perDollar))
    let digits = String(rest)
    var fraction = Substring(String(repeating: "0", count: 12 - digits.utf8.count) + digits)
    while fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
    return (picodollars < 0 ? "-" : "") + String(whole) + (fraction.isEmpty ? "" : ".\(fraction)")
  }
}
