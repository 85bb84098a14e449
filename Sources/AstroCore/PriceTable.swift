/// The prices of models, by name.
public struct PriceTable: Sendable, Equatable {
  private var exact: [String: ModelPrice] = [:]
  /// Those whose name ends in `*`, the longest first.
  private var prefixes: [ModelPrice] = []

  /// Of two prices for the same name the later one counts.
  public init(_ prices: [ModelPrice] = []) {
    for price in prices { exact[price.model] = price }
    prefixes = exact.values.filter { $0.model.hasSuffix("*") }
      .sorted { ($1.model.utf8.count, $0.model) < ($0.model.utf8.count, $1.model) }
  }

  public var isEmpty: Bool { exact.isEmpty }
  /// In the order of their names.
  public var prices: [ModelPrice] { exact.values.sorted { $0.model < $1.model } }

  /// The price of exactly that name; else of the longest beginning of it. `nil`: it costs nobody knows what, never nothing.
  public func price(of model: String) -> ModelPrice? {
    if let price = exact[model] { return price }
    return prefixes.first { model.utf8.starts(with: $0.model.utf8.dropLast()) }
  }
}
