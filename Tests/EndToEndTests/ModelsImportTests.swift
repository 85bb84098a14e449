import Foundation
import Glibc
import Testing

/// Prices from LiteLLM's table.
@Suite struct ModelsImportTests {
  private static let table = #"""
    {
      "sample_spec": {"input_cost_per_token": 0.0, "mode": "chat"},
      "gpt-4o-mini": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
        "cache_read_input_token_cost": 7.5e-08, "mode": "chat"},
      "gpt-4o": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
        "input_cost_per_token_above_200k_tokens": 5e-06},
      "claude-x-1": {"input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
      "dall-e-3": {"output_cost_per_image": 0.04, "mode": "image_generation"}
    }

    """#

  private func home() throws -> Home {
    let home = try Home()
    try home.write(
      """
      agents:
        - {id: a, type: llm, dialect: openai_chat, model: gpt-4o-mini}
        - {id: b, type: llm, dialect: openai_chat, model: gpt-4o}
        - {id: c, type: llm, dialect: openai_chat, model: claude-x-1}
        - {id: d, type: llm, dialect: openai_chat, model: of-our-own}

      """, to: "config/agents.yaml")
    try home.write(Self.rows, to: "config/models.yaml")
    try home.write(Self.table, to: "table.json")
    return home
  }

  private static let rows = """
    # Ours.
    models:
      - {model: gpt-4o, input: 2, output: 10}   # negotiated
      - {model: 'claude*', input: 1, output: 1}

    """

  @Test func `the models of agents get their prices, and nothing else changes`() throws {
    let home = try home()
    try #require(chmod(home.path + "/config/models.yaml", 0o640) == 0)
    let dry = try home.astro("models", "import", "--dry-run", "table.json")
    #expect(dry.code == 0)
    let changes = """
      ~ gpt-4o: input 2 -> 2.5, input 5 above 200000, output 10 above 200000
      + gpt-4o-mini: input 0.15, output 0.6, cache_read 0.075
      1 added, 1 changed, 0 as they were
      """
    #expect(dry.output == changes + "; a dry run: config/models.yaml is as it was\n")
    #expect(try home.read("config/models.yaml") == Self.rows)

    let ending = try home.astro("models", "import", "table.json")
    #expect(ending.code == 0)
    #expect(ending.output == changes + "\n")
    #expect(
      ending.errors == """
        claude-x-1 has its price from 'claude*'; --model 'claude-x-1' gives it one of its own
        of-our-own is not in table.json: write its price by hand

        """)
    #expect(
      try home.read("config/models.yaml") == """
        # Ours.
        models:
          - {model: gpt-4o, input: 2.5, output: 10, above: [{tokens: 200000, input: 5, output: 10}]}   # negotiated
          - {model: 'claude*', input: 1, output: 1}
          - {model: gpt-4o-mini, input: 0.15, output: 0.6, cache_read: 0.075}

        """)
    var status = stat()
    try #require(stat(home.path + "/config/models.yaml", &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640)
    #expect(home.names(in: "config") == ["agents.yaml", "models.yaml", "system_config.yaml"])
    #expect(try home.astro("models").output.contains("gpt-4o-mini  standard"))

    let again = try home.astro("models", "import", "table.json")
    #expect(again.output == "0 added, 0 changed, 2 as they were\n")
  }

  @Test func `all of the table, or those that a pattern fits`() throws {
    let home = try home()
    #expect(
      try home.astro("models", "import", "--model", "claude-?-*", "table.json").output
        == "+ claude-x-1: input 3, output 15\n1 added, 0 changed, 0 as they were\n")
    let all = try home.astro("models", "import", "--all", "-", input: Self.table)
    #expect(all.code == 0)
    #expect(all.output.hasSuffix("1 added, 1 changed, 1 as they were\n"))
    let none = try home.astro("models", "import", "--model", "none*", "table.json")
    #expect(none.code == 66)
    #expect(none.errors.contains("table.json: prices no model that fits 'none*'"))
    #expect(try home.astro("models", "import", "--all", "--model", "x", "table.json").code == 64)
  }

  @Test func `programs read JSON`() throws {
    let home = try home()
    let told = try home.astro("models", "import", "--json", "--model", "gpt-4o", "table.json").output
    #expect(
      told == """
        {"written":true,"models":[{"model":"gpt-4o","change":"changed","prices":[\
        {"key":"input","above_tokens":0,"before":2,"after":2.5},\
        {"key":"input","above_tokens":200000,"before":null,"after":5},\
        {"key":"output","above_tokens":200000,"before":null,"after":10}]}],"missing":[],"covered":[],"skipped":[]}

        """)
  }

  @Test func `a model that no row can hold is skipped, and the others are taken`() throws {
    let home = try home()
    let prices = #""input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06"#
    let names = [#"az\u0085ure"#, #"new\nline"#, "any/*", "it's: odd # [x]", "dear", "plain-1"]
    let rows = names.map { name in
      #""\#(name)": {\#(name == "dear" ? prices.replacingOccurrences(of: "1e-06", with: "2") : prices)}"#
    }
    try home.write("{\(rows.joined(separator: ", "))}", to: "odd.json")
    let ending = try home.astro("models", "import", "--all", "odd.json")
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(
      ending.output == """
        + it's: odd # [x]: input 1, output 2
        + plain-1: input 1, output 2
        2 added, 0 changed, 0 as they were

        """)
    #expect(
      ending.errors.lines
        == ["any/*", "az?ure", "dear", "new?line"].map {
          "warning: '\($0)' is skipped: no row of config/models.yaml can hold its name or its price"
        })
    #expect(try home.astro("models").output.contains("it's: odd # [x]"))
    let told = try home.astro("models", "import", "--json", "--model", "any*", "odd.json").output
    #expect(told == #"{"written":false,"models":[],"missing":[],"covered":[],"skipped":["any/*"]}"# + "\n")
  }

  @Test func `what costs next to nothing does not become free`() throws {
    let home = try home()
    try home.write(
      #"{"tiny-1": {"input_cost_per_token": 1e-13, "output_cost_per_token": 1.4e-12, "cache_read_input_token_cost": 0}}"#,
      to: "tiny.json")
    #expect(
      try home.astro("models", "import", "--all", "tiny.json").output.lines.first
        == "+ tiny-1: input 0.000001, output 0.000001, cache_read 0")
  }

  @Test(arguments: [
    ("", "table.json: is no price table of LiteLLM's: cannot be read"),
    ("{\"a\": {\"input_cost_per_token\": 1", "table.json: is no price table of LiteLLM's: cannot be read"),
    ("[1]", "table.json: is no price table of LiteLLM's: cannot be read: it is no JSON object"),
    ("{\"dall-e-3\": {\"output_cost_per_image\": 0.04}}", "table.json: prices no model: is it LiteLLM's"),
  ])
  func `what is no table changes nothing`(text: String, complaint: String) throws {
    let home = try home()
    try home.write(text, to: "table.json")
    let ending = try home.astro("models", "import", "table.json")
    #expect(ending.code == 65)
    #expect(ending.errors.contains(complaint), "\(ending.errors)")
    #expect(try home.read("config/models.yaml") == Self.rows)
  }

  @Test func `what cannot be read or changed is said`() throws {
    let home = try home()
    #expect(try home.astro("models", "import", "nowhere.json").code == 66)
    let shared =
      "models:\n  - {model: gpt-4o-mini, input: &p 1, output: 2}\n  - {model: gpt-4o, input: *p, output: 10}\n"
    try home.write(shared, to: "config/models.yaml")
    let ending = try home.astro("models", "import", "table.json")
    #expect(ending.code == 78)
    #expect(ending.errors.contains("cannot be changed in place"))
    #expect(try home.read("config/models.yaml") == shared)
  }

  @Test func `a home without the file gets it, and a link stays one`() throws {
    let home = try home()
    try FileManager.default.removeItem(atPath: home.path + "/config/models.yaml")
    #expect(try home.astro("models", "import", "table.json").code == 0)
    #expect(try home.read("config/models.yaml").contains("\nmodels:\n  - {model: claude-x-1, input: 3, output: 15}\n"))
    try home.write("models: []\n", to: "prices.yaml")
    try FileManager.default.removeItem(atPath: home.path + "/config/models.yaml")
    try #require(symlink("../prices.yaml", home.path + "/config/models.yaml") == 0)
    let linked = try home.astro("models", "import", "table.json")
    #expect(linked.code == 0, "\(linked.errors)")
    #expect(try home.read("prices.yaml").contains("gpt-4o-mini"))
    var status = stat()
    #expect(lstat(home.path + "/config/models.yaml", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }
}
