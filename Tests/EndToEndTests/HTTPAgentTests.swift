import AstroTestKit
import Foundation
import Testing

/// Requests of tasks, seen by the server they go to.
struct HTTPAgentTests {
  private func home() throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write(
      """
      agents:
        - {id: sh, type: command, capabilities: [shell]}
        - {id: web, type: http, capabilities: [fetch], allow_hosts: [127.0.0.1]}

      """, to: "config/agents.yaml")
    return home
  }

  private func tasks(_ home: Home) throws -> [String: [String: Any]] {
    let tasks = try home.astro("status", "@latest", "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: tasks.map { ("\($0["task_id"] ?? "")", $0) })
  }

  @Test func anAnswerIsOutputAndItsPartsAreOutputs() throws {
    let server = ScriptedServer(answers: [
      ScriptedServer.answer(200, ["Content-Type: application/json"], body: #"{"items": [{"id": "x7"}]}"#)
    ])
    let home = try home()
    try home.drain(
      """
      tasks:
        get: {agent: http, with: {url: '\(server.url)/a?q=1', headers: {X-Who: '${{ run.name }}'}, extract: {id: 'items[0].id'}}}
        use: {needs: [get], run: 'echo "$ID $STATUS"', env: {ID: '${{ tasks.get.outputs.id }}', STATUS: '${{ tasks.get.outputs.status }}'}}

      """)
    #expect(server.requests.map(\.line) == ["GET /a?q=1 HTTP/1.1"])
    #expect(server.requests.first?.headers["x-who"] == "work")
    #expect(try home.astro("logs", "@latest", "use").output.contains("x7 200"))
    #expect(try home.astro("logs", "@latest", "get").output.contains(#"{"items": [{"id": "x7"}]}"#))
    let attempt = (try tasks(home)["get"]?["attempts"] as? [[String: Any]])?.first
    #expect(attempt?["ending"] as? String == "completed")
    #expect(attempt?["exit_code"] == nil)
  }

  @Test func whatIsLocalIsClosedUnlessTheAgentOpensIt() throws {
    let home = try home()
    try home.drain(
      """
      tasks:
        a: {agent: http, with: {url: 'http://169.254.169.254/latest/meta-data'}}
        b: {agent: http, with: {url: 'http://[::ffff:10.0.0.1]/'}}
        c: {agent: http, with: {url: 'http://127.0.0.2:1/'}}

      """)
    let found = try tasks(home)
    for task in ["a", "b", "c"] {
      #expect(((found[task]?["attempts"] as? [[String: Any]])?.first)?["ending"] as? String == "refused")
      #expect((found[task]?["reason"] as? String)?.contains("which only the agent's allow_hosts can open") == true)
    }
  }

  /// The runner is killed while the server has the request and has not answered.
  private func killWhileSent(_ method: String) throws -> (home: Home, requests: Int, drain: () throws -> Int) {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      hold.wait()
      connection.send(ScriptedServer.answer(200, ["Connection: close"], body: "done"))
    }
    let home = try home()
    try home.submit("tasks: {a: {agent: http, with: {method: \(method), url: '\(server.url)/'}}}\n")
    let runner = try home.start("drain")
    #expect(reached.wait())
    try runner.kill()
    for _ in 1...3 { hold.open() }
    return (
      home, server.requests.count,
      {
        try home.astro("drain")
        return server.requests.count
      }
    )
  }

  @Test func aRequestThatReadsIsSentAgainAfterACrash() throws {
    let (home, before, drain) = try killWhileSent("GET")
    #expect(before == 1)
    #expect(try drain() == 2)
    #expect(try home.tasks(of: "@latest") == ["a": "succeeded 1"])
  }

  @Test func aRequestThatChangesSomethingIsNot() throws {
    let (home, before, drain) = try killWhileSent("POST")
    #expect(before == 1)
    #expect(try drain() == 1)
    #expect(try home.tasks(of: "@latest") == ["a": "lost 1"])
    #expect(
      try tasks(home)["a"]?["reason"] as? String
        == "its runner ended while it was sent: whether the server carried it out is not known")
  }

  @Test func aCancelEndsARequestThatIsUnderWay() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      #expect(connection.awaitClose())
      hold.open()
    }
    let home = try home()
    let watch = try home.start("watch")
    try home.submit("tasks: {a: {agent: http, with: {url: '\(server.url)/'}}}\n")
    #expect(reached.wait())
    try home.astro("cancel", "@latest")
    #expect(hold.wait())
    try eventually("cancelled") { try home.state(of: "@latest") == "cancelled" }
    #expect(try watch.stop().code == 0)
  }

  @Test func aTimeoutOfTheTaskEndsIt() throws {
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      connection.awaitClose()
    }
    let home = try home()
    try home.drain("tasks: {a: {agent: http, timeout: 200ms, with: {url: '\(server.url)/'}}}\n")
    #expect(try home.tasks(of: "@latest") == ["a": "timed_out 1"])
  }

  /// That of the task and that of the agent, which `agents.yaml` names, on every way that an answer goes.
  @Test func secretsThatAServerRepeatsAreNowhereInTheHome() throws {
    let server = ScriptedServer { connection in
      while let request = connection.request() {
        let said = "\(request.headers["x-own"] ?? "-") \(request.headers["x-agent"] ?? "-")"
        connection.send(
          ScriptedServer.answer(request.line.contains("/bad") ? 500 : 200, body: #"{"said": "\#(said)"}"#))
      }
    }
    let home = try home()
    try home.write(
      """
      agents:
        - {id: sh, type: command}
        - {id: web, type: http, allow_hosts: [127.0.0.1], headers: {X-Agent: {env: AGENT_KEY}}}

      """, to: "config/agents.yaml")
    try home.submit(
      """
      secrets: {own: {env: OWN_KEY}}
      tasks:
        good: {agent: web, with: {url: '\(server.url)/good', headers: {X-Own: '${{ secrets.own }}'}, extract: {said: said}}}
        bad: {agent: web, with: {url: '\(server.url)/bad', headers: {X-Own: '${{ secrets.own }}'}}}
        use: {needs: [good], run: 'echo "$SAID"', env: {SAID: '${{ tasks.good.outputs.said }}'}}

      """)
    try home.astro("drain", environment: ["AGENT_KEY": "a9ent-secret", "OWN_KEY": "t4sk-secret"])
    #expect(Set(server.requests.map { $0.headers["x-own"] }) == ["t4sk-secret"])
    #expect(Set(server.requests.map { $0.headers["x-agent"] }) == ["a9ent-secret"])
    #expect(try home.astro("logs", "@latest", "use").output.contains("*** ***"))
    #expect(try home.shell("grep -rlaE 'a9ent-secret|t4sk-secret' . | sort").output == "")
  }
}
