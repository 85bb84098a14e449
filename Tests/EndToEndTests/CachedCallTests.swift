import AstroTestKit
import Foundation
import Testing

/// Cached tasks of agents: what is in their files, and how their agents are configured, is part of what they are.
struct CachedCallTests {
  private static let answer = ScriptedServer.answer(
    200, ["content-type: application/json"],
    body: """
      {"model": "m", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 20, "completion_tokens": 10}}
      """)

  private func configure(_ home: Home, _ server: ScriptedServer, _ more: String = "") throws {
    try home.write(
      """
      agents:
        - {id: sh, type: command}
        - {id: ai, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m\(more)}

      """, to: "config/agents.yaml")
  }

  private let workflow = """
    params: {text: one}
    tasks:
      w: {run: 'printf %s "$TEXT" > "$ASTRO_RUN_DIR/in.txt"', env: {TEXT: '${{ params.text }}'}}
      a: {needs: [w], agent: ai, cache: true, with: {prompt: hi, files: [in.txt]}}

    """

  private func run(_ home: Home, _ text: String) throws {
    let ending = try home.astro("run", "-q", "-p", "text=\(text)", home.made("w.yaml", workflow))
    #expect(ending.code == 0, "\(ending.errors)")
  }

  @Test func theContentOfFilesCounts() throws {
    let server = ScriptedServer(answers: [Self.answer])
    let home = try Home(system: Home.unlimited)
    try configure(home, server)
    for text in ["one", "one", "two", "one", "two"] { try run(home, text) }
    #expect(server.requests.count == 2)
    #expect(try home.sql("SELECT count(*) FROM call") == "2")
  }

  @Test func whatItsFileWasWhenItChangedOnTheWayIsNotKept() throws {
    let (reached, hold) = (AstroTestKit.Gate(), AstroTestKit.Gate())
    let answer = Self.answer
    let server = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      reached.open()
      hold.wait()
      connection.send(answer)
    }
    let home = try Home(system: Home.unlimited)
    try configure(home, server)
    let first = try home.start(["run", "-q", "-p", "text=one", home.made("w.yaml", workflow)])
    #expect(reached.wait())
    let files = try home.sql("SELECT id FROM run")
    try home.write("six", to: "data/runs/\(files)/files/in.txt")
    for _ in 1...3 { hold.open() }
    #expect(try first.finish().code == 0)
    #expect(try home.sql("SELECT count(*) FROM cache") == "0")
    try run(home, "one")
    #expect(server.requests.count == 2)
    #expect(try home.sql("SELECT count(*) FROM cache") == "1")
  }

  /// Its file nobody could read to its end while a test lasts.
  private static let large = """
    tasks:
      w: {run: 'truncate -s 8T "$ASTRO_RUN_DIR/in.txt"'}
      a: {needs: [w], agent: ai, cache: true, with: {prompt: hi, files: [in.txt]}}

    """

  @Test func whileALargeFileIsReadOthersGoOnAndItsRunCanBeCancelled() throws {
    let server = ScriptedServer(answers: [Self.answer])
    let home = try Home(system: Home.unlimited)
    try configure(home, server)
    let watch = try home.start("watch")
    try home.submit(Self.large, as: "large.yaml")
    try eventually("it is made") { try home.log("Task execution completed").count == 1 }
    let large = try home.sql("SELECT id FROM run")
    try home.submit("tasks: {b: {run: 'true', cache: true}}\n", as: "small.yaml")
    try eventually("the other run") { try home.log("Workflow completed").count == 1 }
    #expect(try home.state(of: large) == "running")
    // What is read meanwhile is for a configuration that may have changed.
    watch.signal(SIGHUP)
    try eventually("it is read") { try home.log("Configuration reloaded").count == 1 }
    try home.astro("cancel", large)
    try eventually("it ends") { try home.state(of: large) == "cancelled" }
    #expect(try watch.stop().code == 0)
    #expect(server.requests.isEmpty)
  }

  @Test func aRunnerThatDiesWhileAFileIsReadLeavesTheTaskToTheNext() throws {
    let server = ScriptedServer(answers: [Self.answer])
    let home = try Home(system: Home.unlimited)
    try configure(home, server)
    let watch = try home.start("watch")
    try home.submit(Self.large)
    try eventually("it is made") { try home.log("Task execution completed").count == 1 }
    try watch.kill()
    let run = try home.sql("SELECT id FROM run")
    try home.write("one", to: "data/runs/\(run)/files/in.txt")
    try home.astro("drain")
    #expect(try home.tasks(of: run) == ["w": "succeeded 1", "a": "succeeded 1"])
    #expect(try home.sql("SELECT count(*) FROM cache") == "1")
  }

  @Test func howItsAgentIsConfiguredCounts() throws {
    let server = ScriptedServer(answers: [Self.answer])
    let home = try Home(system: Home.unlimited)
    for more in ["", ", headers: {x-mode: a}", ", headers: {x-mode: b}", ", timeouts: {total: 30s}", ""] {
      try configure(home, server, more)
      try run(home, "one")
    }
    #expect(server.requests.count == 3)
  }

  @Test func aResultUnderAnyAgentThatCouldTakeItWillDo() throws {
    let server = ScriptedServer(answers: [Self.answer])
    let home = try Home(system: Home.unlimited)
    try configure(home, server)
    try run(home, "one")
    let two = """
      agents:
        - {id: sh, type: command}
        - {id: first, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: other}
        - {id: ai, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m}

      """
    try home.write(two, to: "config/agents.yaml")
    let any = workflow.replacingOccurrences(of: "agent: ai", with: "agent: llm")
    #expect(try home.astro("run", "-q", home.made("any.yaml", any)).code == 0)
    #expect(server.requests.count == 1)
    #expect(try home.sql("SELECT agent FROM attempt WHERE cached = 1") == "ai")
  }

  @Test func aTaskWithASecretIsDoneAnew() throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(200, body: "yes")])
    let home = try Home(system: Home.unlimited)
    try home.write(
      "agents:\n  - {id: web, type: http, allow_hosts: ['127.0.0.1']}\n", to: "config/agents.yaml")
    func run(_ key: String) throws {
      let path = try home.made(
        "w.yaml",
        """
        secrets: {KEY: {env: ASTRO_TEST_KEY}}
        tasks: {a: {agent: web, cache: true, with: {url: '\(server.url)/', headers: {x-key: '\(key)'}}}}

        """)
      #expect(try home.astro("run", "-q", path, environment: ["ASTRO_TEST_KEY": "a-key-of-its-own"]).code == 0)
    }
    for _ in 1...2 { try run("${{ secrets.KEY }}") }
    #expect(server.requests.count == 2)
    for _ in 1...2 { try run("plain") }
    #expect(server.requests.count == 3)
  }
}
