import AstroTestKit
import Foundation
import Testing

/// Batches whose agent cannot serve them, and the places that its fallbacks have.
struct BatchFallbackTests {
  /// Agents `left` and `right`, of which each stands in for the other with a model `own`, and has a limit of its name.
  private func home(_ left: ScriptedServer, _ right: ScriptedServer, limits: String, concurrency: Int) throws -> Home {
    let home = try Home()
    try home.write("system: {\(Home.unlimited)}\nlimits: \(limits)\n", to: "config/system_config.yaml")
    let agents = [("left", left, "right"), ("right", right, "left")].map { name, server, other in
      "  - {id: \(name), type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: own, limits: [\(name)],\n"
        + "     fallbacks: [\(other)], max_concurrent: \(concurrency)}\n"
    }
    try home.write("agents:\n" + agents.joined(), to: "config/agents.yaml")
    return home
  }

  /// The most calls that were under way with an agent at a time, as the journal has them.
  private func mostAtATime(_ agent: String, _ home: Home) throws -> String {
    try home.sql(
      """
      SELECT max(n) FROM (SELECT (SELECT count(*) FROM call AS other WHERE other.agent = call.agent \
      AND other.started_boot <= call.started_boot AND other.started_boot + other.duration_us > call.started_boot) AS n \
      FROM call WHERE agent = '\(agent)')
      """)
  }

  @Test func noMoreAreSentToAFallbackAtATimeThanItHasPlaces() throws {
    let left = ScriptedServer(answers: [Batches.refusal])
    let hold = AstroTestKit.Gate()
    let right = ScriptedServer { connection in
      while connection.request() != nil {
        hold.wait()
        connection.send(Batches.answer)
      }
    }
    let home = try home(
      left, right, limits: "{left: {concurrent: 9}, right: {concurrent: 2}}", concurrency: 4)
    try home.submit(Batches.lines(8), as: "ask.jsonl")
    let drain = try home.start("drain")
    try eventually("both places are taken, and more have asked") {
      try right.requests.count >= 2 && home.denials(by: "right/concurrent") >= 1
    }
    #expect(right.requests.count == 2)
    #expect(try home.sql("SELECT count(*) FROM call WHERE agent = 'right' AND status IS NULL") == "2")
    for _ in 1...8 { hold.open() }
    #expect(try drain.finish().code == 0)
    #expect(try Batches.ids(home.results(in: "done")) == (1...8).map { "r\($0)" })
    #expect(right.requests.count == 8)
    #expect(try mostAtATime("right", home) == "2")
  }

  /// Each holds the only place of its own agent, and needs that of the other's.
  @Test func twoThatNeedEachOthersPlaceDoNotWaitForEachOther() throws {
    let hold = AstroTestKit.Gate()
    let script: @Sendable (ScriptedConnection) -> Void = { connection in
      while let request = connection.request() {
        if String(decoding: request.body, as: UTF8.self).contains(#""model":"own""#) {
          connection.send(Batches.answer)
        } else {
          hold.wait()
          connection.send(Batches.refusal)
        }
      }
    }
    let (left, right) = (ScriptedServer(script), ScriptedServer(script))
    let home = try home(left, right, limits: "{left: {concurrent: 1}, right: {concurrent: 1}}", concurrency: 1)
    let watch = try home.start("watch")
    try home.submit(Batches.lines(3), as: "one.jsonl")
    try eventually("the first holds one place") { left.requests.count + right.requests.count == 1 }
    try home.submit(Batches.lines(3), as: "two.jsonl")
    try eventually("the second holds the other") { left.requests.count == 1 && right.requests.count == 1 }
    for _ in 1...2 { hold.open() }
    try eventually("both are done") { home.names(in: "spool/done").count == 6 }
    #expect(left.requests.count == 4 && right.requests.count == 4)
    #expect(try mostAtATime("left", home) == "1")
    #expect(try mostAtATime("right", home) == "1")
    #expect(try home.log("Rate limit exceeded").isEmpty, "neither had to be parked")
    #expect(try watch.stop().code == 0)
  }
}
