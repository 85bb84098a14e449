import AstroTestKit
import Foundation
import Glibc
import Testing

/// Tools of an MCP server, called by tasks.
struct MCPTests {
  let mark = UUID().uuidString
  /// Living processes of the servers, their keepers included.
  var processes: [Int32] { MarkedProcesses.carrying("MARK=\(mark)") }

  /// - Parameter body: of the server, which says nothing of its own.
  func home(_ body: String = "") throws -> (Home, ToolServerScript) {
    let home = try Home(system: Home.unlimited)
    let script = ToolServerScript(body)
    try home.write(
      """
      agents:
        - {id: shell, type: command}
        - {id: tools, type: mcp, server: py}
      mcp_servers:
        py: {command: \(script.command), env: {MARK: \(mark)}}

      """, to: "config/agents.yaml")
    return (home, script)
  }

  @Test func tasksCallToolsOfOneServerThatEndsWithTheRun() throws {
    let (home, script) = try home(
      """
      def call(message):
          words = message["params"]["arguments"].get("words", "nothing")
          text(message, words, structuredContent={"pid": os.getpid()})
      """)
    let workflow = try home.made(
      "w.yaml",
      """
      tasks:
        a: {agent: tools, with: {tool: look, arguments: {words: hello}}}
        b: {agent: mcp, needs: [a], with: {server: py, tool: look, arguments: {words: 'again ${{ tasks.a.stdout }}'}}}
        c:
          needs: [a, b]
          run: test "$A" = "$B"; echo "$SAID"
          env: {A: '${{ tasks.a.outputs.pid }}', B: '${{ tasks.b.outputs.pid }}', SAID: '${{ tasks.b.outputs.text }}'}

      """)
    let ending = try home.astro("run", "-q", workflow)
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(try home.astro("logs", "@latest", "c").output.contains("again hello"))
    #expect(processes == [])
    withExtendedLifetime(script) {}
  }

  @Test func aModelCallsTheToolsThatItsTaskNames() throws {
    let (home, script) = try home(
      "def call(message): text(message, 'the answer is ' + str(message['params']['arguments']['n'] * 2))")
    func answer(_ message: String, _ finish: String) -> String {
      ScriptedServer.answer(
        200, ["content-type: application/json"],
        body:
          #"{"model":"m","choices":[{"index":0,"message":\#(message),"finish_reason":"\#(finish)"}],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#
      )
    }
    let call = #"{"id":"c1","type":"function","function":{"name":"py_look","arguments":"{\"n\": 21}"}}"#
    let server = ScriptedServer(answers: [
      answer(#"{"role":"assistant","content":null,"tool_calls":[\#(call)]}"#, "tool_calls"),
      answer(#"{"role":"assistant","content":"It is 42."}"#, "stop"),
    ])
    try home.write(
      home.read("config/agents.yaml").replacingOccurrences(
        of: "mcp_servers:",
        with: "  - {id: writer, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m}\nmcp_servers:"),
      to: "config/agents.yaml")
    let workflow = try home.made(
      "w.yaml", "tasks: {a: {agent: writer, with: {prompt: 'twice 21?', tools: [py.look]}}}\n")
    let ending = try home.astro("run", "-q", workflow)
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(try home.astro("logs", "@latest", "a").output.contains("It is 42."))
    #expect(server.requests.count == 2)
    let told = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
    #expect(told[0].contains(#""name":"py_look""#))
    #expect(told[1].contains("the answer is 42"))
    #expect(processes == [])
    withExtendedLifetime(script) {}
  }

  @Test func anErrorOfAToolFailsTheTask() throws {
    let (home, script) = try home("def call(message): text(message, 'out of order', isError=True)")
    let ending = try home.astro(
      "run", try home.made("w.yaml", "tasks: {a: {agent: tools, with: {tool: look}}}\n"))
    #expect(ending.code == 1)
    let run = try home.run(in: "failed")
    #expect(try home.read("data/runs/\(run)/run.json").contains("the tool 'look' reports an error: out of order"))
    withExtendedLifetime(script) {}
  }

  /// The call is under way for as long as a file is not there.
  @Test(arguments: [("set", "succeeded"), ("add", "lost")])
  func aKilledRunnerLeavesNoServerAndNoCallIsRepeatedThatMayNotBe(_ tool: String, _ state: String) throws {
    let (home, script) = try home(
      """
      def call(message):
          with open("calls", "a") as calls: calls.write("x\\n")
          if not os.path.exists("go"): signal.pause()
          text(message, "done")
      """)
    try home.submit("tasks: {a: {agent: tools, with: {tool: \(tool)}}}\n")
    let runner = try home.start("watch")
    var calls: String { home.names(in: "data/runs").first.map { "data/runs/\($0)/files" } ?? "none" }
    try eventually("the call begins") { home.exists("\(calls)/calls") }
    let servers = processes
    #expect(servers.count == 2)
    runner.signal(SIGKILL)
    _ = try runner.finish()
    try eventually("the server and its keeper have ended") { processes == [] }
    try home.write("", to: "\(calls)/go")
    try home.astro("drain")
    let run = try #require(home.names(in: "data/runs").first)
    #expect(try home.tasks(of: run)["a"]?.split(separator: " ").first == state[...])
    #expect(try home.lines("calls", of: run) == (tool == "set" ? ["x", "x"] : ["x"]))
    #expect(processes == [])
    withExtendedLifetime(script) {}
  }

  @Test func aCancelledTaskLeavesNoServer() throws {
    let (home, script) = try home(
      """
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      def call(message):
          open("called", "w").close()
          signal.pause()
      """)
    try home.submit("tasks: {a: {agent: tools, with: {tool: add}}}\n")
    let runner = try home.start("watch")
    try eventually("the call begins") {
      home.names(in: "data/runs").first.map { home.exists("data/runs/\($0)/files/called") } ?? false
    }
    try home.astro("cancel", "@latest")
    try eventually("the run is cancelled") { home.names(in: "spool/cancelled").count == 2 }
    try eventually("the server has ended") { processes == [] }
    runner.signal(SIGTERM)
    #expect(try runner.finish().code == 0)
    withExtendedLifetime(script) {}
  }

  @Test func aProbeSaysWhatAServerDiesOf() throws {
    let (home, script) = try home("sys.exit('no licence')")
    let ending = try home.astro("agents", "--probe", "--json")
    #expect(
      ending.output.contains("ended with exit code 1 before it answered 'initialize'; its last words: no licence"))
    #expect(processes == [])
    withExtendedLifetime(script) {}
  }
}
