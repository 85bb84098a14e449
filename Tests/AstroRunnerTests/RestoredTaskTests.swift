import AstroCore
import AstroJournal
import AstroScheduling
import Testing

@testable import AstroRunner

struct RestoredTaskTests {
  /// A limit may have been raised since; what a server has said still holds.
  @Test(arguments: [
    ("limit provider_quota", true), ("limit run_budget", true), ("limit budget:daily", true),
    ("limit openai/tokens", true), ("limit web", false), ("exit code 1", false),
  ])
  func whatWaitsForALimitAsksAnew(reason: String, asksAnew: Bool) throws {
    let run = try #require(WorkflowID(validating: "a-01jd0000000000000000000000"))
    let time = Timestamp(microseconds: 5_000_000)
    let restored = RestoredTask(
      TaskRecord(run: run, task: "t", state: .waiting, attempts: 1, notBefore: time, reason: reason))
    #expect(restored.notBefore == (asksAnew ? nil : time))
  }
}
