import AstroMCP
import Testing

struct ProtocolEraTests {
  @Test func revisionsSortByDate() {
    #expect(ProtocolEra.legacy.rawValue < ProtocolEra.modern.rawValue)
  }
}
