import AstroTestKit
import Foundation
import Glibc
import Testing

/// Commands of a workflow that a model calls, seen by the model's server.
struct CommandToolTests {
  private func home(_ server: ScriptedServer) throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write(
      """
      agents:
        - {id: shell, type: command}
        - {id: ai, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m, retries: 0}

      """,
      to: "config/agents.yaml")
    return home
  }

  private static func answer(_ message: String, _ finish: String) -> String {
    ScriptedServer.answer(
      200, ["content-type: application/json"],
      body:
        #"{"model":"m","choices":[{"index":0,"message":\#(message),"finish_reason":"\#(finish)"}],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#
    )
  }

  /// - Parameter arguments: JSON, as it stands inside a JSON string.
  private static func call(_ name: String, _ arguments: String, id: String = "c1") -> String {
    let call = #"{"id":"\#(id)","type":"function","function":{"name":"\#(name)","arguments":"\#(arguments)"}}"#
    return answer(#"{"role":"assistant","content":null,"tool_calls":[\#(call)]}"#, "tool_calls")
  }

  private static func said(_ text: String) -> String { answer(#"{"role":"assistant","content":"\#(text)"}"#, "stop") }

  private func body(_ request: ScriptedRequest) -> String { String(decoding: request.body, as: UTF8.self) }

  private let search = """
    params: {log: {type: string, required: true}}
    tools:
      search:
        description: Lines of the log that hold a word.
        parameters: {type: object, required: [word], properties: {word: {type: string}}}
        env: {WORD: '${{ args.word }}', LOG: '${{ params.log }}'}
        run: grep -F -- "$WORD" "$LOG"
      unused: {description: Never offered., run: [false]}
    tasks:
      a: {agent: ai, with: {prompt: what broke?, tools: [search]}}

    """

  @Test func aModelCallsACommandOfTheWorkflow() throws {
    let server = ScriptedServer(answers: [
      Self.call("search", #"{\"word\": \"disk\"}"#), Self.call("search", #"{\"word\": \"$(touch x)\"}"#, id: "c2"),
      Self.call("search", #"{\"words\": 1}"#, id: "c3"), Self.said("The disk is full."),
    ])
    let home = try home(server)
    let log = try home.made("app.log", "all is well\nthe disk is full\n")
    let ending = try home.astro("run", "-q", "-p", "log=\(log)", try home.made("w.yaml", search))
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(try home.astro("logs", "@latest", "a").output.contains("The disk is full."))
    let told = server.requests.map(body)
    #expect(told.count == 4)
    #expect(told[0].contains(#""name":"search""#) && told[0].contains("Lines of the log that hold a word."))
    #expect(!told[0].contains("unused"))
    #expect(told[1].contains("the disk is full\\n"))
    // A word that nobody wrote, and nothing that was run.
    #expect(told[2].contains("it ended with exit code 1"))
    #expect(told[3].contains("the arguments do not fit"))
    let run = try home.run(in: "done")
    #expect(home.names(in: "data/runs/\(run)/files") == [])
    let events = try home.read("data/runs/\(run)/tasks/a/1/transcript.jsonl").lines.map {
      "\(try $0.json()["event"] ?? "")"
    }
    #expect(
      events.filter { $0.hasPrefix("tool_") }
        == Array(repeating: ["tool_call", "tool_result"], count: 3).flatMap { $0 })
  }

  @Test func theExampleFindsWhatIsInALog() throws {
    let server = ScriptedServer(answers: [
      Self.call("search", #"{\"pattern\": \"no space|panic\"}"#),
      Self.call("lines", #"{\"first\": 2, \"last\": 3}"#, id: "c2"),
      Self.said(#"{\"cause\": \"The disk is full.\", \"advice\": \"Make room.\"}"#),
    ])
    let home = try home(server)
    let log = try home.made("app.log", "one\ntwo\nthree: No space left on device\nfour\n")
    let ending = try home.astro("run", "-q", "-p", "log=\(log)", "\(Examples.directory)/log-triage.yaml")
    #expect(ending.code == 0, "\(ending.errors)")
    let told = server.requests.map(body)
    try #require(told.count == 3)
    #expect(told[1].contains("3:three: No space left on device"))
    #expect(told[2].contains("two\\nthree: No space left on device\\n\""))
    #expect(
      try home.astro("logs", "@latest", "report").output == "Cause:  The disk is full.\nAdvice: Make room.\n")
  }

  /// A tool that waits, and a model that calls it and then says `done`.
  private func waiting(isIdempotent: Bool) throws -> (Home, ScriptedServer, Gate) {
    let server = ScriptedServer(answers: [Self.call("slow", "{}"), Self.said("done")])
    let home = try home(server)
    let gate = try home.gate()
    try home.submit(
      """
      tools:
        slow:
          description: Takes its time.
          idempotent: \(isIdempotent)
          run: |
            echo "$$" >> "$ASTRO_HOME/effects"
            \(gate.pass)
            echo finished
      tasks:
        a: {agent: ai, with: {prompt: hi, tools: [slow]}}

      """)
    return (home, server, gate)
  }

  private func isAlive(_ pid: String) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !status.contains(") Z ") && !status.contains(") X ")
  }

  @Test func aCallThatMayNotBeRepeatedIsNotAfterTheRunnerIsKilled() throws {
    let (home, server, gate) = try waiting(isIdempotent: false)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    #expect(try home.astro("drain").code == 1)
    let pids = try home.read("effects").lines
    #expect(pids.count == 1 && !pids.contains(where: isAlive))
    #expect(server.requests.count == 1)
    let record = try home.read("data/runs/\(try home.run(in: "failed"))/run.json")
    #expect(record.contains(#""ending":"tool_error""#))
    #expect(
      record.contains(
        "the tool 'slow' was being called when the attempt broke off, and is not known to be safe to repeat"))
  }

  @Test func oneThatMayBeIsAndNoTurnIsPaidForTwice() throws {
    let (home, server, gate) = try waiting(isIdempotent: true)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    let next = try home.start("drain")
    try gate.waitForTask()
    gate.letOn()
    let ending = try next.finish()
    #expect(ending.code == 0, "\(ending.errors)")
    let pids = try home.read("effects").lines
    #expect(Set(pids).count == 2 && !pids.contains(where: isAlive))
    #expect(server.requests.count == 2)
    #expect(body(server.requests[1]).contains("finished"))
    #expect(try home.tasks(of: "@latest") == ["a": "succeeded 1"])
  }

  @Test func aCancelledTaskLeavesNothingOfItsToolRunning() throws {
    let (home, server, gate) = try waiting(isIdempotent: false)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try home.astro("cancel", "@latest")
    _ = try withExtendedLifetime(server) { try runner.finish() }
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(try !home.read("effects").lines.contains(where: isAlive))
  }

  /// What a model is told of tools is not known when a task begins, so that its first call replaces what was granted then.
  @Test func aFirstCallThatTakesMoreIsMadeThoughOthersWaitForTheLimit() throws {
    let server = ScriptedServer(answers: [Self.said("done"), Self.said("too many")])
    let home = try home(server)
    try home.write(
      "system:\n  \(Home.unlimited)\nlimits: {gate: {rate: 1/1h}}\n", to: "config/system_config.yaml")
    try home.drain(
      """
      tools: {t: {description: Tells nothing that anybody would want to know., run: 'true'}}
      tasks:
        a: {agent: ai, limits: [gate], with: {prompt: hi, tools: [t]}}
        b: {agent: ai, limits: [gate], with: {prompt: hi, tools: [t]}}

      """)
    #expect(server.requests.count == 1)
    #expect(try home.tasks(of: "@latest").values.count { $0.hasPrefix("succeeded") } == 1)
  }

  @Test func anotherCommandIsNoEqualTask() throws {
    let server = ScriptedServer(answers: [Self.said("done")])
    let home = try home(server)
    func run(_ command: String) throws {
      let text =
        "tools: {t: {description: x, run: \(command)}}\n"
        + "tasks: {a: {agent: ai, cache: true, with: {prompt: hi, tools: [t]}}}\n"
      try #require(try home.astro("run", "-q", try home.made("w.yaml", text)).code == 0)
    }
    try run("echo 1")
    try run("echo 1")
    #expect(server.requests.count == 1)
    try run("echo 2")
    #expect(server.requests.count == 2)
  }

  @Test func parametersThatAreNoSchemaAreNamedAtOnce() throws {
    let home = try home(ScriptedServer(answers: [Self.said("never")]))
    let file = try home.made(
      "w.yaml",
      "tools: {t: {description: x, run: y, parameters: {type: object, properties: {n: {type: text}}}}}\n"
        + "tasks: {a: {agent: ai, with: {prompt: hi, tools: [t]}}}\n")
    let ending = try home.astro("validate", file)
    #expect(ending.code == 65)
    #expect(
      ending.errors.contains(
        "w.yaml:1:37: error: the parameters of tool 't' cannot be used: /properties/n/type: 'text' is no type"))
  }
}
