import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroYAML

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "What models cost, as config/models.yaml says.",
    discussion: """
      In USD per million tokens. A name that ends in * stands for all that begin so, unless a longer one does. A model \
      that is not listed costs unknown, never 0: a task with a budget in USD is refused.
      """, subcommands: [ModelsShowCommand.self, ModelsImportCommand.self], defaultSubcommand: ModelsShowCommand.self)
}

struct ModelsShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "List the prices.")
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption

  func run() throws {
    let prices = try home.open().configuration.prices
    if output.json { return Output.json { Self.write(prices, to: &$0) } }
    guard !prices.isEmpty else { return Message.note("no model has a price; write them into config/models.yaml") }
    Output.table(
      ["MODEL", "TIER", "PROMPT ABOVE", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE", "CACHE WRITE 1H", "REASONING"],
      prices.flatMap(Self.rows))
  }

  /// The standard tier first; of each tier, short prompts first.
  private static func conditions(_ price: ModelPrice) -> [(PriceCondition, TokenRates)] {
    ServiceTier.allCases.flatMap { tier in
      price.rates.filter { $0.key.tier == tier }.sorted { $0.key.above < $1.key.above }.map { ($0.key, $0.value) }
    }
  }

  private static func rows(_ price: ModelPrice) -> [[String]] {
    conditions(price).map { condition, rates in
      [price.model, condition.tier.rawValue, condition.above > 0 ? String(condition.above) : "-"]
        + PriceKey.all.prefix(6).map { $0.rate(rates).map(dollars) ?? "-" }
    }
  }

  private static func dollars(_ price: Int64) -> String { DecimalText.spell(price, places: PriceKey.places) }

  private static func write(_ prices: [ModelPrice], to writer: inout JSONWriter) {
    writer.beginArray()
    for price in prices {
      writer.beginObject()
      writer.member("model", price.model)
      writer.key("rates")
      writer.beginArray()
      for (condition, rates) in conditions(price) {
        writer.beginObject()
        writer.member("tier", condition.tier.rawValue)
        writer.member("above_tokens", .integer(condition.above))
        // The number nearest to a price is written with the digits of the price.
        for key in PriceKey.all.prefix(6) {
          writer.member(key.name.text, key.rate(rates).map { .number(Double(dollars($0)) ?? 0) } ?? .null)
        }
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
  }
}
