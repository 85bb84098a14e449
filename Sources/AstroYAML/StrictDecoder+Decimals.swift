public import AstroCore

extension StrictDecoder {
  /// A number between two others, exactly as written, in units of 10^-`places`.
  /// - Parameter finest: the hint for one that is written finer than that.
  public func decimal(
    _ node: YAMLNode, places: Int, in range: ClosedRange<Int64>, finest: @autoclosure () -> String
  ) -> Int64? {
    let (least, most) = (range.lowerBound, range.upperBound)
    let expected =
      "a number from \(DecimalText.spell(least, places: places)) to \(DecimalText.spell(most, places: places))"
    guard node.kind == .scalar, node.isPlain else {
      let isQuoted = node.kind == .scalar && (try? DecimalText.scaled(node.text, places: places)) != nil
      mismatch(expected, at: node, hint: isQuoted ? "write it without quotes" : nil)
      return nil
    }
    // `0x10` is an integer too.
    let text = if case .integer(let value)? = node.scalar { String(value) } else { node.text }
    do throws(DecimalText.Fault) {
      let value = try DecimalText.scaled(text, places: places)
      if range.contains(value) { return value }
      error("out_of_range", "expected \(expected), got \(node.text)", at: node)
    } catch {
      switch error {
      case .malformed: mismatch(expected, at: node)
      case .tooFine: self.error("too_fine", "\(node.text) has more than \(places) decimals", at: node, hint: finest())
      case .tooLarge: self.error("out_of_range", "expected \(expected), got \(node.text)", at: node)
      }
    }
    return nil
  }

  /// An amount in USD, exactly.
  public func money(_ node: YAMLNode) -> Money? {
    decimal(
      node, places: Money.places, in: 0...Money.most.picodollars,
      finest: "money is counted in picodollars, 1e-12 USD"
    ).map { Money(picodollars: $0) }
  }

  /// `{usd, tokens, calls}`, at least one of them.
  public static let budgetKeys: [StaticString] = ["usd", "tokens", "calls"]

  /// Those of ``budgetKeys`` that a mapping holds.
  public func budget(_ reader: MappingReader) -> BudgetPlan {
    let bounds = BudgetPlan(
      cost: reader.member("usd").flatMap { money($0) },
      tokens: reader.integer("tokens", in: 1...1_000_000_000_000_000).map(Int64.init),
      calls: reader.integer("calls", in: 1...1_000_000_000_000).map(Int64.init))
    if Self.budgetKeys.allSatisfy({ reader.member($0) == nil }) {
      error("no_bound", "the budget bounds nothing", at: reader.node, hint: "write {usd: 1.50}")
    }
    return bounds
  }
}
