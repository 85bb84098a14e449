import AstroTestKit
import Foundation
import Testing

/// Keys whose money is used up, and the agents that are asked instead, each at its own limits.
struct ProviderQuotaTests {
  private let paid = ScriptedServer.answer(
    200, ["Content-Type: application/json"],
    body:
      #"{"model":"m1","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yes"}}],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#
  )
  private let unpaid = ScriptedServer.answer(
    429, ["Content-Type: application/json"],
    body: #"{"error":{"message":"add credit","code":"insufficient_quota"}}"#)

  private func home(_ agents: String..., limits: String = "") throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write("system: {\(Home.unlimited)}\n\(limits)\n", to: "config/system_config.yaml")
    try home.write(
      "agents:\n" + agents.map { "  - {type: llm, dialect: openai_chat, model: m1, \($0)}\n" }.joined(),
      to: "config/agents.yaml")
    try home.write("models: [{model: m1, input: 1, output: 10}]\n", to: "config/models.yaml")
    return home
  }

  private func tasks(_ count: Int, agent: String = "ai") -> String {
    "tasks:\n"
      + (1...count).map { "  t\($0): {agent: \(agent), with: {prompt: hi, max_output_tokens: 9}}\n" }.joined()
  }

  @Test func aPassDoesNotAskAgainWithAKeyThatIsUsedUp() throws {
    let server = ScriptedServer(answers: [unpaid, paid])
    let home = try home("id: ai, base_url: '\(server.url)', max_concurrent: 1")
    try home.drain(tasks(3))
    #expect(server.requests.count == 1)
    #expect(try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "pending 0", "t3": "pending 0"])
    try home.astro("drain")
    #expect(server.requests.count == 1)
    let explained = try home.astro("explain", "@latest").output
    #expect(explained.contains("limit provider_quota of ai: its key is used up, tried again at "))
    #expect(!explained.contains("earliest start: unknown"))
    let recorded = try #require(Double(try home.sql("SELECT until FROM spent_key"))) / 1_000_000
    let tasks = try home.astro("explain", "@latest", "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    #expect(tasks.count == 2)
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    for task in tasks {
      let earliest = try #require((task["earliest_start"] as? String).flatMap(format.date(from:)))
      #expect(abs(earliest.timeIntervalSince1970 - recorded) < 0.002, "it is what the journal says")
    }
    let agents = try home.astro("agents", "--json").output.json([[String: Any]].self)
    #expect(agents.first?["status"] as? String == "unhealthy")
    let why = agents.first?["last_error"] as? String ?? ""
    #expect(why.hasPrefix("its key is used up, tried again at "))
    #expect(why.hasSuffix(": 429 insufficient_quota: add credit"))
    #expect(try home.log("Quota used up").count == 1)
    // Whoever has paid says so.
    #expect(try home.astro("agents", "--probe").code == 0)
    try home.astro("drain")
    #expect(try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "succeeded 1", "t3": "succeeded 1"])
  }

  @Test func agentsWithOneKeyStopTogether() throws {
    let server = ScriptedServer(answers: [unpaid])
    let home = try home(
      "id: ai, base_url: '\(server.url)', max_concurrent: 1",
      "id: twin, base_url: '\(server.url)', max_concurrent: 1")
    try home.drain(tasks(1))
    try home.drain(tasks(1, agent: "twin"), as: "other.yaml")
    #expect(server.requests.count == 1)
    let agents = try home.astro("agents", "--json").output.json([[String: Any]].self)
    #expect(agents.map { $0["status"] as? String } == ["unhealthy", "unhealthy"])
  }

  @Test func whatWaitsForAKeyGoesOnSoonAfterItIsPaid() throws {
    let server = ScriptedServer(answers: [unpaid, paid])
    let home = try home("id: ai, base_url: '\(server.url)', max_concurrent: 1")
    let watch = try home.start("watch")
    try home.submit(tasks(2))
    try eventually("one has found out") { try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "pending 0"] }
    #expect(try home.astro("agents", "--probe").code == 0)
    try eventually("the other goes on") { try home.tasks(of: "@latest")["t2"] == "succeeded 1" }
    #expect(try watch.stop().code == 0)
  }

  /// Its own agent cannot serve a task, so that it waits for the key of the fallback.
  private func waitingForAFallback() throws -> (home: Home, servers: [ScriptedServer]) {
    let refusing = ScriptedServer { connection in
      while let request = connection.request() {
        // It lists its models, which is what a probe asks for.
        let isListing = request.line.hasPrefix("GET ")
        connection.send(isListing ? ScriptedServer.answer(200, body: "{}") : Batches.refusal)
      }
    }
    let spare = ScriptedServer(answers: [unpaid, paid])
    let home = try home(
      "id: ai, base_url: '\(refusing.url)', max_concurrent: 1, fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)'")
    return (home, [refusing, spare])
  }

  @Test func whatWaitsForTheKeyOfAFallbackGoesOnSoonAfterItIsPaid() throws {
    let (home, servers) = try waitingForAFallback()
    let watch = try home.start("watch")
    try home.submit(tasks(2))
    try eventually("one has found out") { try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "waiting 0"] }
    #expect(try home.astro("explain", "@latest").output.contains("limit provider_quota"))
    #expect(try home.astro("agents", "--probe").code == 0)
    try eventually("the other goes on") { try home.tasks(of: "@latest")["t2"] == "succeeded 1" }
    #expect(try watch.stop().code == 0)
    withExtendedLifetime(servers) {}
  }

  @Test func aLaterPassGoesOnWithWhatWaitedForTheKeyOfAFallback() throws {
    let (home, servers) = try waitingForAFallback()
    try home.drain(tasks(2))
    #expect(try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "waiting 0"])
    #expect(try home.astro("agents", "--probe").code == 0)
    #expect(!(try home.astro("explain", "@latest").output.contains("limit provider_quota")))
    try home.astro("drain")
    #expect(try home.tasks(of: "@latest") == ["t1": "failed 1", "t2": "succeeded 1"])
    withExtendedLifetime(servers) {}
  }

  private func status(_ task: String, _ home: Home) throws -> String? { try home.tasks(of: "@latest")[task] }

  /// As after a call of another runner that was answered: nobody rings.
  @Test func aRunnerHearsFromTheJournalThatAKeyWorksAgain() throws {
    let server = ScriptedServer(answers: [unpaid, paid])
    let home = try home("id: ai, base_url: '\(server.url)', max_concurrent: 1")
    let watch = try home.start("watch")
    try home.submit(tasks(2))
    try eventually("it is used up") { try home.log("Rate limit exceeded").count == 1 }
    try home.sql("DELETE FROM spent_key")
    try eventually("the other one") { try status("t2", home) == "succeeded 1" }
    #expect(try watch.stop().code == 0)
  }

  /// It waits for a key that is not its agent's, and alone.
  @Test func anAttemptHearsThatTheKeyOfItsFallbackWorksAgain() throws {
    let spare = ScriptedServer(answers: [unpaid, paid])
    let home = try home(
      "id: ai, base_url: 'http://127.0.0.1:\(ScriptedServer.deadPort())', retries: 0, fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)', retries: 0")
    try home.drain(tasks(1, agent: "spare"), as: "first.yaml")
    let watch = try home.start("watch")
    try home.submit(tasks(1))
    try eventually("it waits") { try status("t1", home) == "waiting 0" }
    try home.sql("DELETE FROM spent_key")
    try eventually("it goes on") { try status("t1", home) == "succeeded 1" }
    #expect(try watch.stop().code == 0)
  }

  /// That a batch finds the key used up keeps nobody from the fallback.
  @Test func aBatchAndATaskGoToTheFallbackWhereTheKeyIsUsedUpBefore() throws {
    let (server, spare) = (ScriptedServer(answers: [unpaid]), ScriptedServer(answers: [paid]))
    let home = try home(
      "id: ai, base_url: '\(server.url)', max_concurrent: 1, capabilities: [main], fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)', max_concurrent: 1")
    try home.write(
      try home.read("config/agents.yaml") + "  - {id: sh, type: command}\n", to: "config/agents.yaml")
    // It finds out with the first request, and answers by the fallback.
    try home.drain(tasks(1))
    try home.submit(
      #"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"max_tokens":9}}"# + "\n",
      as: "ask.jsonl")
    try home.submit(
      "tasks: {w: {run: 'true'}, t: {needs: [w], agent: ai, with: {prompt: hi, max_output_tokens: 9}}}\n",
      as: "later.yaml")
    try home.astro("drain")
    #expect(server.requests.count == 1)
    #expect(home.names(in: "spool/active").isEmpty)
  }

  // MARK: Places of a fallback

  /// A server of the spare agent that tells of each request, and answers it when it is let on.
  private func heldServer(_ reached: AstroTestKit.Gate, _ hold: AstroTestKit.Gate) -> ScriptedServer {
    let paid = paid
    return ScriptedServer { connection in
      while connection.request() != nil {
        reached.open()
        hold.wait()
        connection.send(paid)
      }
    }
  }

  private func denied(_ limiter: String, _ home: Home) throws -> Bool {
    try home.sql("SELECT count(*) FROM series WHERE name = 'astro_rate_limit_denied_total{limiter=\"\(limiter)\"}'")
      == "1"
  }

  @Test func noMoreCallsAreSentToAFallbackThanItTakes() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let spare = heldServer(reached, hold)
    let home = try home(
      "id: ai, base_url: 'http://127.0.0.1:\(ScriptedServer.deadPort())', retries: 0, fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)', max_concurrent: 1")
    let watch = try home.start("watch")
    try home.submit(tasks(3))
    #expect(reached.wait())
    try eventually("the others are refused") { try denied("provider/concurrent", home) }
    #expect(spare.requests.count == 1)
    for _ in 1...3 { hold.open() }
    try eventually("all of them") {
      try home.tasks(of: "@latest") == ["t1": "succeeded 1", "t2": "succeeded 1", "t3": "succeeded 1"]
    }
    #expect(try watch.stop().code == 0)
    #expect(spare.requests.count == 3)
  }

  /// What an attempt takes at the limits of its fallback it gives back with its end, and a pass does not leave before.
  @Test func aPlaceAtTheLimitOfAFallbackIsGivenOnWithTheEndOfTheAttempt() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let spare = heldServer(reached, hold)
    let home = try home(
      "id: ai, base_url: 'http://127.0.0.1:\(ScriptedServer.deadPort())', retries: 0, fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)', limits: [narrow]", limits: "limits: {narrow: {concurrent: 1}}")
    try home.write(
      try home.read("config/agents.yaml") + "  - {id: sh, type: command}\n", to: "config/agents.yaml")
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        m: {agent: ai, with: {prompt: hi, max_output_tokens: 9}}
        w: {run: '\(gate.pass)'}
        s: {needs: [w], agent: spare, with: {prompt: hi, max_output_tokens: 9}}

      """)
    let drain = try home.start("drain")
    try gate.waitForTask()
    #expect(reached.wait())
    gate.letOn()
    try eventually("the other one is refused") { try denied("narrow/concurrent", home) }
    for _ in 1...2 { hold.open() }
    #expect(try drain.finish().code == 0)
    #expect(try home.tasks(of: "@latest") == ["m": "succeeded 1", "w": "succeeded 1", "s": "succeeded 1"])
  }

  @Test func callsToAFallbackTakeItsLimits() throws {
    let (server, spare) = (ScriptedServer(answers: [unpaid]), ScriptedServer(answers: [paid]))
    let home = try home(
      "id: ai, base_url: '\(server.url)', max_concurrent: 1, limits: [wide], fallbacks: [spare]",
      "id: spare, base_url: '\(spare.url)', limits: [narrow]",
      limits: "limits: {wide: {rate: 100/1h}, narrow: {rate: 1/1h, concurrent: 1}}")
    try home.drain(tasks(2))
    #expect(server.requests.count == 1 && spare.requests.count == 1)
    #expect(try home.sql("SELECT agent, status FROM call ORDER BY id") == "ai|error\nspare|success")
    #expect(try home.tasks(of: "@latest") == ["t1": "succeeded 1", "t2": "waiting 0"])
    #expect(
      try home.astro("explain", "@latest").output.contains("limit narrow: it has too little for this task until "))
    let limits = try home.astro("limits", "--json").output.json([[String: Any]].self)
    let used = limits.map { "\($0["limiter"] ?? "") \($0["requests_in_window"] ?? "")" }
    #expect(used.contains("wide 1") && used.contains("narrow 1"))
  }
}
