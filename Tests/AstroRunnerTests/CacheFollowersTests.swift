import AstroCore
import Testing

@testable import AstroRunner

/// A watcher runs for months: of those who are to be told nothing may be left that nobody tells any more.
@Suite struct CacheFollowersTests {
  private func attempt(_ number: Int, of run: String = "run") -> AttemptKey {
    AttemptKey(workflow: WorkflowID(unchecked: run), task: "t", number: number)
  }

  @Test func whoIsNotedAgainAndAgainIsToldOnce() {
    var followers = CacheFollowers()
    for _ in 1...1000 {
      followers.note(attempt(1), under: "k")
      followers.wait(attempt(2), for: "k")
    }
    // Each under its key, and its key under it.
    #expect(followers.count == 4)
    #expect(followers.take("k", isKept: true) == [attempt(1), attempt(2)])
    #expect(followers.count == 0)
  }

  @Test func nothingIsLeftOfThoseThatHaveBegun() {
    var followers = CacheFollowers()
    for number in 1...1000 {
      followers.note(attempt(number), under: "one \(number % 7)")
      followers.note(attempt(number), under: "two")
      followers.forget(attempt(number))
    }
    #expect(followers.count == 0)
  }

  @Test func nothingIsLeftOfThoseWhoWereTold() {
    var followers = CacheFollowers()
    for number in 1...1000 {
      followers.wait(attempt(number), for: "k\(number)")
      #expect(followers.take("k\(number)", isKept: false) == [attempt(number)])
    }
    #expect(followers.count == 0)
  }

  @Test func whoStandsInLineIsToldOfAResultOnly() {
    var followers = CacheFollowers()
    followers.note(attempt(1), under: "k")
    followers.wait(attempt(2), for: "k")
    #expect(followers.take("k", isKept: false) == [attempt(2)])
    #expect(followers.isEmpty && followers.count == 2)
    #expect(followers.take("k", isKept: true) == [attempt(1)])
  }

  @Test func ofARunThatHasEndedNothingIsLeft() {
    var followers = CacheFollowers()
    for number in 1...100 {
      followers.note(attempt(number), under: "k\(number % 3)")
      followers.wait(attempt(number, of: "other"), for: "k\(number % 5)")
    }
    followers.forget(WorkflowID(unchecked: "run"))
    #expect(followers.count == 200)
    followers.forget(WorkflowID(unchecked: "other"))
    #expect(followers.count == 0)
  }
}

extension CacheFollowers {
  /// How many it holds, each as often as it does.
  fileprivate var count: Int {
    (Array(waiting.values) + Array(inLine.values)).reduce(0) { $0 + $1.count } + keys.values.reduce(0) { $0 + $1.count }
  }
}
