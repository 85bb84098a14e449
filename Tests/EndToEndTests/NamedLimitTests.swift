import AstroTestKit
import Foundation
import Testing

/// Named limits, seen by whoever they are there for: the server behind them.
struct NamedLimitTests {
  private func home(_ limits: String, agent: String = "max_concurrent: 8") throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write(
      """
      system: {\(Home.unlimited)}
      limits: \(limits)

      """, to: "config/system_config.yaml")
    try home.write(
      """
      agents:
        - {id: sh, type: command, capabilities: [shell]}
        - {id: web, type: http, capabilities: [fetch], allow_hosts: [127.0.0.1], limits: [web], \(agent)}

      """, to: "config/agents.yaml")
    return home
  }

  private func workflow(_ server: ScriptedServer, requests: Int, retry: String = "") -> String {
    "tasks:\n"
      + (1...requests).map { "  t\($0): {agent: web, with: {url: '\(server.url)/\($0)'}\(retry)}\n" }.joined()
  }

  @Test func aPassMakesAsManyRequestsAsTheWindowHoldsAndParksTheRest() throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "ok")])
    let home = try home("{web: {rate: 3/1h}}")
    try home.drain(workflow(server, requests: 5))
    #expect(server.requests.count == 3)
    let run = try home.run(in: "active")
    #expect(try home.tasks(of: run).values.filter { $0 == "succeeded 1" }.count == 3)
    // A second pass makes none before the window opens, and counts no attempt.
    try home.astro("drain")
    #expect(server.requests.count == 3)
    #expect(try home.tasks(of: run).values.filter { $0 == "pending 0" }.count == 2)
    let why = try home.astro("explain", "@latest").output
    #expect(why.contains("limit web: 3 of 3 used, opens for it at "))
    let limits = try home.astro("limits", "--json").output.json([[String: Any]].self)
    let web = try #require(limits.first { $0["limiter"] as? String == "web" })
    #expect(web["requests_in_window"] as? Int == 3)
    #expect(web["max_requests"] as? Int == 3)
    #expect(web["waiting"] as? Int == 2)
  }

  /// What is left is too little for what its call may take, and none is used up.
  @Test(arguments: [
    ("limits: {web: {tokens: 60/1h}}", "pending", "limit web/tokens: 30 of 60 used, opens for it at "),
    (
      "limits: {web: {spend_usd: 0.00009/1h}}", "pending",
      "limit web/spend_usd: 0.00004 of 0.00009 USD used, opens for it at "
    ),
    // Less would fit: it waits by itself.
    (
      "limits: {web: {concurrent: 9}}\nbudgets: {daily: {usd: 0.00009, per: user, period: day, on_exceeded: park}}",
      "waiting", "budget daily: it has too little for this task until "
    ),
    (
      "limits: {web: {concurrent: 9}}\nbudgets: {daily: {calls: 1, per: user}}",
      "pending", "budget daily of \(NSUserName()): it has too little for this task until "
    ),
  ])
  func whatHasTooLittleLeftIsNamed(bounds: String, state: String, cause: String) throws {
    let server = ScriptedServer(answers: [Batches.answer])
    let home = try home("{}")
    try home.write("system: {\(Home.unlimited)}\n\(bounds)\n", to: "config/system_config.yaml")
    try home.write(
      "agents: [{id: ai, type: llm, dialect: openai_chat, base_url: '\(server.url)', model: m, limits: [web]}]\n",
      to: "config/agents.yaml")
    try home.write("models: [{model: m, input: 1, output: 2}]\n", to: "config/models.yaml")
    try home.drain(
      """
      tasks:
        a: {agent: ai, with: {prompt: hi, max_output_tokens: 10}}
        b: {agent: ai, needs: [a], with: {prompt: '${{ tasks.a.outputs.text }}', max_output_tokens: 10}}

      """)
    #expect(try home.tasks(of: "@latest") == ["a": "succeeded 1", "b": "\(state) 0"])
    let explained = try home.astro("explain", "@latest", "b").output
    #expect(explained.contains(cause), "\(explained)")
    #expect(server.requests.count == 1)
  }

  @Test func aClearedLimitLetsWorkGoOnAtOnce() throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "ok")])
    let home = try home("{web: {rate: 1/1h}}")
    let watch = try home.start("watch")
    try home.submit(workflow(server, requests: 2))
    try eventually("one request") { try server.requests.count == 1 && home.log("Rate limit exceeded").count == 1 }
    try home.astro("limits", "clear", "web")
    try eventually("the other") { server.requests.count == 2 }
    #expect(try watch.stop().code == 0)
  }

  @Test func noMoreRunAtATimeThanThereArePlaces() throws {
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      connection.send(ScriptedServer.answer(200, ["Connection: close"], body: "ok"))
    }
    let home = try home("{web: {concurrent: 1}}")
    try home.drain(workflow(server, requests: 6))
    #expect(server.requests.count == 6)
    let run = try home.run(in: "done")
    let spans = try attempts(of: run, home)
    for (earlier, later) in zip(spans, spans.dropFirst()) { #expect(earlier.end <= later.start) }
  }

  @Test func whenAPlaceComesFreeNobodyKnows() throws {
    let home = try home("{web: {concurrent: 1}}")
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)', limits: [web]}, b: {run: 'true', limits: [web]}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    #expect(
      try home.astro("explain", "@latest", "b").output.hasSuffix(
        """
        b pending
          limit web/concurrent: 1 of 1 used, until one that has a place ends
          earliest start: unknown

        """))
    #expect(try home.astro("explain", "@latest", "--json").output.contains(#""opens_at":null"#))
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func aServerThatSaysWhenIsNotAskedBeforeByAnybody() throws {
    let refusal = ScriptedServer.answer(429, ["Retry-After: 3600"], body: "slow down")
    let server = ScriptedServer(answers: [refusal])
    let home = try home("{web: {rate: 1000/1s}}", agent: "max_concurrent: 1, base_url: '\(server.url)'")
    try home.drain(workflow(server, requests: 4))
    #expect(server.requests.count == 1)
    let run = try home.run(in: "active")
    // A refusal is no failure: no attempt is used up, and the agent's reliability is what it was.
    #expect(Set(try home.tasks(of: run).values) == ["pending 0"])
    #expect(try home.astro("agents").output.contains("1.000"))
    try home.astro("drain")
    #expect(server.requests.count == 1)
    #expect(
      try home.astro("explain", run).output.contains("limit provider of web: closed by the provider, opens for it at "))
    #expect(
      try home.astro("explain", run, "--json").output.contains(
        #""limiter":"provider","key":"web","used":null,"limit":null,"opens_at":"#))
  }

  @Test func howMuchAProviderLetsThroughIsUnknown() throws {
    let refusal = ScriptedServer.answer(429, ["Retry-After: 3600"], body: "slow down")
    let server = ScriptedServer(answers: [refusal])
    let home = try home("{web: {rate: 1000/1s}}", agent: "max_concurrent: 1, base_url: '\(server.url)'")
    try home.drain(workflow(server, requests: 1))
    let rows = try home.astro("limits", "show", "--json").output.json([[String: Any]].self)
    let row = try #require(rows.first { $0["limiter"] as? String == "provider" })
    for field in ["remaining", "max_requests", "window_seconds"] { #expect(row[field] is NSNull, "\(field)") }
    #expect(row["requests_in_window"] as? Int == 0 && row["blocked_until"] is String)
    let limits = try home.astro("limits").output.lines.first { $0.hasPrefix("provider ") } ?? ""
    #expect(limits.split(separator: " ").prefix(5) == ["provider", "web", "0", "unknown", "unknown"], "\(limits)")
    let status = try home.astro("status")
    let told = status.output.lines.first { $0.hasPrefix("provider ") } ?? ""
    #expect(told.split(separator: " ").prefix(3) == ["provider", "web", "unknown"], "\(told)")
    let metrics = try home.read("data/metrics/astro.prom")
    for text in [status.output, try home.astro("status", "--json").output, metrics] {
      #expect(!text.contains("922337203685477"))
    }
  }

  /// Only who asked a provider knows what a provider said.
  @Test(arguments: [
    #"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded","status":429}}"#,
    #"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"429"}"#,
    "HTTP/1.1 429 Too Many Requests\nRetry-After: 3600\n",
    #"{"error":{"message":"add credit","code":"insufficient_quota"}}"#,
  ])
  func aCommandThatPrintsARefusalHasFailedAndNothingElse(text: String) throws {
    let home = try home("{web: {rate: 100/1h}}")
    try home.write(text, to: "said")
    try home.drain(
      """
      tasks:
        a: {run: 'cat \(home.path)/said; exit 1', limits: [web], retry: {attempts: 2, delay: 0s}}
        b: {run: 'cat \(home.path)/said >&2; exit 75', limits: [web]}

      """)
    let run = try home.run(in: "failed")
    #expect(try home.tasks(of: run) == ["a": "failed 2", "b": "failed 1"])
    #expect(
      try home.sql("SELECT task, outcome, exit_code FROM attempt ORDER BY task, number")
        == "a|exited|1\na|exited|1\nb|exited|75")
    #expect(try home.sql("SELECT count(*) FROM spent_key") == "0")
    let limits = try home.astro("limits", "--json").output.json([[String: Any]].self)
    #expect(
      limits.allSatisfy { $0["blocked_until"] is NSNull } && !limits.contains { $0["limiter"] as? String == "provider" }
    )
    #expect(try home.log("Rate limit exceeded").isEmpty)
  }

  @Test func whatIsConfiguredNowhereIsAnErrorAndNoOpenDoor() throws {
    let home = try home("{web: {rate: 3/1h}}")
    let path = try home.made("w.yaml", "tasks: {a: {run: 'true', limits: [wab]}}\n")
    let ending = try home.astro("validate", path)
    #expect(ending.code == 65)
    #expect(ending.errors.contains("there is no limit 'wab'"))
    #expect(ending.errors.contains("'web'"))
  }

  private func attempts(of run: String, _ home: Home) throws -> [(start: String, end: String)] {
    let tasks = try home.astro("status", run, "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    let attempts = tasks.flatMap { $0["attempts"] as? [[String: Any]] ?? [] }
    return attempts.map { ("\($0["started_at"] ?? "")", "\($0["finished_at"] ?? "")") }.sorted { $0.0 < $1.0 }
  }
}
