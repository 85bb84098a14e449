import AstroCore
import AstroMCP
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroAgents

struct MCPAgentTests {
  @Test func theResultIsTheOutputAndTheCallIsWrittenDownBeforeAndAfter() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          text(message, "it is " + json.dumps(message["params"]["arguments"]), structuredContent={"n": 1, "list": [1, 2]})
      """)
    let request = fixture.request(#"{"tool": "look", "arguments": {"at": "sky"}}"#)
    let result = await fixture.perform(request)
    let words = #"it is {"at": "sky"}"#
    #expect(
      result == .ended(.init(.completed, outputs: ["text": words, "n": "1", "list": "[1,2]"], stdout: words)))
    #expect(fixture.content("stdout", of: request) == words)
    #expect(
      fixture.content("transcript.jsonl", of: request) == #"""
        {"at":"2026-11-29T12:00:00.000Z","event":"tool_call","id":"1","name":"py.look","arguments":"{\"at\":\"sky\"}"}
        {"at":"2026-11-29T12:00:00.000Z","event":"tool_result","id":"1","text":"it is {\"at\": \"sky\"}","is_error":false}
        {"at":"2026-11-29T12:00:00.000Z","event":"ended","ending":"completed","text":"it is {\"at\": \"sky\"}","value":{"list":[1,2],"n":1},"infrastructure":false}

        """#)
    await fixture.host.end(of: fixture.workflow)
    #expect(fixture.processes == [])
  }

  @Test func theTasksOfARunShareAServer() async throws {
    let fixture = try ToolFixture("def call(message): text(message, str(os.getpid()))")
    let first = await fixture.perform(fixture.request(#"{"tool": "look"}"#, task: "a"))
    let second = await fixture.perform(fixture.request(#"{"tool": "look"}"#, task: "b"))
    #expect(first == second)
    guard case .ended(let ending) = first else { return #expect(Bool(false)) }
    #expect(ending.ending == .completed)
    await fixture.host.close()
  }

  @Test func anErrorOfTheToolIsOneOfTheTask() async throws {
    let fixture = try ToolFixture(#"def call(message): text(message, "no such\nplace", isError=True)"#)
    let result = await fixture.perform(fixture.request(#"{"tool": "look"}"#))
    #expect(
      result
        == .ended(
          .init(.toolError, message: "the tool 'look' reports an error: no such?place", stdout: "no such\nplace")))
    await fixture.host.close()
  }

  @Test(arguments: [
    (
      "def call(message): refuse(message, -32602, 'Unknown tool')", AgentEnding.toolError, false,
      "MCP server 'py' refuses 'tools/call': Unknown tool (error -32602)"
    ),
    (
      "def call(message): sys.exit(4)", .toolError, true,
      "MCP server 'py' ended with exit code 4 before it answered 'tools/call'"
    ),
    ("sys.exit(5)", .toolError, true, "MCP server 'py' ended with exit code 5 before it answered 'initialize'"),
    (
      "def call(message): answer(message, {'resultType': 'input_required'})", .toolError, false,
      "MCP server 'py' asks for input before 'look' goes on, and there is nobody to ask"
    ),
    ("def call(message): signal.pause()", .timeout, false, "MCP server 'py' gives no answer to 'tools/call' within 7s"),
  ])
  func whatWentWrongIsTold(
    _ body: String, _ name: AgentEnding, _ infrastructure: Bool, _ message: String
  ) async throws {
    let fixture = try ToolFixture(body, hasty: name == .timeout ? [.seconds(7), .seconds(2)] : [])
    let result = await fixture.perform(fixture.request(#"{"tool": "look", "timeout": "7s"}"#))
    #expect(result == .ended(.init(name, message: message, infrastructure: infrastructure)))
    await fixture.host.close()
    #expect(fixture.processes == [])
  }

  @Test(arguments: [
    ("[]", "with: is a list, and not a mapping"),
    ("{}", "with: 'tool' is missing"),
    (#"{"tool": "look", "argumnets": {}}"#, "with: unknown key 'argumnets'; did you mean 'arguments'?"),
    (#"{"tool": "look", "arguments": "x"}"#, "with.arguments: is a string, and not a mapping"),
    (#"{"tool": "look", "timeout": "soon"}"#, "with.timeout: must be a duration such as 30s or 5m"),
    (#"{"tool": "look", "server": "rb"}"#, "with.server: there is no 'rb' in mcp_servers; there are py"),
  ])
  func whatIsWrongWithARequestIsSaidBeforeAnythingStarts(_ with: String, _ message: String) async throws {
    let fixture = try ToolFixture()
    let request = fixture.request(with)
    #expect { try fixture.agent.ceiling(of: request) } throws: { "\($0)" == message }
    #expect(await fixture.perform(request) == .ended(.init(.toolError, message: message)))
    #expect(fixture.content("transcript.jsonl", of: request) == nil)
    #expect(fixture.processes == [])
  }

  // MARK: After a crash

  /// A call that was begun, and of which nobody knows more.
  func begin(_ tool: String, _ fixture: ToolFixture, _ request: PerformanceRequest) throws {
    let line =
      #"{"at":"2026-11-29T11:59:59.000Z","event":"tool_call","id":"1","name":"py.\#(tool)","arguments":"{}"}"# + "\n"
    let directory = fixture.run.attempt(request.key)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try (line + #"{"at":"2026-11"#).write(toFile: directory + "/transcript.jsonl", atomically: true, encoding: .utf8)
  }

  @Test(arguments: ["look", "set"]) func aCallThatMayBeRepeatedIs(_ tool: String) async throws {
    let fixture = try ToolFixture()
    let request = fixture.request(#"{"tool": "\#(tool)"}"#)
    try begin(tool, fixture, request)
    #expect(
      await fixture.perform(request) == .ended(.init(.completed, outputs: ["text": "done"], stdout: "done")))
    #expect(fixture.content("transcript.jsonl", of: request)?.split(separator: "\n").count == 4)
    await fixture.host.close()
  }

  @Test func aCallThatMayNotBeRepeatedIsLost() async throws {
    let fixture = try ToolFixture("def call(message): open('called', 'w').close()")
    let request = fixture.request(#"{"tool": "add"}"#)
    try begin("add", fixture, request)
    #expect(
      await fixture.perform(request)
        == .lost(
          "the tool 'add' of MCP server 'py' was being called when the runner ended, and the server does not declare that it may be called twice"
        ))
    #expect(!FileManager.default.fileExists(atPath: fixture.run.files + "/called"))
    await fixture.host.close()
  }

  @Test func aServerThatCannotSayWhetherItMayLosesTheCall() async throws {
    let fixture = try ToolFixture("sys.exit(6)")
    let request = fixture.request(#"{"tool": "look"}"#)
    try begin("look", fixture, request)
    #expect(
      await fixture.perform(request)
        == .lost(
          "the tool 'look' of MCP server 'py' was being called when the runner ended, and whether it may be called twice is not known: MCP server 'py' ended with exit code 6 before it answered 'initialize'"
        ))
  }

  @Test func aServerThatDoesNotStartHasNotBeenCalled() async throws {
    let fixture = try ToolFixture("sys.exit(5)")
    let request = fixture.request(#"{"tool": "add"}"#)
    _ = await fixture.perform(request)
    let events = try #require(fixture.content("transcript.jsonl", of: request)).split(separator: "\n")
    #expect(events.count == 1)
    #expect(events[0].contains(#""event":"ended","ending":"tool_error""#))
  }

  @Test func anEndingThatIsWrittenDownIsNotCalledForAgain() async throws {
    let fixture = try ToolFixture("def call(message): text(message, 'once', structuredContent={'n': 2})")
    let request = fixture.request(#"{"tool": "add"}"#)
    let first = await fixture.perform(request)
    await fixture.host.end(of: fixture.workflow)
    try FileManager.default.removeItem(atPath: fixture.script.directory.path("server.py"))
    try FileManager.default.removeItem(atPath: fixture.run.attempt(request.key) + "/stdout")
    #expect(await fixture.perform(request) == first)
    #expect(first == .ended(.init(.completed, outputs: ["text": "once", "n": "2"], stdout: "once")))
    #expect(fixture.content("stdout", of: request) == "once")
  }

  @Test func aTaskThatIsCancelledLeavesItsCallForTheNextRunner() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          os.mkfifo("gate.new")
          os.rename("gate.new", "gate")
          open("gate").read()
      """)
    let request = fixture.request(#"{"tool": "add"}"#)
    let gate = fixture.run.files + "/gate"
    let result = await withTaskGroup(of: PerformanceResult?.self) { group in
      let agent = fixture.agent
      group.addTask { await agent.perform(request, desk: NoDesk()) }
      while !FileManager.default.fileExists(atPath: gate) { await Task.yield() }
      group.cancelAll()
      return await group.next() ?? nil
    }
    #expect(
      result
        == .ended(.init(.cancelled, message: "MCP server 'py' was answering 'tools/call' when the task was cancelled")))
    #expect(fixture.content("transcript.jsonl", of: request)?.split(separator: "\n").count == 1)
    await fixture.host.close()
    #expect(fixture.processes == [])
  }

  // MARK: What it is told

  @Test func aServerSeesItsOwnEnvironmentAndNoSecretOfTheRunner() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          names = [name for name in sorted(os.environ) if name not in ("LC_CTYPE", "PWD", "SHLVL", "_")]
          text(message, " ".join(names) + " " + os.environ["TOKEN"] + " " + os.path.basename(os.getcwd()))
      """, variables: ["TOKEN": "t0k3n-of-the-server"], secrets: ["t0k3n-of-the-server"],
      runner: ["OPENAI_API_KEY": "sk-runner"])
    let request = fixture.request(#"{"tool": "look"}"#)
    guard case .ended(let ending) = await fixture.perform(request) else { return #expect(Bool(false)) }
    #expect(
      ending.stdout
        == "ASTRO_ATTEMPT ASTRO_HOME ASTRO_RUN_DIR ASTRO_TASK_ID ASTRO_WORKFLOW_ID HOME LANG PATH TOKEN TZ *** files")
    await fixture.host.close()
  }

  @Test(.enabled(if: geteuid() == 0, "becoming another user is for root"))
  func aServerOfAnotherUsersFileRunsAsThatUser() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          open("mine", "w").close()
          text(message, f"{os.getuid()} {os.environ['HOME']}")
      """)
    for path in [fixture.directory.path, fixture.script.directory.path] { chmod(path, 0o755) }
    var request = fixture.request(#"{"tool": "look"}"#)
    request.user = "nobody"
    let account = try #require(getpwnam("nobody"))
    let words = "\(account.pointee.pw_uid) \(String(cString: account.pointee.pw_dir))"
    #expect(await fixture.perform(request) == .ended(.init(.completed, outputs: ["text": words], stdout: words)))
    request.user = "no-such-user"
    await fixture.host.end(of: fixture.workflow)
    #expect(
      await fixture.perform(request.at(2))
        == .ended(
          .init(
            .toolError,
            message:
              "MCP server 'py' cannot be started: /usr/bin/python3: cannot run: user 'no-such-user' has no account on this machine",
            infrastructure: true)))
  }

  @Test func secretsAmongTheArgumentsAreWrittenNowhere() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          key = message["params"]["arguments"]["key"]
          text(message, "the key is " + key, structuredContent={"key": key, "length": len(key)})
      """)
    let request = fixture.request(
      #"{"tool": "look", "arguments": {"key": "k3y-of-the-task"}}"#, secrets: ["k3y-of-the-task"])
    #expect(
      await fixture.perform(request)
        == .ended(
          .init(
            .completed, outputs: ["text": "the key is ***", "key": "***", "length": "15"], stdout: "the key is ***")))
    for name in ["stdout", "transcript.jsonl"] {
      let text = try #require(fixture.content(name, of: request))
      #expect(!text.contains("k3y-of-the-task"))
    }
    await fixture.host.close()
  }

  @Test func secretsInARefusalAreToldNowhere() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          refuse(message, -32602, "bad key " + message["params"]["arguments"]["key"])
      """)
    let request = fixture.request(
      #"{"tool": "look", "arguments": {"key": "k3y-of-the-task"}}"#, secrets: ["k3y-of-the-task"])
    let flaw = "MCP server 'py' refuses 'tools/call': bad key *** (error -32602)"
    #expect(await fixture.perform(request) == .ended(.init(.toolError, message: flaw)))
    // Nor when the end is read back.
    #expect(await fixture.perform(request) == .ended(.init(.toolError, message: flaw)))
    await fixture.host.close()
  }

  /// What a server says is cut after 500 characters: half of a secret would not be known any more.
  @Test func aSecretIsHiddenBeforeWhatAServerSaysIsCut() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          refuse(message, -32602, "x" * 490 + message["params"]["arguments"]["key"])
      """)
    let request = fixture.request(
      #"{"tool": "look", "arguments": {"key": "k3y-of-the-task"}}"#, secrets: ["k3y-of-the-task"])
    let flaw = "MCP server 'py' refuses 'tools/call': \(String(repeating: "x", count: 490))*** (error -32602)"
    #expect(await fixture.perform(request) == .ended(.init(.toolError, message: flaw)))
    await fixture.host.close()
  }

  @Test func aSecretInTheNameOfAServerIsToldNowhere() async throws {
    let fixture = try ToolFixture("")
    let request = fixture.request(
      #"{"tool": "look", "server": "s3rver-of-the-task"}"#, secrets: ["s3rver-of-the-task"])
    guard case .ended(let ending) = await fixture.perform(request) else {
      Issue.record("it has no end")
      return
    }
    #expect(ending.message?.contains("there is no '***' in mcp_servers") == true, "\(ending.message ?? "")")
  }

  @Test(arguments: [
    ("", nil),
    (
      "sys.exit('no licence')",
      "MCP server 'py' ended with exit code 1 before it answered 'initialize'; its last words: no licence"
    ),
  ])
  func aProbeStartsTheServerAndEndsIt(_ body: String, _ problem: String?) async throws {
    let fixture = try ToolFixture(body)
    #expect(await fixture.agent.probe() == problem)
    #expect(await MCPAgent(nil, host: fixture.host, clock: FixedClock()).probe() == nil)
    withExtendedLifetime(fixture) {}
  }
}

extension PerformanceRequest {
  /// Another attempt of the same.
  fileprivate func at(_ number: Int) -> PerformanceRequest {
    var other = self
    other.key = AttemptKey(workflow: key.workflow, task: key.task, number: number)
    return other
  }
}
