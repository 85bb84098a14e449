import AstroCore
import Testing

@testable import AstroRunner

struct LearnedLimitTests {
  private func said(_ remaining: Int64, limit: Int64? = 60, reset: Duration = .seconds(10)) -> ProviderNotice.Allowance
  {
    .init(limit: limit, remaining: remaining, reset: reset)
  }

  @Test func nothingBindsBeforeAnAnswer() {
    #expect(LearnedLimit().most(at: 0) == nil)
  }

  @Test func whatIsLeftBindsUntilTheWindowIsWholeAgain() throws {
    var limit = LearnedLimit()
    limit.learn(said(7), sentAt: 0, at: 1_000_000)
    let most = try #require(limit.most(at: 4_000_000))
    #expect(most.count == 7 && most.for == .seconds(7))
    #expect(limit.most(at: 11_000_000)?.count == 60)
  }

  @Test func ofAnswersThatOvertakeEachOtherTheLeastHoldsAndALaterOneReplacesIt() {
    var limit = LearnedLimit()
    limit.learn(said(7), sentAt: 0, at: 1_000_000)
    limit.learn(said(9), sentAt: 500_000, at: 1_100_000)
    #expect(limit.most(at: 1_100_000)?.count == 7)
    limit.learn(said(30), sentAt: 1_200_000, at: 1_300_000)
    #expect(limit.most(at: 1_300_000)?.count == 30)
  }

  @Test func afterNothingWasLeftOneCallFindsOutHowMuchIs() {
    var limit = LearnedLimit()
    limit.learn(said(0), sentAt: 0, at: 1_000_000)
    #expect(limit.most(at: 10_999_999)?.count == 0)
    #expect(limit.most(at: 11_000_000)?.count == 1)
    limit.learn(said(59), sentAt: 11_000_000, at: 11_100_000)
    #expect(limit.most(at: 11_100_000)?.count == 59)
  }

  @Test func withoutAResetOnlyTheWholeIsKnown() {
    var limit = LearnedLimit()
    limit.learn(.init(limit: 60, remaining: 3), sentAt: 0, at: 1)
    #expect(limit.most(at: 2)?.count == 60)
    limit.learn(.init(limit: 0, remaining: nil, reset: .seconds(1)), sentAt: 2, at: 3)
    #expect(limit.most(at: 3)?.count == 60)
  }
}
