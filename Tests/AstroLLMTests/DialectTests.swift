import AstroLLM
import Testing

struct DialectTests {
  @Test func wordsAreThoseOfTheConfiguration() {
    #expect(Dialect.allCases.map(\.rawValue) == ["openai_chat", "openai_responses", "anthropic_messages"])
  }
}
