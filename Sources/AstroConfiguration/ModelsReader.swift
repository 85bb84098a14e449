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

  private static let prices: [StaticString] = [
    "input", "output", "cache_read", "cache_write", "cache_write_1h", "batch_input", "batch_output",
  ]
  private static let keys = KeySet(["model"] + prices + ["above"])
  private static let tierKeys = KeySet(["tokens"] + prices)
  private static let hint = "write {model: name, input: 0.15, output: 0.60}"

  mutating func read() -> [ModelPriceEntry] {
    guard let root = document.root, let top = decoder.mapping(root, keys: ["models"]),
      let models = top.member("models"), !models.isNull
    else { return [] }
    guard models.kind == .sequence else {
      decoder.mismatch("a list of models", at: models, hint: "each begins with '- model: ...'")
      return []
    }
    var entries: [ModelPriceEntry] = []
    for node in models.items { if let entry = entry(node) { entries.append(entry) } }
    return entries
  }

  private mutating func entry(_ node: YAMLNode) -> ModelPriceEntry? {
    guard let reader = decoder.mapping(node, keys: Self.keys, hint: Self.hint) else { return nil }
    let model = reader.required("model").flatMap { name($0) }
    let rates = rates(reader)
    let above = reader.member("above").flatMap { decoder.list($0, of: "tiers", tier) } ?? []
    guard let model, let rates else { return nil }
    return ModelPriceEntry(model: model, rates: rates, above: above.sorted { $0.tokens < $1.tokens })
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

  private func tier(_ node: YAMLNode) -> ModelPriceEntry.Tier? {
    guard
      let reader = decoder.mapping(node, keys: Self.tierKeys, hint: "write {tokens: 200000, input: 6, output: 22.5}")
    else { return nil }
    let tokens = reader.required("tokens").flatMap { decoder.integer($0, in: 1...1_000_000_000) }
    guard let rates = rates(reader), let tokens else { return nil }
    return ModelPriceEntry.Tier(tokens: Int64(tokens), rates: rates)
  }

  private func rates(_ reader: MappingReader) -> ModelPriceEntry.Rates? {
    let input = reader.required("input").flatMap(price)
    let output = reader.required("output").flatMap(price)
    var rates = ModelPriceEntry.Rates(input: input ?? 0, output: output ?? 0)
    rates.cacheRead = reader.member("cache_read").flatMap(price)
    rates.cacheWrite = reader.member("cache_write").flatMap(price)
    rates.cacheWriteHour = reader.member("cache_write_1h").flatMap(price)
    rates.batchInput = reader.member("batch_input").flatMap(price)
    rates.batchOutput = reader.member("batch_output").flatMap(price)
    return input == nil || output == nil ? nil : rates
  }

  /// USD per million tokens, in picodollars for one.
  private func price(_ node: YAMLNode) -> Int64? {
    decoder.decimal(
      node, places: ModelPriceEntry.places, in: 0...1_000_000_000_000,
      finest: "the price of one token is counted in picodollars, 1e-12 USD")
  }
}
