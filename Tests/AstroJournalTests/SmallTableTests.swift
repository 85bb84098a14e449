import AstroCore
import AstroJournal
import Testing

@Suite struct SmallTableTests {
  private let fixture = JournalFixture()
  private let journal: Journal

  init() throws { journal = try fixture.open() }

  @Test func countersAddUp() throws {
    try journal.commit { try $0.add(series: ["a": 1, "b{x=\"\\\"\"}": 0.5]) }
    try journal.commit { try $0.add(series: ["a": 2, "c": 0]) }
    #expect(try journal.read { try $0.series() } == ["a": 3, "b{x=\"\\\"\"}": 0.5, "c": 0])
  }

  @Test func anAgentComesBackAsItWent() throws {
    let whole = AgentRecord(
      id: "b", successes: 0.1, failures: 1e9, infrastructureFailures: 3, probeAt: time(5), lastError: "e")
    try journal.commit { transaction throws in
      try transaction.put(agent: AgentRecord(id: "b"))
      try transaction.put(agent: AgentRecord(id: "a"))
      try transaction.put(agent: whole)
    }
    #expect(try journal.read { try $0.agents() } == [AgentRecord(id: "a"), whole])
  }

  @Test func whatIsRememberedCanBeForgotten() throws {
    #expect(try journal.read { try $0.meta("k") } == nil)
    try journal.commit { try $0.set(meta: "k", to: "v") }
    try journal.commit { try $0.set(meta: "k", to: "w") }
    #expect(try journal.read { try $0.meta("k") } == "w")
    try journal.commit { try $0.set(meta: "k", to: nil) }
    #expect(try journal.read { try $0.meta("k") } == nil)
  }

  @Test func aSubmissionIsTakenOnce() throws {
    let submission = SubmissionRecord(
      id: "s", params: ["date": "2026-11-24", "e": ""], user: "bob", createdAt: time(9))
    try journal.commit { try $0.put(submission: submission) }
    #expect(try journal.read { try $0.submission("s") } == submission)
    #expect(try journal.commit { try $0.take(submission: "s") } == submission)
    #expect(try journal.commit { try $0.take(submission: "s") } == nil)
  }

  @Test func submissionsThatNoRunHasTakenAreFoundByTheirAge() throws {
    try journal.commit { transaction throws in
      for second in 1...3 {
        try transaction.put(
          submission: SubmissionRecord(id: "\(second)", params: [:], user: "u", createdAt: time(Int64(second))))
      }
    }
    #expect(try journal.read { try $0.submissions(before: time(3)) } == ["1", "2"])
  }
}
