import AstroTestKit
import Foundation
import Testing

/// Tasks that ask a model, seen by its server and in what the runner writes down.
struct ModelAgentTests {
  private func home(_ system: String = "", agent: String = "", url: String) throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write("system: {\(Home.unlimited)}\n\(system)\n", to: "config/system_config.yaml")
    try home.write(
      """
      agents:
        - {id: ai, type: llm, dialect: openai_chat, base_url: '\(url)/v1', model: m1, capabilities: [text], retries: 0\(agent)}

      """, to: "config/agents.yaml")
    try home.write("models: [{model: m1, input: 1, output: 10}]\n", to: "config/models.yaml")
    return home
  }

  /// An answer of OpenAI's dialect, not streamed.
  private func answer(_ text: String, model: String = "m1-2026") -> String {
    let body =
      #"{"id":"c","object":"chat.completion","model":"\#(model)","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"\#(text)"}}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#
    return ScriptedServer.answer(200, ["Content-Type: application/json"], body: body)
  }

  private func tasks(_ home: Home) throws -> [String: [String: Any]] {
    let tasks = try home.astro("status", "@latest", "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: tasks.map { ("\($0["task_id"] ?? "")", $0) })
  }

  private let one = "tasks: {a: {agent: ai, with: {prompt: hi, max_output_tokens: 50}}}\n"

  @Test func anAnswerIsOutputAndItsCostIsWrittenDown() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home(url: server.url)
    try home.drain(one + "# \n")
    let task = try #require(try tasks(home)["a"])
    #expect(task["state"] as? String == "succeeded")
    #expect((task["outputs"] as? [String: String])?["text"] == "hello")
    let attempt = try #require((task["attempts"] as? [[String: Any]])?.first)
    #expect(attempt["ending"] as? String == "completed")
    let usage = try #require(attempt["usage"] as? [String: Any])
    #expect(usage["prompt_tokens"] as? Int == 7)
    // 7 at 1 USD and 3 at 10 USD, each per million.
    #expect(usage["cost_picodollars"] as? Int == 37_000_000)
    #expect(try home.sql("SELECT model, answered_by, status FROM call") == "m1|m1-2026|success")
    #expect(try home.astro("metrics").output.contains("astro_llm_tokens_total{model=\"m1-2026\",type=\"prompt\"} 7"))
  }

  @Test func aRunnerThatIsStoppedLeavesTheTaskToTheNext() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let text = answer("late")
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      hold.wait()
      connection.send(text)
    }
    let home = try home(url: server.url)
    let watch = try home.start("watch", "--grace", "0s")
    try home.submit(one)
    #expect(reached.wait())
    #expect(try watch.stop().code == 0)
    for _ in 1...3 { hold.open() }
    try home.astro("drain")
    #expect(try home.tasks(of: "@latest") == ["a": "succeeded 1"])
  }

  @Test func aBudgetThatIsUsedUpHoldsTheRunUntilItIsRaised() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home(url: server.url)
    let path = try home.made(
      "w.yaml",
      """
      budget: {calls: 1}
      tasks:
        a: {agent: ai, with: {prompt: hi, max_output_tokens: 50}}
        b: {needs: [a], agent: ai, with: {prompt: ho, max_output_tokens: 50}}

      """)
    let ending = try home.astro("run", "-q", path)
    #expect(ending.code == 75)
    #expect(ending.errors.contains("is held: the budget of the run: its 1 calls are made"))
    #expect(server.requests.count == 1)
    #expect(try home.state(of: "@latest") == "held")
    #expect(try home.astro("explain", "@latest").output.contains("astro release"))
    try home.astro("release", "@latest", "--calls", "2")
    try home.astro("drain")
    #expect(try home.state(of: "@latest") == "succeeded")
    #expect(server.requests.count == 2)
  }

  /// Two of them reserve what is left, and take next to nothing of it.
  private let dear =
    "tasks:\n"
    + (1...8).map { "  t\($0): {agent: ai, with: {prompt: hi, max_output_tokens: 9990}}\n" }.joined()

  @Test func aBudgetOfARunThatIsOnlyReservedIsWaitedFor() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home(agent: ", max_concurrent: 10", url: server.url)
    let ending = try home.astro("run", "-q", try home.made("w.yaml", "budget: {usd: 0.25}\n" + dear))
    #expect(ending.code == 0, "\(ending)")
    #expect(server.requests.count == 8)
    #expect(try home.sql("SELECT cost_held, cost_spent FROM budget") == "0|296000000")
  }

  @Test func aBudgetOfTheDayThatIsOnlyReservedIsWaitedFor() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home("budgets: {daily: {usd: 0.25}}", agent: ", max_concurrent: 10", url: server.url)
    try home.drain(dear)
    #expect(try home.state(of: "@latest") == "succeeded")
    #expect(server.requests.count == 8)
    #expect(try home.sql("SELECT cost_held, cost_spent FROM budget") == "0|296000000")
  }

  /// Of another process nobody hears what its call left of the window.
  @Test func aWindowThatAnotherRunnersCallReservesOpensWhenThatIsSettled() throws {
    let hold = AstroTestKit.Gate()
    let text = answer("hello")
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      hold.wait()
      connection.send(text)
    }
    let home = try home("limits: {s: {spend_usd: 0.15/1d}}", agent: ", limits: [s]", url: server.url)
    let path = try home.made(
      "w.yaml", "tasks: {a: {agent: ai, with: {prompt: hi, max_output_tokens: 9990}}}\n")
    let runners = try (1...2).map { _ in try home.start("run", "-q", path) }
    try eventually("one asks, and the other waits") {
      try server.requests.count == 1 && home.denials(by: "s/spend_usd") > 0
    }
    for _ in 1...2 { hold.open() }
    #expect(try runners.map { try $0.finish().code } == [0, 0])
    #expect(server.requests.count == 2)
  }

  @Test func aBudgetIsRaisedAndNeverLowered() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home(url: server.url)
    try home.drain("budget: {usd: 0.0001}\n" + one)
    let id = try home.run(in: "active")
    #expect(try home.state(of: id) == "held")
    #expect(try home.astro("explain", id).output.contains("go on with: astro release \(id) --usd AMOUNT\n"))
    func refusal(_ arguments: String...) throws -> String {
      let ending = try home.start(["release", id] + arguments).finish()
      #expect(ending.code == 64 && ending.output == "", "\(ending)")
      return ending.errors
    }
    #expect(
      try refusal("--usd", "0.00005")
        == "astro: \(id): --usd 0.00005 would lower the budget of the run, which is 0.0001 USD\n")
    #expect(
      try refusal("--usd", "1", "--calls", "5")
        == "astro: \(id): the budget of the run does not bound calls: there is nothing to raise\n")
    #expect(
      try refusal("--task", "a", "--tokens", "5")
        == "astro: \(id): the budget of task 'a' does not bound tokens: there is nothing to raise\n")
    #expect(try refusal("--task", "a").contains("--task needs --usd, --tokens or --calls"))
    #expect(try home.state(of: id) == "held", "what is refused changes nothing")
    #expect(try home.astro("release", id, "--usd", "1").output == "\(id): released\n")
    #expect(
      try refusal("--usd", "0.5") == "astro: \(id): --usd 0.5 would lower the budget of the run, which is 1.00 USD\n")
    #expect(
      try home.astro("release", id, "--usd", "1").output == "\(id): its budget is raised; it was not held\n")
    #expect(server.requests.isEmpty)
    try home.astro("drain")
    #expect(try home.state(of: id) == "succeeded")
  }

  @Test func ofATaskTheBudgetIsRaisedByItsName() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home(url: server.url)
    try home.drain("tasks: {a: {agent: ai, budget: {tokens: 10}, with: {prompt: hi, max_output_tokens: 50}}}\n")
    #expect(try home.state(of: "@latest") == "held")
    #expect(try home.astro("explain", "@latest").output.contains(" --task a --tokens NUMBER\n"))
    let unknown = try home.astro("release", "@latest", "--task", "b", "--tokens", "1000")
    #expect(unknown.code == 66 && unknown.errors.contains("has no task 'b'"), "\(unknown.errors)")
    try home.astro("release", "@latest", "--task", "a", "--tokens", "1000")
    try home.astro("drain")
    #expect(try home.state(of: "@latest") == "succeeded")
  }

  @Test func anAttemptWithSeveralCallsComesToItsEndUnderATightLimit() throws {
    // The first answer does not fit the schema, the second does.
    let server = ScriptedServer(answers: [answer("no json"), answer(#"{\"n\": 1}"#)])
    let home = try home("limits: {slow: {rate: 1/2s}}", agent: ", limits: [slow]", url: server.url)
    let path = try home.made(
      "w.yaml",
      """
      tasks:
        a:
          agent: ai
          with:
            prompt: hi
            max_output_tokens: 50
            output_schema: {type: object, required: [n], properties: {n: {type: integer}}}

      """)
    #expect(try home.astro("run", "-q", path).code == 0)
    #expect(server.requests.count == 2)
    #expect(try home.tasks(of: "@latest") == ["a": "succeeded 1"])
  }

  @Test func aPlaceOfARunnerThatWasKilledIsFree() throws {
    let reached = AstroTestKit.Gate()
    let text = answer("hello")
    let first = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      connection.awaitClose()
    }
    let home = try home("limits: {one: {concurrent: 1}}", agent: ", limits: [one]", url: first.url)
    let path = try home.made("w.yaml", one)
    let killed = try home.start("run", path)
    #expect(reached.wait())
    try killed.kill()
    let second = ScriptedServer(answers: [text])
    try home.write(
      try home.read("config/agents.yaml").replacingOccurrences(of: first.url, with: second.url),
      to: "config/agents.yaml")
    #expect(try home.astro("run", "-q", path).code == 0)
  }

  /// Between the answer in the transcript, which comes first, and the account in the journal.
  @Test func aCallWhoseRunnerDiedBeforeItsAccountIsSettledByTheTranscript() throws {
    let reached = AstroTestKit.Gate()
    let first = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      connection.awaitClose()
    }
    let home = try home(url: first.url)
    // Enough for what one call may take at most, and not for two.
    let path = try home.made(
      "w.yaml",
      """
      budget: {usd: 0.0008}
      tasks:
        a: {agent: ai, with: {prompt: hi, max_output_tokens: 50}}
        b: {needs: [a], agent: ai, with: {prompt: ho, max_output_tokens: 50}}

      """)
    let killed = try home.start("run", path)
    #expect(reached.wait())
    try killed.kill()
    let run = try home.sql("SELECT id FROM run")
    let transcript = "data/runs/\(run)/tasks/a/1/transcript.jsonl"
    let answered =
      #"{"at":"2100-01-01T00:00:00.000Z","event":"answer","turn":1,"model":"m1-2026","text":"hello","#
      + #""finish_reason":"stop","usage":{"input":7,"output":3},"cost_picodollars":37000000}"#
    try home.write(try home.read(transcript) + answered + "\n", to: transcript)
    let second = ScriptedServer(answers: [answer("hello")])
    try home.write(
      try home.read("config/agents.yaml").replacingOccurrences(of: first.url, with: second.url),
      to: "config/agents.yaml")
    try home.astro("drain")
    #expect(try home.tasks(of: run) == ["a": "succeeded 1", "b": "succeeded 1"])
    #expect(second.requests.count == 1)
    #expect(
      try home.sql("SELECT task, status, input, output, cost FROM call")
        == "a|success|7|3|37000000\nb|success|7|3|37000000")
    #expect(try home.sql("SELECT cost_held, cost_spent FROM budget") == "0|74000000")
  }

  @Test func aLimitThatIsGoneIsNoOpenDoor() throws {
    let server = ScriptedServer(answers: [answer("hello")])
    let home = try home("limits: {gate: {rate: 1/1h}}", url: server.url)
    try home.drain(
      "tasks: {a: {agent: ai, limits: [gate], with: {prompt: hi, max_output_tokens: 9}}, b: {needs: a, agent: ai, limits: [gate], with: {prompt: ho, max_output_tokens: 9}}}\n"
    )
    #expect(server.requests.count == 1)
    try home.write("system: {\(Home.unlimited)}\nlimits: {other: {rate: 1/1h}}\n", to: "config/system_config.yaml")
    try home.astro("drain")
    #expect(server.requests.count == 1)
    #expect(try home.astro("explain", "@latest").output.contains("limit gate is not configured"))
  }
}
