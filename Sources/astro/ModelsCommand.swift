import ArgumentParser
import AstroConfiguration
import AstroCore

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "What models cost, as config/models.yaml says.",
    discussion: """
      In USD per million tokens. A name that ends in * stands for all that begin so, unless a longer one does. A model \
      that is not listed costs unknown, never 0: a task with a budget in USD is refused.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption

  func run() throws {
    let prices = try home.open().configuration.prices
    if output.json { return Output.json { Self.write(prices, to: &$0) } }
    guard !prices.isEmpty else { return Message.note("no model has a price; write them into config/models.yaml") }
    Output.table(
      ["MODEL", "ABOVE TOKENS", "INPUT", "OUTPUT"] + Self.rest.map { $0.title }, prices.flatMap(Self.rows))
  }

  /// The prices that need not be there.
  private static let rest: [(title: String, key: String, price: @Sendable (ModelPriceEntry.Rates) -> Int64?)] = [
    ("CACHE READ", "cache_read", { $0.cacheRead }), ("CACHE WRITE", "cache_write", { $0.cacheWrite }),
    ("CACHE WRITE 1H", "cache_write_1h", { $0.cacheWriteHour }), ("BATCH INPUT", "batch_input", { $0.batchInput }),
    ("BATCH OUTPUT", "batch_output", { $0.batchOutput }),
  ]

  /// One for the price, one for each tier.
  private static func rows(_ entry: ModelPriceEntry) -> [[String]] {
    [[entry.model, "-"] + cells(entry.rates)] + entry.above.map { [entry.model, String($0.tokens)] + cells($0.rates) }
  }

  private static func cells(_ rates: ModelPriceEntry.Rates) -> [String] {
    [dollars(rates.input), dollars(rates.output)] + rest.map { $0.price(rates).map(dollars) ?? "-" }
  }

  private static func dollars(_ price: Int64) -> String { DecimalText.spell(price, places: ModelPriceEntry.places) }

  private static func write(_ prices: [ModelPriceEntry], to writer: inout JSONWriter) {
    writer.beginArray()
    for entry in prices {
      writer.beginObject()
      writer.member("model", entry.model)
      write(entry.rates, to: &writer)
      writer.key("above")
      writer.beginArray()
      for tier in entry.above {
        writer.beginObject()
        writer.member("tokens", .integer(tier.tokens))
        write(tier.rates, to: &writer)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
  }

  /// As the file has them: the number nearest to a price is written with the digits of the price.
  private static func write(_ rates: ModelPriceEntry.Rates, to writer: inout JSONWriter) {
    func number(_ price: Int64) -> JSONValue { .number(Double(dollars(price)) ?? 0) }
    writer.member("input", number(rates.input))
    writer.member("output", number(rates.output))
    for (_, key, price) in rest { writer.member(key, price(rates).map(number) ?? .null) }
  }
}
