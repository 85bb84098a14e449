import AstroTestKit
import Foundation
import Testing

/// OpenAI's batch files as work for the spool, seen by the provider behind and by whoever reads the results.
@Suite struct BatchTests {
  private func home(_ server: ScriptedServer, budget: String? = nil, limits: String = "{}") throws -> Home {
    let home = try Home()
    try write(budget, limits, to: home)
    try home.write(
      """
      agents:
        - {id: sh, type: command}
        - {id: model, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m, max_concurrent: 4,
           limits: \(limits == "{}" ? "[]" : "[gate]")}

      """, to: "config/agents.yaml")
    try home.write("models: [{model: m, input: 1, output: 2}]\n", to: "config/models.yaml")
    return home
  }

  private func write(_ budget: String?, _ limits: String, to home: Home) throws {
    try home.write(
      """
      system: {\(Home.unlimited)}
      limits: \(limits)
      budgets: \(budget.map { "{all: {usd: \($0), per: all, on_exceeded: hold}}" } ?? "{}")

      """, to: "config/system_config.yaml")
  }

  @Test func aFileIsRunAndItsResultsLieBesideItsReceipt() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server)
    try home.drain(Batches.lines(10), as: "ask.jsonl")
    let id = try home.batch(in: "done")
    #expect(
      home.names(in: "spool/done") == ["\(id).jsonl", "\(id).receipt.json", "\(id).results.jsonl"])
    #expect(try Batches.ids(home.results(in: "done")) == (1...10).map { "r\($0)" }.sorted())
    #expect(try home.read("spool/done/\(id).jsonl") == Batches.lines(10))
    #expect(try home.read("data/runs/\(id)/workflow.jsonl") == Batches.lines(10))
    let first = try #require(try home.results(in: "done").first { $0.contains(#""r1""#) })
    #expect(
      first == #"{"id":"\#(id):1","custom_id":"r1","response":{"status_code":200,"request_id":"","body":"#
        + #"{"model":"m","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"#
        + #""usage":{"prompt_tokens":20,"completion_tokens":10}}},"error":null}"#)
    #expect(server.requests.allSatisfy { $0.line == "POST /v1/chat/completions HTTP/1.1" })
    let status: [String: Any] = try home.astro("status", id, "--json").output.json()
    let usage = try #require(status["usage"] as? [String: Any])
    #expect(usage["calls"] as? Int == 10 && usage["cost_picodollars"] as? Int == 400_000_000)
    #expect(try home.astro("status", id).output.contains("\ncalls     10, 0.0004 USD\n"))
    #expect(status["description"] as? String == "10 requests to /v1/chat/completions")
    // It goes with its run.
    try home.astro("clean", "--older-than", "0s")
    #expect(home.names(in: "spool/done").isEmpty && home.names(in: "data/runs").isEmpty)
  }

  @Test func theCommandsKnowIt() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server)
    let path = try home.made("ask.jsonl", Batches.lines(3))
    #expect(try home.astro("validate", path).output == "\(path): valid, 3 requests\n")
    let verdict = try home.astro("validate", path, "--json").output
    #expect(verdict.contains(#""valid":true,"tasks":1,"requests":3"#), "\(verdict)")
    #expect(try home.astro("run", path).output.hasSuffix(" succeeded\n"))
    #expect(try Batches.ids(home.results(in: "done")) == ["r1", "r2", "r3"])
    let submitted = try home.astro("submit", path)
    #expect(submitted.code == 0)
    #expect(home.waiting == ["\(submitted.output.lines[0]).jsonl"])
    try home.astro("drain")
    #expect(try home.state(of: submitted.output.lines[0]) == "succeeded")
    #expect(server.requests.count == 6)
  }

  @Test func aPlanSaysWhatItCanTakeAndHowLongAtLeast() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server, limits: "{gate: {rate: 60/1m}}")
    let path = try home.made("ask.jsonl", Batches.lines(150))
    // 29 bytes of a body and 16 around it, and 10 of an answer.
    let tokens = 150 * (29 + 16 + 10)
    let plan: [String: Any] = try home.astro("plan", path, "--json").output.json()
    let calls = try #require(plan["calls"] as? [String: Any])
    #expect(calls["most"] as? Int == 150 && calls["most_tokens"] as? Int == tokens)
    #expect(calls["unknown"] as? [String] == [] && calls["unpriced_models"] as? [String] == [])
    #expect(plan["request_count"] as? Int == 150)
    // A token of a prompt at 1 USD and one of an answer at 2, each per million.
    #expect(plan["cost_ceiling_usd"] as? Double == Double(150 * (45 + 20)) / 1e6)
    #expect(plan["shortest_seconds"] as? Int == 120)
    let waits = try #require(plan["limits"] as? [[String: Any]])
    #expect(waits.map { "\($0["limiter"] ?? "") \($0["requests"] ?? "")" }.contains("gate 150"))
    #expect(waits.map { "\($0["limiter"] ?? "") \($0["requests"] ?? "")" }.contains("api_calls 150"))
    let text = try home.astro("plan", path).output
    #expect(
      text.contains(
        """
        shortest time the limits allow: 2m
          gate: 150 at 60 per 1m: at least 2m
        calls to models: at most 150, \(tokens) tokens
        cost ceiling: 0.00975 USD

        """), "\(text)")
    #expect(server.requests.isEmpty && home.names(in: "data").isEmpty)
  }

  @Test func aModelWithoutAPriceIsNamedByThePlan() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server)
    let path = try home.made("ask.jsonl", Batches.lines(2, model: "n"))
    let text = try home.astro("plan", path).output
    #expect(text.contains("  without a price: n\ncost ceiling: not known\n"), "\(text)")
  }

  @Test func whatOneProviderCannotServeAnotherDoes() throws {
    let refusal = ScriptedServer.answer(
      429, body: #"{"error": {"message": "pay", "code": "insufficient_quota"}}"#)
    let first = ScriptedServer(answers: [Batches.answer, refusal])
    let second = ScriptedServer(answers: [Batches.answer])
    let home = try home(first)
    try home.write(
      """
      agents:
        - {id: model, type: llm, dialect: openai_chat, base_url: '\(first.url)/v1', model: m, max_concurrent: 1,
           capabilities: [main], fallbacks: [spare]}
        - {id: spare, type: llm, dialect: openai_chat, base_url: '\(second.url)/v1', model: other, max_concurrent: 1}

      """, to: "config/agents.yaml")
    try home.drain(Batches.lines(5), as: "ask.jsonl")
    #expect(try Batches.ids(home.results(in: "done")) == (1...5).map { "r\($0)" })
    #expect(first.requests.count == 2 && second.requests.count == 4)
    #expect(second.requests.allSatisfy { String(decoding: $0.body, as: UTF8.self).contains(#""model":"other""#) })
  }

  @Test func aWrongLineKeepsAllOfItFromBeingSent() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server)
    try home.drain(Batches.lines(2) + Batches.lines(1) + "{\n", as: "bad.jsonl")
    #expect(server.requests.isEmpty)
    let id = try home.batch(in: "rejected")
    let receipt: [String: Any] = try home.read("spool/rejected/\(id).receipt.json").json()
    let errors = try #require(receipt["errors"] as? [[String: Any]])
    #expect(
      errors.map { "\($0["line"] ?? ""):\($0["column"] ?? "") \($0["code"] ?? "")" } == [
        "3:14 duplicate_id", "4:2 syntax",
      ])
    #expect(!home.exists("spool/rejected/\(id).results.jsonl"))
  }

  @Test func aHomeWithoutAnAgentOfItsDialectRefusesIt() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server)
    let path = try home.made(
      "ask.jsonl", #"{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m"}}"# + "\n")
    let verdict = try home.astro("validate", path)
    #expect(verdict.code == 65)
    #expect(
      verdict.errors == """
        \(path): error: no agent of type llm speaks the dialect openai_responses, which /v1/responses needs
          hint: those of type llm are model

        """)
  }

  @Test func aProviderThatRefusesForAMomentLosesNothing() throws {
    let refusal = ScriptedServer.answer(429, ["retry-after-ms: 30"], body: #"{"error": {"message": "slow down"}}"#)
    let server = ScriptedServer(answers: [Batches.answer, refusal, refusal, Batches.answer, refusal, Batches.answer])
    let home = try home(server)
    try home.drain(Batches.lines(8), as: "ask.jsonl")
    #expect(try Batches.ids(home.results(in: "done")) == (1...8).map { "r\($0)" })
    #expect(try home.results(in: "done").allSatisfy { $0.contains(#""status_code":200"#) })
    #expect(server.requests.count == 11)
  }

  @Test func aLimitThatIsUsedUpParksItAndALaterPassGoesOn() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server, limits: "{gate: {rate: 3/1h}}")
    try home.drain(Batches.lines(5), as: "ask.jsonl")
    #expect(server.requests.count == 3)
    let id = try home.batch(in: "active")
    #expect(try home.lines("results.jsonl", of: id).count == 3)
    #expect(try home.astro("explain", id).output.contains("limit gate: 3 of 3 used, opens for it at "))
    try home.astro("limits", "clear", "gate")
    try home.astro("drain")
    #expect(server.requests.count == 5)
    #expect(try Batches.ids(home.results(in: "done")) == (1...5).map { "r\($0)" })
  }

  @Test func aBudgetThatIsUsedUpHoldsItUntilThereIsMore() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    // A request takes 40 micro-USD, and 66 are reserved for it: 30 bytes and 16 at 1, 10 tokens of its answer at 2.
    let home = try home(server, budget: "0.000120")
    try home.drain(Batches.lines(5), as: "ask.jsonl")
    let id = try home.batch(in: "active")
    #expect(server.requests.count == 2)
    #expect(try home.state(of: id) == "held")
    #expect(try home.lines("results.jsonl", of: id).count == 2)
    try write("1", "{}", to: home)
    #expect(try home.astro("release", id).code == 0)
    try home.astro("drain")
    #expect(server.requests.count == 5)
    #expect(try Batches.ids(home.results(in: "done")) == (1...5).map { "r\($0)" })
  }

  @Test func aKeyThatIsRefusedFailsItAndARetryGoesOnWithTheRest() throws {
    let wrong = ScriptedServer.answer(401, body: #"{"error": {"message": "no such key"}}"#)
    let server = ScriptedServer(answers: [Batches.answer, wrong])
    let home = try home(server)
    try home.drain(Batches.lines(6), as: "ask.jsonl")
    let id = try home.batch(in: "failed")
    #expect(try home.results(in: "failed").count == 1)
    #expect(try home.tasks(of: id) == ["batch": "failed 1"])
    #expect(try home.astro("status", id).output.contains("model: 401: no such key"))
    let better = ScriptedServer(answers: [Batches.answer])
    try home.write(
      try home.read("config/agents.yaml").replacingOccurrences(of: server.url, with: better.url),
      to: "config/agents.yaml")
    try home.astro("retry", id)
    try home.astro("drain")
    #expect(better.requests.count == 5)
    #expect(home.names(in: "spool/failed").isEmpty)
    #expect(try Batches.ids(home.results(in: "done")) == (1...6).map { "r\($0)" })
  }

  /// Six requests, by whose `max_tokens` they can be told apart.
  private static let numbered = (1...6).map {
    #"{"custom_id":"r\#($0)","method":"POST","url":"/v1/chat/completions","body":{"model":"m","max_tokens":\#($0)}}"#
      + "\n"
  }.joined()

  private static func silentOnTheFourth() -> ScriptedServer {
    ScriptedServer { connection in
      while let request = connection.request() {
        if String(decoding: request.body, as: UTF8.self).contains(#""max_tokens":4"#) {
          connection.awaitClose()
          return
        }
        connection.send(Batches.answer)
      }
    }
  }

  /// Three are answered, and the runner is killed while the fourth is under way.
  private func killedAtTheFourth() throws -> (home: Home, server: ScriptedServer, id: String) {
    let server = Self.silentOnTheFourth()
    let home = try home(server, limits: "{gate: {concurrent: 1}}")
    let watch = try home.start("watch")
    try home.submit(Self.numbered, as: "ask.jsonl")
    try eventually("the fourth is under way") { server.requests.count == 4 }
    try watch.kill()
    return (home, server, try home.batch(in: "active"))
  }

  private func goOn(_ home: Home, with other: ScriptedServer, insteadOf server: ScriptedServer) throws {
    try home.write(
      try home.read("config/agents.yaml").replacingOccurrences(of: server.url, with: other.url),
      to: "config/agents.yaml")
    try home.astro("drain")
  }

  @Test func aKilledRunnersBatchIsGoneOnWith() throws {
    let (home, server, id) = try killedAtTheFourth()
    #expect(try home.lines("results.jsonl", of: id).count == 3)
    let other = ScriptedServer(answers: [Batches.answer])
    try goOn(home, with: other, insteadOf: server)
    #expect(other.requests.count == 3)
    #expect(try Batches.ids(home.results(in: "done")) == (1...6).map { "r\($0)" })
    // Nobody knows what the one that was under way took: the most it can have.
    #expect(try home.sql("SELECT count(*) FROM call WHERE status = 'error' AND input IS NULL") == "1")
  }

  /// Between the result on disk, which comes first, and the account in the journal.
  @Test func callsWhoseRunnerDiedBeforeTheirAccountAreSettledByTheirResults() throws {
    let (home, server, id) = try killedAtTheFourth()
    let results = "data/runs/\(id)/files/results.jsonl"
    let written = try home.read(results)
    let fourth = try #require(written.lines.last).replacing("\(id):3\"", with: "\(id):4\"")
      .replacing("\"r3\"", with: "\"r4\"").replacing("\"prompt_tokens\":20", with: "\"prompt_tokens\":21")
    try home.write(written + fourth + "\n", to: results)
    let other = ScriptedServer(answers: [Batches.answer])
    try goOn(home, with: other, insteadOf: server)
    #expect(other.requests.count == 2)
    #expect(try Batches.ids(home.results(in: "done")) == (1...6).map { "r\($0)" })
    // A token of a prompt at 1 USD and one of an answer at 2, each per million.
    #expect(
      try home.sql("SELECT line, status, input, output, cost FROM call ORDER BY line")
        == (1...6).map { "\($0)|success|\($0 == 4 ? 21 : 20)|10|\($0 == 4 ? 41 : 40)000000" }.joined(separator: "\n"))
  }

  /// Two lanes: one is refused by a limit of the agent for an hour, the other by the server of its fallback. The attempt waits
  /// for that server, which is closed for everybody, and says nothing of the limit's time.
  @Test func oneLaneDoesNotSayWhatAnotherWaitsFor() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let first = ScriptedServer(answers: [ScriptedServer.answer(503, body: #"{"error": {"message": "down"}}"#)])
    let late = ScriptedServer.answer(503, ["retry-after: 3600"], body: #"{"error": {"message": "later"}}"#)
    let second = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      hold.wait()
      connection.send(late)
    }
    let home = try home(first, limits: "{gate: {rate: 1/2h}}")
    try home.write(
      """
      agents:
        - {id: model, type: llm, dialect: openai_chat, base_url: '\(first.url)/v1', model: m, max_concurrent: 2,
           retries: 0, limits: [gate], fallbacks: [spare]}
        - {id: spare, type: llm, dialect: openai_chat, base_url: '\(second.url)/v1', model: m, retries: 0}

      """, to: "config/agents.yaml")
    let watch = try home.start("watch")
    try home.submit(Batches.lines(2), as: "ask.jsonl")
    #expect(reached.wait())
    try eventually("the other lane is refused") {
      try home.denials(by: "gate") == 1
    }
    hold.open()
    try eventually("it waits") { try !home.log("Rate limit exceeded").isEmpty }
    #expect(try home.log("Rate limit exceeded").allSatisfy { $0.contains("\"limiter\":\"spare\"") })
    let limits = try home.astro("limits", "--json").output.json([[String: Any]].self)
    let closed = limits.filter { $0["limiter"] as? String == "provider" && !($0["blocked_until"] is NSNull) }
    #expect(closed.map { $0["key"] as? String } == ["spare"])
    // It alone waits for that server; at the limit it would stand in line with all others.
    #expect(try home.tasks(of: "@latest") == ["batch": "waiting 0"])
    #expect(try watch.stop().code == 0)
  }

  @Test func aCancelledBatchKeepsWhatItHas() throws {
    let server = Self.silentOnTheFourth()
    let home = try home(server, limits: "{gate: {concurrent: 1}}")
    let watch = try home.start("watch")
    try home.submit(Self.numbered, as: "ask.jsonl")
    try eventually("the fourth is under way") { server.requests.count == 4 }
    let id = try home.batch(in: "active")
    try home.astro("cancel", id)
    try eventually("it has ended") { home.exists("spool/cancelled/\(id).jsonl") }
    #expect(try Batches.ids(home.results(in: "cancelled")) == ["r1", "r2", "r3"])
    #expect(try watch.stop().code == 0)
  }

  /// By what ends later: a task that does not hear of its cancel before its grace is over.
  @Test func aBatchThatWaitsForALimitEndsAtOnceWhenItIsCancelled() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server, limits: "{gate: {rate: 1/25s}}")
    let gate = try home.gate()
    let watch = try home.start("watch")
    try home.submit("tasks: {a: {run: 'trap \"\" TERM; \(gate.pass)', grace: 5s}}\n", as: "deaf.yaml")
    try gate.waitForTask()
    try home.submit(Batches.lines(6), as: "ask.jsonl")
    try eventually("one is answered, and another waits") {
      try server.requests.count == 1 && home.denials(by: "gate") == 1
    }
    let batch = try home.batch(in: "active")
    #expect(try home.astro("cancel", "deaf-", batch).code == 0)
    try eventually("both have ended") { home.names(in: "spool/cancelled").count == 5 }
    #expect(try home.sql("SELECT id FROM run ORDER BY finished_at").lines.first == batch)
    #expect(server.requests.count == 1)
    #expect(try Batches.ids(home.results(in: "cancelled")) == ["r1"])
    #expect(try watch.stop().code == 0)
  }

  @Test func aLostJournalLosesNoResult() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server, limits: "{gate: {rate: 3/1h}}")
    try home.drain(Batches.lines(5), as: "ask.jsonl")
    let id = try home.batch(in: "active")
    for name in home.names(in: "data") where name.hasPrefix("astro.sqlite") {
      try FileManager.default.removeItem(atPath: "\(home.path)/data/\(name)")
    }
    #expect(try home.astro("doctor", "--rebuild-journal").code == 0)
    // Nobody knows what of it was used.
    try home.astro("limits", "clear", "api_calls")
    try home.astro("drain")
    #expect(home.names(in: "spool/done") == ["\(id).jsonl", "\(id).receipt.json", "\(id).results.jsonl"])
    #expect(try Batches.ids(home.results(in: "done")) == (1...5).map { "r\($0)" })
    #expect(server.requests.count == 5)
  }

  /// By what the journal gave leave to, and when: no clock is asked.
  @Test func aTaskOfAnotherUserWaitsForOneCallOfABatchAtMost() throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home(server, limits: "{gate: {rate: 10/1s}}")
    let watch = try home.start("watch")
    try home.submit(Batches.lines(40), as: "many.jsonl")
    try eventually("the batch to fill the window") { server.requests.count >= 10 }
    try home.submit(
      "user: bob\ntasks: {one: {agent: model, with: {prompt: hi, max_output_tokens: 10}}}\n", as: "bob.yaml")
    try eventually("both runs") { try home.log("Workflow completed").count == 2 }
    #expect(try watch.stop().code == 0)
    let between = try home.sql(
      """
      SELECT count(*) FROM call, run WHERE run.user = 'bob' AND call.run != run.id \
      AND call.started_at > run.claimed_at AND call.id < (SELECT id FROM call WHERE call.run = run.id)
      """)
    #expect(["0", "1"].contains(between), "\(between) calls of the batch came before")
    #expect(server.requests.count == 41)
  }
}
