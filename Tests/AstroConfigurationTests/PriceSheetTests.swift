import AstroCore
import Testing

@testable import AstroConfiguration

/// The text of `config/models.yaml`, changed in place.
@Suite struct PriceSheets {
  /// In USD per million tokens.
  private func price(
    _ model: String, _ input: Int64, _ output: Int64, read: Int64? = nil, long: (above: Int64, input: Int64)? = nil
  ) -> ModelPrice {
    var rates = [PriceCondition(): TokenRates(cacheRead: read.map { $0 * 1_000_000 })]
    if let long { rates[PriceCondition(above: long.above)] = TokenRates(input: long.input * 1_000_000) }
    return ModelPrice(model: model, input: input * 1_000_000, output: output * 1_000_000, rates: rates)
  }

  private func text(_ before: String, _ prices: ModelPrice...) throws -> String {
    var sheet = try PriceSheet(Array(before.utf8))
    for price in prices { sheet.set(price) }
    return String(decoding: try sheet.text(), as: UTF8.self)
  }

  @Test func aRowKeepsItsCommentsAndItsStyle() throws {
    #expect(
      try text(
        """
        # Ours.
        models:
          - model: a-1      # the cheap one
            input: 1        # of March
            output: 2.50
            reasoning: 9

            # About the next.
          - {model: b-1, output: 4, input: 3}  # flow
          - {model: mine, input: 0, output: 0}
        # The end.

        """, price("a-1", 5, 6, read: 1), price("b-1", 3, 8, read: 2))
          == """
          # Ours.
          models:
            - model: a-1      # the cheap one
              input: 5        # of March
              output: 6
              reasoning: 9
              cache_read: 1

              # About the next.
            - {model: b-1, output: 8, input: 3, cache_read: 2}  # flow
            - {model: mine, input: 0, output: 0}
          # The end.

          """)
  }

  @Test func whatIsAsItWasIsNotTouched() throws {
    let before = "models: [{model: a-1, input: 1.000, output: '2'}]\n"
    #expect(throws: ConfigurationError.self) { try PriceSheet(Array(before.utf8)) }
    let sound = "models: [{model: a-1, input: 1.000, output: 2.0}]"
    #expect(try text(sound, price("a-1", 1, 2)) == sound + "\n")
  }

  @Test func newRowsComeAtTheEndInTheStyleOfTheList() throws {
    #expect(
      try text(
        "models:\n- {model: a-1, input: 1, output: 2} # x\n\n# end\n", price("b-1", 3, 4),
        price("it's: bx", 5, 6, read: 0))
        == "models:\n- {model: a-1, input: 1, output: 2} # x\n- {model: b-1, input: 3, output: 4}\n"
        + "- {model: 'it''s: bx', input: 5, output: 6, cache_read: 0}\n\n# end\n")
    #expect(
      try text("models: [{model: a-1, input: 1, output: 2}]\n", price("b-1", 3, 4))
        == "models: [{model: a-1, input: 1, output: 2}, {model: b-1, input: 3, output: 4}]\n")
  }

  @Test func aSheetWithoutRowsGetsItsFirst() throws {
    let row = "  - {model: a-1, input: 1, output: 2}\n"
    #expect(try text("", price("a-1", 1, 2)) == "models:\n" + row)
    #expect(try text("# only words", price("a-1", 1, 2)) == "# only words\nmodels:\n" + row)
    #expect(
      try text("models: []   # none yet\n#  - {x}\n", price("a-1", 1, 2)) == "models:   # none yet\n\(row)#  - {x}\n")
    #expect(try text("models:\n# end\n", price("a-1", 1, 2)) == "models:\n\(row)# end\n")
    let template = try text(ConfigurationTemplate.models, price("a-1", 1, 2))
    #expect(template == ConfigurationTemplate.models.replacing("models: []\n", with: "models:\n" + row))
  }

  @Test func longPromptsHaveRowsOfTheirOwn() throws {
    let long = price("a-1", 1, 2, long: (above: 1000, input: 9))
    #expect(
      try text("models:\n  - {model: a-1, input: 1, output: 2}\n", long)
        == "models:\n  - {model: a-1, input: 1, output: 2, above: [{tokens: 1000, input: 9, output: 2}]}\n")
    #expect(
      try text(
        "models:\n  - model: a-1\n    input: 1\n    output: 2\n    above:\n      - tokens: 500\n        input: 5\n        output: 5\n",
        long)
        == "models:\n  - model: a-1\n    input: 1\n    output: 2\n    above:\n      - tokens: 500\n        input: 5\n        output: 5\n"
        + "      - {tokens: 1000, input: 9, output: 2}\n")
    #expect(
      try text("models: [{model: a-1, input: 1, output: 2, above: [{tokens: 1000, input: 3, output: 4}]}]\n", long)
        == "models: [{model: a-1, input: 1, output: 2, above: [{tokens: 1000, input: 9, output: 4}]}]\n")
    #expect(
      try text("models: [{model: a-1, input: 1, output: 2, above: []}]\n", long)
        == "models: [{model: a-1, input: 1, output: 2, above: [{tokens: 1000, input: 9, output: 2}]}]\n")
    #expect(
      try text("models: []\n", long)
        == "models:\n  - {model: a-1, input: 1, output: 2, above: [{tokens: 1000, input: 9, output: 2}]}\n")
  }

  @Test func whatCannotBeChangedInPlaceIsNotChanged() throws {
    let shared = "models:\n  - {model: a-1, input: &p 1, output: 2}\n  - {model: b-1, input: *p, output: 2}\n"
    #expect {
      try text(shared, price("b-1", 7, 2))
    } throws: {
      ($0 as? Failure)?.description.hasPrefix("config/models.yaml: cannot be changed in place: it shares values")
        == true
    }
  }

  /// Whatever is imported is read back as it was meant, over several rounds.
  @Test(arguments: [
    "", "models: []\n", "models:\r\n  - {model: x-1, input: 1, output: 2}\r\n",
    "models:\n  - input: 1   # 1\n    model: x-1\n    output: 2\n  # z\n",
    "\u{FEFF}models: [ {model: x-1, input: 1, output: 2, } , ]\n",
    "{models: [{\"model\": \"x-1\", \"input\": 1, \"output\": 2}]}\n",
  ])
  func everyFormIsReadBack(before: String) throws {
    var now = before
    for round in Int64(1)...3 {
      now = try text(
        now, price("x-1", round, 5, read: round == 2 ? 4 : nil),
        price("y-\(round)", 1, 2, long: (above: 1000, input: round)),
        price("z-1", round, 2))
    }
    let read = try PriceSheet(Array(now.utf8))
    #expect(read["x-1"] == price("x-1", 3, 5, read: 4))
    #expect(read["z-1"]?.rate(PriceKey.all[0], above: 0) == 3_000_000)
    #expect(read["y-3"]?.rate(PriceKey.all[0], above: 1000) == 3_000_000)
  }
}
