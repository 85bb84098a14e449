import AstroCore
import AstroYAML

/// `limits:`, which tasks and agents take by name.
extension SystemReader {
  private static let boundKeys: [StaticString] = ["concurrent", "rate", "tokens", "spend_usd"]
  private static let limitKeys = KeySet(boundKeys + ["hours", "per", "reservation"])
  private static let hourKeys = KeySet(boundKeys + ["from", "to"])
  private static let most: Int64 = 1_000_000_000_000_000

  func limits(_ node: YAMLNode) -> [NamedLimit] {
    guard let entries = decoder.entries(node, hint: "write {openai: {rate: 60/1m}}") else { return [] }
    return entries.compactMap { limit($0.key, $0.value) }
  }

  private func limit(_ key: YAMLNode, _ node: YAMLNode) -> NamedLimit? {
    name(key, of: "a limit")
    if Self.limiters.contains(where: { key.isText($0) }) {
      decoder.error(
        "bad_name", "'\(key.text)' is a limit of Astro's own", at: key,
        hint: "it is set in system.rate_limits; give this one another name")
    }
    guard let reader = decoder.mapping(node, keys: Self.limitKeys, hint: "write {rate: 60/1m}") else { return nil }
    var limit = NamedLimit(name: key.text, bounds: bounds(reader))
    limit.scope = reader.word("per", as: NamedLimit.Scope.self) ?? .all
    limit.reservation = reader.word("reservation", as: NamedLimit.Reservation.self) ?? .strict
    limit.hours = reader.member("hours").flatMap { decoder.list($0, of: "hours", hours) } ?? []
    if !boundsAnything(reader), reader.member("hours") == nil {
      decoder.error("no_bound", "limit '\(key.text)' bounds nothing", at: key, hint: "write {rate: 60/1m}")
    }
    return limit
  }

  private func hours(_ node: YAMLNode) -> NamedLimit.Hours? {
    guard
      let reader = decoder.mapping(
        node, keys: Self.hourKeys, hint: "write {from: '22:00', to: '06:00', rate: 600/1m}")
    else { return nil }
    let from = reader.required("from").flatMap { time($0, last: 1439) }
    let to = reader.required("to").flatMap { time($0, last: 1440) }
    if !boundsAnything(reader) {
      decoder.error("no_bound", "these hours bound nothing", at: node, hint: "write what they change: rate: 600/1m")
    }
    let bounds = bounds(reader)
    guard let from, let to else { return nil }
    if from == to {
      decoder.error("no_time", "these hours end when they begin", at: node, hint: "a whole day is from 00:00 to 24:00")
    }
    return NamedLimit.Hours(from: from, to: to, bounds: bounds)
  }

  private func boundsAnything(_ reader: MappingReader) -> Bool {
    Self.boundKeys.contains { reader.member($0) != nil }
  }

  private func bounds(_ reader: MappingReader) -> NamedLimit.Bounds {
    NamedLimit.Bounds(
      concurrent: reader.integer("concurrent", in: 1...1_000_000).map(Int64.init),
      rate: reader.member("rate").flatMap { rate($0, places: 0, "60/1m") },
      tokens: reader.member("tokens").flatMap { rate($0, places: 0, "200000/1m") },
      spend: reader.member("spend_usd").flatMap { rate($0, places: Money.places, "5/1d") })
  }

  /// So much in a window, `60/1m`.
  /// - Parameter places: decimals of the amount.
  private func rate(_ node: YAMLNode, places: Int, _ example: String) -> NamedLimit.Rate? {
    let parts = node.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard node.kind == .scalar, parts.count == 2, let window = Notation.duration(parts[1]) else {
      decoder.mismatch("an amount in a time such as \(example)", at: node)
      return nil
    }
    guard Self.windows.contains(window) else {
      let (least, most) = (Notation.spell(Self.windows.lowerBound), Notation.spell(Self.windows.upperBound))
      decoder.error("out_of_range", "expected a time from \(least) to \(most), got \(parts[1])", at: node)
      return nil
    }
    do throws(DecimalText.Fault) {
      let amount = try DecimalText.scaled(parts[0], places: places)
      if amount > 0, places > 0 || amount <= Self.most { return NamedLimit.Rate(amount: amount, window: window) }
      decoder.error("out_of_range", "\(parts[0]) is no amount that can be granted", at: node)
    } catch {
      switch error {
      case .malformed: decoder.mismatch("an amount in a time such as \(example)", at: node)
      case .tooLarge: decoder.error("out_of_range", "\(parts[0]) is no amount that can be granted", at: node)
      case .tooFine:
        decoder.error(
          "too_fine", "\(parts[0]) has \(places == 0 ? "decimals" : "more than \(places) decimals")", at: node)
      }
    }
    return nil
  }

  /// `HH:MM`, in minutes.
  private func time(_ node: YAMLNode, last: Int) -> Int? {
    let digits = node.text.utf8.map { Int($0) - 0x30 }
    let isTime = digits.count == 5 && digits[2] == 10 && [0, 1, 3, 4].allSatisfy { (0...9).contains(digits[$0]) }
    let minutes = isTime ? (digits[0] * 10 + digits[1]) * 60 + digits[3] * 10 + digits[4] : .max
    guard node.kind == .scalar, minutes <= last, digits[3] < 6 else {
      decoder.mismatch("a time of day such as 22:00", at: node)
      return nil
    }
    return minutes
  }

  func name(_ key: YAMLNode, of what: String) {
    let name = key.text
    guard !(1...64).contains(name.utf8.count) || !name.utf8.allSatisfy(Identifier.isByte) else { return }
    decoder.error(
      "bad_name", "\(StrictDecoder.describe(key)) is not the name of \(what)", at: key,
      hint: "at most 64 letters, digits, '_', '-' and '.'")
  }
}
