import AstroCore
import AstroHTTP
import Testing

@testable import AstroLLM

@Suite struct LimitHeadersTests {
  @Test(
    arguments: [
      ("1s", 1_000_000), ("6m0s", 360_000_000), ("9.865s", 9_865_000), ("120ms", 120_000), ("1h2m3.5s", 3_723_500_000),
      ("250µs", 250), ("1500us", 1500), ("2000ns", 2), ("0s", 0),
    ] as [(String, Int64)])
  func goDurations(text: String, microseconds: Int64) {
    #expect(GoDuration.parse(text) == .microseconds(microseconds))
  }

  @Test(arguments: ["", "s", "1", "-1s", "1s2", "1 s", "1d", "1.2.3s", "٣s"])
  func whatIsNoGoDuration(text: String) { #expect(GoDuration.parse(text) == nil) }

  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func datesOfHTTP(text: String) {
    #expect(HTTPDate.parse(text)?.rfc3339 == "1994-11-06T08:49:37.000Z")
  }

  @Test(arguments: [
    "", "tomorrow", "Nov 1994", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT", "06 07 Nov 1994 08:49:37",
  ])
  func whatIsNoDate(text: String) { #expect(HTTPDate.parse(text) == nil) }

  @Test(
    arguments: [
      ("30", 30), ("1795953630", 30), ("1795953630000", 30), ("2026-11-29T12:00:30Z", 30), ("2026-11-29T11:00:00Z", 0),
    ] as [(String, Int64)])
  func resetsComeInManyForms(text: String, seconds: Int64) throws {
    let now = try #require(Timestamp(rfc3339: "2026-11-29T12:00:00Z"))
    let headers = LimitHeaders([("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", text)], now: now)
    #expect(headers.refusal.wait == .seconds(seconds))
  }

  @Test(arguments: [
    ("retry-after-ms", "999999999999"), ("retry-after", "999999999"), ("retry-after", "Sun, 29 Nov 2099 12:00:00 GMT"),
    ("llm_provider-retry-after", "86400"), ("reset_at", "2099-11-29 12:00:00 UTC"),
    ("x-ratelimit-reset-tokens", "87600h"),
  ])
  func nobodyIsWaitedForMoreThanAnHour(name: String, text: String) throws {
    let now = try #require(Timestamp(rfc3339: "2026-11-29T12:00:00Z"))
    let headers = LimitHeaders([(name, text)], now: now)
    #expect(headers.refusal.wait == .seconds(3600))
    #expect(headers.notice?.wait ?? .seconds(3600) == .seconds(3600))
  }
}
