import Foundation
import Testing

@Suite struct ModelsTests {
  private static let prices = """
    models:
      - {model: gpt-4o-mini, input: 0.15, output: 0.60, cache_read: 0.075}
      - {model: 'claude*', input: 3, output: 15, batch_input: 1.5, above: [{tokens: 200000, input: 6, output: 22.50}]}

    """

  @Test func `prices are listed as they were written, tiers on lines of their own`() throws {
    let home = try Home()
    try home.write(Self.prices, to: "config/models.yaml")
    let ending = try home.astro("models")
    #expect(ending.code == 0)
    #expect(
      ending.output == """
        MODEL        TIER      PROMPT ABOVE  INPUT  OUTPUT  CACHE READ  CACHE WRITE  CACHE WRITE 1H  REASONING
        gpt-4o-mini  standard  -             0.15   0.6     0.075       -            -               -
        claude*      standard  -             3      15      -           -            -               -
        claude*      standard  200000        6      22.5    -           -            -               -
        claude*      batch     -             1.5    -       -           -            -               -

        """)
  }

  @Test func `programs read JSON`() throws {
    let home = try Home()
    try home.write(Self.prices, to: "config/models.yaml")
    #expect(
      try home.astro("models", "--json").output == """
        [{"model":"gpt-4o-mini","rates":[\
        {"tier":"standard","above_tokens":0,"input":0.15,"output":0.6,"cache_read":0.075,\
        "cache_write":null,"cache_write_1h":null,"reasoning":null}]},\
        {"model":"claude*","rates":[\
        {"tier":"standard","above_tokens":0,"input":3,"output":15,"cache_read":null,\
        "cache_write":null,"cache_write_1h":null,"reasoning":null},\
        {"tier":"standard","above_tokens":200000,"input":6,"output":22.5,"cache_read":null,\
        "cache_write":null,"cache_write_1h":null,"reasoning":null},\
        {"tier":"batch","above_tokens":0,"input":1.5,"output":null,"cache_read":null,\
        "cache_write":null,"cache_write_1h":null,"reasoning":null}]}]

        """)
  }

  @Test func `a new home has no prices and says where they go`() throws {
    let home = try Home()
    let ending = try home.astro("models")
    #expect(ending.code == 0 && ending.output == "")
    #expect(ending.errors == "no model has a price; write them into config/models.yaml\n")
  }
}
