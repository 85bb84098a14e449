import AstroConfiguration
import AstroCore
import AstroJournal
import Testing

@testable import AstroRunner

/// What a workflow says about itself, where it is shown.
@Suite struct WorkflowNotesTests {
  private let fixture: RunnerFixture
  private let text = "description: |\n  Counts\n  words\nlabels: {team: data, tier: 1}\ntasks: {a: {run: x}}\n"

  init() throws { fixture = try RunnerFixture() }

  private func members(_ write: (inout JSONWriter) -> Void) throws -> [String: JSONValue] {
    var writer = JSONWriter()
    write(&writer)
    guard case .map(let members) = try JSONReader.parse(writer.bytes) else { return [:] }
    return members
  }

  @Test func aPlanHasThem() throws {
    let examiner = Examiner(fixture.configuration)
    let workflow = try examiner.check(Array(text.utf8), file: "w.yaml", given: [:], at: fixture.clock.now().wall)
    let members = try members(PlanReport(workflow, fixture.configuration).write)
    #expect(members["description"] == .string("Counts\nwords\n"))
    #expect(members["labels"] == .map(["team": .string("data"), "tier": .string("1")]))
  }

  @Test func aRunHasThemWithAllItsTasks() throws {
    let journal = try fixture.journal()
    let one = run("a", .running)
    try journal.commit { try $0.insert(one, content: Array(text.utf8)) }
    let report = try #require(
      try journal.read { try RunReport(wholeOf: one.id, in: $0, runs: fixture.home.runs) })
    let members = try members(report.write)
    #expect(members["description"] == .string("Counts\nwords\n"))
    #expect(members["labels"] == .map(["team": .string("data"), "tier": .string("1")]))
  }

  @Test func aRunWithoutThemSaysNothing() throws {
    let journal = try fixture.journal()
    let one = run("a", .running)
    try journal.commit { try $0.insert(one, content: Array("tasks: {a: {run: x}}\n".utf8)) }
    let report = try #require(
      try journal.read { try RunReport(wholeOf: one.id, in: $0, runs: fixture.home.runs) })
    let members = try members(report.write)
    #expect(members["description"] == nil && members["labels"] == nil)
  }
}
