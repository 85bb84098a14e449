import AstroHTTP
import Testing

struct HTTPRequestTests {
  @Test func aLongAnswerHasTimeWhileItKeepsComing() {
    let timeouts = HTTPTimeouts()
    #expect(timeouts.connect < timeouts.idle)
    #expect(timeouts.idle < timeouts.total)
  }
}
