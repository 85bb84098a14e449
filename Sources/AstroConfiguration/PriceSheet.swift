public import AstroCore
import AstroYAML

/// The text of `config/models.yaml`, changed in place: comments, order, and all that people wrote and nobody changes, stay.
public struct PriceSheet {
  private let bytes: [UInt8]
  private let document: YAMLDocument
  /// Where each line begins.
  private let lines: [Int]
  private let rows: [String: YAMLNode]
  private let old: [String: ModelPrice]
  private var wanted: [String: ModelPrice]
  private var edits: [Edit] = []
  private var newRows: [String] = []

  private struct Edit {
    var range: Range<Int>
    var text: String
  }

  /// - Throws: what is wrong with the text.
  public init(_ bytes: [UInt8]) throws(ConfigurationError) {
    self.bytes = bytes
    document = YAMLDocument(bytes, file: "config/models.yaml")
    lines =
      [bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0] + bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
    old = try Self.read(document)
    wanted = old
    var rows: [String: YAMLNode] = [:]
    if let list = document.root?.member("models") {
      for row in list.items { if let model = row.member("model") { rows[model.text] = row } }
    }
    self.rows = rows
  }

  private static func read(_ document: YAMLDocument) throws(ConfigurationError) -> [String: ModelPrice] {
    if document.diagnostics.first?.code == "empty" { return [:] }
    var reader = ModelsReader(document)
    let prices = reader.read()
    if reader.diagnostics.contains(where: { $0.severity == .error }) {
      throw ConfigurationError(diagnostics: reader.diagnostics)
    }
    return Dictionary(prices.map { ($0.model, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// What the sheet says of exactly that name.
  public subscript(model: String) -> ModelPrice? { wanted[model] }

  /// Whether a row can hold a price: one that is written says the same when it is read.
  public static func canHold(_ price: ModelPrice) -> Bool {
    let whole = price.spelledOut(over: nil)
    let text = Array("models:\n\(block([row(whole)]))".utf8)
    return (try? read(YAMLDocument(text, file: "row"))) == [whole.model: whole]
  }

  /// Changes the row of a model, or adds one. Rates that the new price does not list stay. Once for each
  /// model.
  public mutating func set(_ price: ModelPrice) {
    let before = old[price.model]
    let after = price.spelledOut(over: before)
    guard after != before else { return }
    wanted[price.model] = after
    guard let row = rows[price.model] else { return newRows.append(Self.row(after)) }
    var missing = change(row, to: after, from: before, above: 0)
    missing += changeLong(row, to: after, from: before)
    insert(missing, into: row)
  }

  // MARK: Rows

  private static func row(_ price: ModelPrice) -> String {
    let long = price.longPrompts.map { longRow(price, above: $0) }
    let members =
      ["model: \(quoted(price.model))"] + prices(price, above: 0)
      + (long.isEmpty ? [] : ["above: [\(long.joined(separator: ", "))]"])
    return "{\(members.joined(separator: ", "))}"
  }

  private static func longRow(_ price: ModelPrice, above: Int64) -> String {
    "{\((["tokens: \(above)"] + prices(price, above: above)).joined(separator: ", "))}"
  }

  private static func prices(_ price: ModelPrice, above: Int64) -> [String] {
    PriceKey.all.compactMap { key in price.rate(key, above: above).map { "\(key.name): \(spell($0))" } }
  }

  private static func spell(_ rate: Int64) -> String { DecimalText.spell(rate, places: PriceKey.places) }

  /// Bare where no reader could take it for anything but a string.
  private static func quoted(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
    if isPlain, name.contains("-"), name.first?.isLetter == true { return name }
    return "'\(name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
  }

  /// Replaces the prices that a mapping has already.
  /// - Returns: those that it has not.
  private mutating func change(
    _ node: YAMLNode, to after: ModelPrice, from before: ModelPrice?, above: Int64
  ) -> [String] {
    var missing: [String] = []
    for key in PriceKey.all {
      guard let rate = after.rate(key, above: above), rate != before?.rate(key, above: above) else { continue }
      if let value = node.member(key.name) {
        edits.append(Edit(range: start(value)..<end(value), text: Self.spell(rate)))
      } else {
        missing.append("\(key.name): \(Self.spell(rate))")
      }
    }
    return missing
  }

  /// The same for prompts that are longer.
  private mutating func changeLong(
    _ row: YAMLNode, to after: ModelPrice, from before: ModelPrice?
  ) -> [String] {
    let list = row.member("above")
    var added: [String] = []
    for above in after.longPrompts {
      if let item = list?.items.first(where: { $0.member("tokens")?.text == String(above) }) {
        insert(change(item, to: after, from: before, above: above), into: item)
      } else {
        added.append(Self.longRow(after, above: above))
      }
    }
    guard !added.isEmpty else { return [] }
    guard let list else { return ["above: [\(added.joined(separator: ", "))]"] }
    append(added, to: list)
    return []
  }

  // MARK: Text

  /// The whole text. It is read again: one that would say anything else than what is wanted is never given.
  public func text() throws(Failure) -> [UInt8] {
    var edits = edits
    if !newRows.isEmpty { edits.append(contentsOf: additions()) }
    var text = bytes
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      text.replaceSubrange(edit.range, with: Array(edit.text.utf8))
    }
    if let last = text.last, last != 0x0A { text.append(0x0A) }
    guard let read = try? Self.read(YAMLDocument(text, file: "config/models.yaml")), read == wanted else {
      throw Failure(
        .configuration, subject: "config/models.yaml",
        message: "cannot be changed in place: it shares values by anchors, or is written in a form that is not"
          + " understood here; nothing is changed: write the prices by hand, as --dry-run lists them")
    }
    return text
  }

  private func additions() -> [Edit] {
    guard let root = document.root, root.kind == .mapping,
      let entry = root.entries.first(where: { $0.key.isText("models") })
    else {
      let lead = bytes.isEmpty || bytes.last == 0x0A ? "" : "\n"
      return [Edit(range: bytes.count..<bytes.count, text: "\(lead)models:\n\(Self.block(newRows))")]
    }
    let list = entry.value
    if list.items.underestimatedCount > 0 {
      var sheet = self
      sheet.edits = []
      sheet.append(newRows, to: list)
      return sheet.edits
    }
    // `models:` alone, or `models: []`, whose brackets go.
    let lineEnd = endOfLine(entry.key.line)
    let rows = Edit(range: lineEnd..<lineEnd, text: "\n" + Self.block(newRows).dropLast())
    guard list.kind == .sequence else { return [rows] }
    var begin = start(list)
    while begin > 0, bytes[begin - 1] == 0x20 { begin -= 1 }
    return [Edit(range: begin..<end(list), text: ""), rows]
  }

  private static func block(_ rows: [String]) -> String { rows.map { "  - \($0)\n" }.joined() }

  /// Adds items to a list that has some, in its own style.
  private mutating func append(_ items: [String], to list: YAMLNode) {
    guard var last = list.items.first(where: { _ in true }) else {
      edits.append(Edit(range: start(list)..<end(list), text: "[\(items.joined(separator: ", "))]"))
      return
    }
    for item in list.items { last = item }
    if isFlow(list) {
      let place = end(last)
      edits.append(Edit(range: place..<place, text: items.map { ", \($0)" }.joined()))
    } else {
      let place = endOfLine(lastLine(last))
      let indent = String(repeating: " ", count: list.column - 1)
      edits.append(Edit(range: place..<place, text: items.map { "\n\(indent)- \($0)" }.joined()))
    }
  }

  /// Adds members to a mapping that has some, in its own style.
  private mutating func insert(_ members: [String], into node: YAMLNode) {
    var last: YAMLNode?
    for entry in node.entries { last = entry.value }
    guard !members.isEmpty, let last else { return }
    if isFlow(node) {
      let place = end(last)
      edits.append(Edit(range: place..<place, text: members.map { ", \($0)" }.joined()))
    } else {
      let place = endOfLine(lastLine(last))
      let indent = String(repeating: " ", count: node.column - 1)
      edits.append(Edit(range: place..<place, text: members.map { "\n\(indent)\($0)" }.joined()))
    }
  }

  // MARK: Places

  private func isFlow(_ node: YAMLNode) -> Bool {
    let place = start(node)
    return place < bytes.count && (bytes[place] == UInt8(ascii: "{") || bytes[place] == UInt8(ascii: "["))
  }

  private func start(_ node: YAMLNode) -> Int { offset(node.line, node.column) }
  private func end(_ node: YAMLNode) -> Int { offset(node.endLine, node.endColumn) }

  /// The last line that holds anything of it: the end of a block is where the next thing begins.
  private func lastLine(_ node: YAMLNode) -> Int {
    guard node.kind != .scalar, !isFlow(node) else { return node.endLine }
    var last: YAMLNode?
    for item in node.items { last = item }
    for entry in node.entries { last = entry.value }
    return last.map(lastLine) ?? node.line
  }

  /// - Parameter column: in Unicode scalars, the first is 1.
  private func offset(_ line: Int, _ column: Int) -> Int {
    guard lines.indices.contains(line - 1) else { return bytes.count }
    var place = lines[line - 1]
    var rest = column - 1
    while rest > 0, place < bytes.count {
      place += 1
      while place < bytes.count, bytes[place] & 0xC0 == 0x80 { place += 1 }
      rest -= 1
    }
    return place
  }

  /// Before its break.
  private func endOfLine(_ line: Int) -> Int {
    guard lines.indices.contains(line) else { return bytes.count }
    let end = lines[line] - 1
    return end > 0 && bytes[end - 1] == 0x0D ? end - 1 : end
  }
}

extension ModelPrice {
  public func rate(_ key: PriceKey, above: Int64) -> Int64? {
    rates[PriceCondition(tier: key.tier, above: above)].flatMap(key.rate)
  }

  /// From how long on prompts have prices of their own, in order.
  public var longPrompts: [Int64] { Set(rates.keys.map(\.above)).subtracting([0]).sorted() }

  /// This price with what only `other` lists. Where long prompts have some price of their own the whole of it is spelled
  /// out, as a row needs it.
  fileprivate func spelledOut(over other: ModelPrice?) -> ModelPrice {
    var all: [PriceCondition: TokenRates] = other?.rates ?? [:]
    for (condition, rates) in rates {
      for key in PriceKey.all where key.tier == condition.tier {
        if let rate = key.rate(rates) { key.set(&all[condition, default: TokenRates()], rate) }
      }
    }
    let standard = rates[PriceCondition()] ?? TokenRates()
    let (input, output) = (standard.input ?? 0, standard.output ?? 0)
    for above in Set(all.keys.map(\.above)) where above > 0 {
      let condition = PriceCondition(above: above)
      all[condition, default: TokenRates()].input = all[condition]?.input ?? input
      all[condition, default: TokenRates()].output = all[condition]?.output ?? output
    }
    return ModelPrice(model: model, input: input, output: output, rates: all)
  }
}
