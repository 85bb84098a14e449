import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroYAML

struct ModelsImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Take prices over from LiteLLM's table.",
    discussion: """
      FILE is model_prices_and_context_window.json of github.com/BerriAI/litellm, or - for stdin. Without an option the \
      models that agents name get their prices. Rows that are there are changed in place, others are added at the end; \
      comments and all other rows stay. A model whose price comes from a row that ends in * keeps it. What a row cannot \
      hold (a name with * or a line break, more than 1 USD a token) is skipped with a warning. Prices are kept in \
      millionths of a USD per million tokens: what is finer is rounded to the nearest, and never to 0.

      Exit code 65 when FILE is no such table, 66 when it cannot be read or prices no model that --model fits, 78 when \
      config/models.yaml is wrong, or written in a form that cannot be changed in place: nothing is changed then.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Flag(help: "Every model of the table.") var all = false
  @Option(help: ArgumentHelp("The models that this pattern fits: * and ? as in a shell.", valueName: "glob"))
  var model: String?
  @Flag(help: "Only show what would change.") var dryRun = false
  @Argument(help: "The table; - is stdin.") var file: String

  func validate() throws {
    if all, model != nil { throw ValidationError("--all and --model exclude each other") }
  }

  func run() throws {
    let site = try home.open()
    let selection: PriceImport.Selection = all ? .all : model.map { .fitting($0) } ?? .ofAgents
    let prices = try PriceImport(
      try WorkflowFile.read(file), named: file, selection, site.configuration, home: site.home.root)
    if !dryRun, !prices.isEmpty { try prices.write() }
    if output.json { return Output.json { write(prices, to: &$0) } }
    for change in prices.changes where change.kind != .unchanged {
      let sign = change.kind == .added ? "+" : "~"
      Output.line(
        Terminal.printable("\(sign) \(change.model): \(change.prices.map(Self.spell).joined(separator: ", "))"))
    }
    for (model, row) in prices.covered {
      Message.note(
        Terminal.printable("\(model) has its price from '\(row)'; --model '\(model)' gives it one of its own"))
    }
    for model in prices.skipped {
      Message.note("warning: '\(model)' is skipped: no row of config/models.yaml can hold its name or its price")
    }
    for model in prices.missing {
      Message.note(Terminal.printable("\(model) is not in \(file): write its price by hand"))
    }
    Output.line(summary(prices))
  }

  private func summary(_ prices: PriceImport) -> String {
    func count(_ kind: PriceImport.Change.Kind) -> Int { prices.changes.count { $0.kind == kind } }
    let counts = "\(count(.added)) added, \(count(.changed)) changed, \(count(.unchanged)) as they were"
    return dryRun ? "\(counts); a dry run: config/models.yaml is as it was" : counts
  }

  /// `input 0.15`, `input 2 -> 3`, `input 6 above 200000`.
  private static func spell(_ price: PriceImport.Price) -> String {
    func dollars(_ rate: Int64) -> String { DecimalText.spell(rate, places: PriceKey.places) }
    let before = price.before.map { "\(dollars($0)) -> " } ?? ""
    return "\(price.key.name) \(before)\(dollars(price.after))" + (price.above > 0 ? " above \(price.above)" : "")
  }

  private func write(_ prices: PriceImport, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("written", !dryRun && !prices.isEmpty)
    writer.key("models")
    writer.beginArray()
    for change in prices.changes {
      writer.beginObject()
      writer.member("model", change.model)
      writer.member("change", change.kind.rawValue)
      writer.key("prices")
      writer.beginArray()
      for price in change.prices { Self.write(price, to: &writer) }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.member("missing", .list(prices.missing.map(JSONValue.string)))
    writer.member(
      "covered", .list(prices.covered.map { .map(["model": .string($0.model), "by": .string($0.row)]) }))
    writer.member("skipped", .list(prices.skipped.map(JSONValue.string)))
    writer.endObject()
  }

  private static func write(_ price: PriceImport.Price, to writer: inout JSONWriter) {
    // The number nearest to a price is written with the digits of the price.
    func number(_ rate: Int64) -> JSONValue { .number(Double(DecimalText.spell(rate, places: PriceKey.places)) ?? 0) }
    writer.beginObject()
    writer.member("key", price.key.name.text)
    writer.member("above_tokens", .integer(price.above))
    writer.member("before", price.before.map(number) ?? .null)
    writer.member("after", number(price.after))
    writer.endObject()
  }
}
