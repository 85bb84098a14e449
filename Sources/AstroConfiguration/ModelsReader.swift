import AstroCore
import AstroYAML

/// Reads `models.yaml` strictly.
struct ModelsReader {
  private let decoder: StrictDecoder
  private let document: YAMLDocument
  /// Where each model was given a price first.
  private var lines: [String: Int] = [:]

  init(_ document: YAMLDocument) {
    self.document = document
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  private static let keys = KeySet(["model"] + PriceKey.all.map(\.name) + ["above"])
  private static let tierKeys = KeySet(["tokens"] + PriceKey.all.map(\.name))
  private static let hint = "write {model: name, input: 0.15, output: 0.60}"

  mutating func read() -> [ModelPrice] {
    guard let root = document.root, let top = decoder.mapping(root, keys: ["models"]),
      let models = top.member("models"), !models.isNull
    else { return [] }
    guard models.kind == .sequence else {
      decoder.mismatch("a list of models", at: models, hint: "each begins with '- model: ...'")
      return []
    }
    var prices: [ModelPrice] = []
    for node in models.items { if let price = model(node) { prices.append(price) } }
    return prices
  }

  private mutating func model(_ node: YAMLNode) -> ModelPrice? {
    guard let reader = decoder.mapping(node, keys: Self.keys, hint: Self.hint) else { return nil }
    let model = reader.required("model").flatMap { name($0) }
    var rates: [PriceCondition: TokenRates] = [:]
    read(reader, above: 0, into: &rates)
    if let node = reader.member("above") {
      _ = decoder.list(node, of: "prices of long prompts") { node -> Bool? in
        readLong(node, into: &rates)
        return true
      }
    }
    let standard = rates[PriceCondition()]
    guard let model, let input = standard?.input, let output = standard?.output else { return nil }
    return ModelPrice(model: model, input: input, output: output, rates: rates)
  }

  private mutating func name(_ node: YAMLNode) -> String? {
    guard let name = decoder.string(node) else { return nil }
    if name.isEmpty || name.dropLast().contains("*") {
      decoder.error(
        "bad_name", "\(StrictDecoder.describe(node)) is not a model's name", at: node,
        hint: "a '*' may stand at the end")
    } else if let line = lines[name] {
      decoder.error("duplicate_model", "model '\(name)' has a price in line \(line) already", at: node)
    } else {
      lines[name] = node.line
    }
    return name
  }

  /// What the whole call costs once its prompt is longer.
  private func readLong(_ node: YAMLNode, into rates: inout [PriceCondition: TokenRates]) {
    guard
      let reader = decoder.mapping(node, keys: Self.tierKeys, hint: "write {tokens: 200000, input: 6, output: 22.5}"),
      let tokens = reader.required("tokens"), let above = decoder.integer(tokens, in: 1...1_000_000_000)
    else { return }
    if rates.keys.contains(where: { $0.above == above }) {
      decoder.error("duplicate_price", "prompts above \(above) tokens have a price already", at: tokens)
    }
    read(reader, above: Int64(above), into: &rates)
  }

  private func read(_ reader: MappingReader, above: Int64, into rates: inout [PriceCondition: TokenRates]) {
    for key in ["input", "output"] as [StaticString] { _ = reader.required(key) }
    for key in PriceKey.all {
      guard let node = reader.member(key.name), let price = price(node) else { continue }
      key.set(&rates[PriceCondition(tier: key.tier, above: above), default: TokenRates()], price)
    }
  }

  /// USD per million tokens, in picodollars for one.
  private func price(_ node: YAMLNode) -> Int64? {
    decoder.decimal(
      node, places: PriceKey.places, in: 0...1_000_000_000_000,
      finest: "the price of one token is counted in picodollars, 1e-12 USD")
  }
}
