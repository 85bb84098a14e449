import AstroTestKit
import Foundation
import Glibc
import Testing

/// Servers that answer badly in every way: each task that meets one ends with a name and a reason, and the runner goes on
/// with the others.
struct BadPeersTests {
  private static let usage = #""usage":{"prompt_tokens":7,"completion_tokens":3}"#
  private static let choices =
    #""choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]"#

  private static func json(_ body: String, _ status: Int = 200) -> String {
    ScriptedServer.answer(status, ["content-type: application/json"], body: body)
  }

  /// Sends until the client has had enough of it: what nobody reads blocks.
  private static func flood(_ connection: ScriptedConnection, _ head: String, _ unit: [UInt8], bytes: Int) {
    var rest = bytes
    var isHeard = connection.send("HTTP/1.1 200 OK\r\n\(head)\r\n\r\n")
    while isHeard, rest > 0 {
      isHeard = connection.send(unit)
      rest -= unit.count
    }
  }

  /// What is asked for is the first step of the path.
  private static func script(_ connection: ScriptedConnection) {
    while let request = connection.request() {
      let step = request.line.split(separator: "/").dropFirst().first.map { String($0.prefix { $0 != " " }) } ?? ""
      switch step {
      case "good", "key": connection.send(json("{\(choices),\(usage)}", request.headers["x-bad"] == nil ? 200 : 401))
      case "malformed": connection.send(json(#"{"choices": [{"message": {"content": "half"#))
      case "truncated":
        connection.send(
          "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            + "41\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half of it\"}}]}\n\r\n")
        return
      case "type": connection.send(ScriptedServer.answer(200, ["content-type: text/html"], body: "<h1>Sign in</h1>"))
      case "huge":
        let unit = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        flood(connection, "content-type: application/json\r\ncontent-length: \(100 << 20)", unit, bytes: 100 << 20)
        return
      case "endless":
        let words = String(repeating: "more and more ", count: 4096)
        let unit = Array("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(words)\"}}]}\n\n".utf8)
        flood(connection, "content-type: text/event-stream\r\nconnection: close", unit, bytes: 1 << 30)
        return
      case "slow":
        // A byte at a time, so that it is never silent for long.
        var isHeard = connection.send(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
        while isHeard {
          isHeard = connection.send(" ")
          poll(nil, 0, 20)
        }
        return
      case "bytes":
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n")
        connection.send([0x22, 0xFF, 0xFE, 0x22])
      case "usage": connection.send(json("{\(choices)}"))
      case "model":
        connection.send(
          json(
            #"{"error":{"message":"The model 'm' does not exist","type":"invalid_request_error","code":"model_not_found"}}"#,
            404))
      case "refused":
        connection.send(json(#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#, 401))
      default: connection.send(json("{}", 404))
      }
    }
  }

  private struct Outcome {
    var state: String
    var ending: String?
    var reason: String
  }

  @Test func modelsThatAnswerBadlyEndTheirTasksAndNothingElse() throws {
    let server = ScriptedServer { Self.script($0) }
    let cases = [
      "good", "malformed", "truncated", "type", "huge", "endless", "slow", "bytes", "usage", "model", "refused",
    ]
    var agents = "agents:\n  - {id: shell, type: command}\n"
    var tasks = "tasks:\n"
    for name in cases + ["nokey", "nobody"] {
      let base = name == "nobody" ? "http://127.0.0.1:\(ScriptedServer.deadPort())" : server.url
      let key = name == "nokey" ? ", api_key: {env: NO_SUCH_KEY}" : ""
      agents +=
        "  - {id: \(name), type: llm, dialect: openai_chat, base_url: '\(base)/\(name)/v1', model: m, retries: 0\(key),"
        + " timeouts: {total: \(name == "slow" ? "3s" : "120s")}}\n"
      tasks += "  \(name): {agent: \(name), with: {prompt: hi, max_output_tokens: 9}}\n"
    }
    let found = try outcomes(of: tasks, agents)
    #expect(found["usage"]?.state == "succeeded")
    try expectFailures(
      [
        "malformed": "the answer cannot be used", "truncated": "closed in the middle of the answer",
        "type": "the answer cannot be used", "huge": "it is longer than", "endless": "it is longer than",
        "slow": "timed out", "bytes": "the answer cannot be used", "model": "The model 'm' does not exist",
        "refused": "Incorrect API key provided", "nokey": "NO_SUCH_KEY", "nobody": "no connection",
      ], in: found, ending: "provider_error")
  }

  @Test func serversOfAnyKindThatAnswerBadlyEndTheirTasksAndNothingElse() throws {
    let server = ScriptedServer { Self.script($0) }
    let agents = """
      agents:
        - {id: shell, type: command}
        - {id: web, type: http, allow_hosts: [127.0.0.1], max_bytes: 1MiB, timeouts: {total: 60s}}
        - {id: hasty, type: http, allow_hosts: [127.0.0.1], timeouts: {total: 3s}}

      """
    var tasks = "tasks:\n"
    for name in ["good", "malformed", "truncated", "huge", "endless", "slow", "bytes"] {
      let agent = name == "slow" ? "hasty" : "web"
      tasks += "  \(name): {agent: \(agent), with: {url: '\(server.url)/\(name)', extract: {n: usage.prompt_tokens}}}\n"
    }
    try expectFailures(
      [
        "malformed": "the body is not JSON", "truncated": "closed in the middle of the answer",
        "huge": "longer than 1MiB", "endless": "longer than 1MiB", "slow": "timed out",
        "bytes": "the body is not JSON",
      ], in: outcomes(of: tasks, agents))
  }

  @Test func toolServersThatMisbehaveEndTheirTasksAndNothingElse() throws {
    let mark = UUID().uuidString
    let scripts: [String: ToolServerScript] = [
      "good": ToolServerScript(""), "dies": ToolServerScript("def call(message): os._exit(9)"),
      "unborn": ToolServerScript("sys.exit(3)"), "hangs": ToolServerScript("def call(message): signal.pause()"),
      "floods": ToolServerScript("def call(message): [sys.stdout.write('x' * 1000000) for _ in range(100)]"),
      "nonsense": ToolServerScript("while True: print('{\"jsonrpc\": \"2.0\", \"id\":')"),
    ]
    var agents = "agents: [{id: shell, type: command}, {id: tool, type: mcp}]\nmcp_servers:\n"
    var tasks = "tasks:\n"
    for (name, script) in scripts {
      agents += "  \(name): {command: \(script.command), env: {MARK: \(mark)}, call_timeout: 2s}\n"
      tasks += "  \(name): {agent: tool, with: {server: \(name), tool: look}}\n"
    }
    try expectFailures(
      [
        "dies": "ended with exit code 9 before it answered 'tools/call'", "unborn": "ended with exit code 3",
        "hangs": "timed out", "floods": "prints a line of more than 1MiB",
        "nonsense": "lines that are no messages",
      ], in: outcomes(of: tasks, agents))
    #expect(MarkedProcesses.carrying("MARK=\(mark)") == [])
    withExtendedLifetime(scripts) {}
  }

  /// How each of the tasks ends in a pass, of which `good` must succeed, and so must another file's.
  private func outcomes(of tasks: String, _ agents: String) throws -> [String: Outcome] {
    let home = try Home(system: Home.unlimited)
    try home.write(agents, to: "config/agents.yaml")
    try home.submit(tasks)
    try home.submit("tasks: {a: {run: echo still here}}\n", as: "zz.yaml")
    let drain = try home.astro("drain")
    #expect(drain.code == 1, "\(drain.errors)")
    #expect(home.names(in: "spool/done").count { $0.hasSuffix(".yaml") } == 1)
    let status = try home.astro("status", home.run(in: "failed"), "--json").output.json()
    let ended = status["tasks"] as? [[String: Any]] ?? []
    let found = Dictionary(
      uniqueKeysWithValues: ended.map { task in
        let attempt = (task["attempts"] as? [[String: Any]])?.last
        return (
          "\(task["task_id"] ?? "")",
          Outcome(
            state: "\(task["state"] ?? "")", ending: attempt?["ending"] as? String,
            reason: "\(task["reason"] ?? attempt?["message"] ?? "")")
        )
      })
    #expect(found["good"]?.state == "succeeded", "\(found)")
    return found
  }

  /// - Parameter ending: of those that did not run out of time.
  private func expectFailures(
    _ reasons: [String: String], in found: [String: Outcome], ending: String? = nil
  ) throws {
    for (name, reason) in reasons.sorted(by: { $0.key < $1.key }) {
      let outcome = try #require(found[name])
      let isLate = reason == "timed out"
      #expect(outcome.state == (isLate ? "timed_out" : "failed"), "\(name): \(outcome)")
      #expect(outcome.reason.contains(reason), "\(name): \(outcome)")
      if let ending { #expect(outcome.ending == (isLate ? "timeout" : ending), "\(name): \(outcome)") }
    }
  }
}
