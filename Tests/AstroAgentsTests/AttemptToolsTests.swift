import AstroCore
import AstroLLM
import AstroMCP
import AstroTestKit
import Foundation
import Testing

@testable import AstroAgents

/// The tools of an attempt: those it may call, of servers and of commands.
struct AttemptToolsTests {
  static func command(
    _ script: String, timeout: Duration = .seconds(60), parameters: String = #"{"type": "object"}"#
  ) -> CommandTool {
    CommandTool(
      name: "count", description: "Counts", run: ["sh", "-c", script],
      parameters: (try? JSONReader.parse(parameters)) ?? .null, timeout: timeout, isIdempotent: true)
  }

  func call(
    _ command: CommandTool, _ arguments: String = "{}", in fixture: ToolFixture
  ) async throws -> ToolOutcome {
    let tools = try fixture.host.tools(named: ["count"], for: fixture.request(tools: [command]))
    return try await tools.call("count", arguments: try JSONReader.parse(arguments))
  }

  @Test func onlyThoseThatTheTaskNamesAreOffered() async throws {
    let fixture = try ToolFixture()
    let tools = try fixture.host.tools(
      named: ["py.set", "count", "py.add"], for: fixture.request(tools: [Self.command("wc -c")]))
    let offered = try await tools.list()
    #expect(offered.map(\.description.name) == ["py.set", "count", "py.add"])
    #expect(offered.map(\.description.description) == ["Sets", "Counts", "Adds"])
    #expect(offered.map(\.isIdempotent) == [true, true, false])
    let other = try await tools.call("py.look", arguments: .map([:]))
    #expect(other == ToolOutcome("there is no tool 'py.look'; there are py.set, count, py.add", isError: true))
    #expect(try await tools.call("py.set", arguments: .map([:])) == ToolOutcome("done"))
    await tools.close()
    await fixture.host.close()
    #expect(fixture.processes == [])
  }

  @Test func namesThatAreNoneAreRefused() async throws {
    let fixture = try ToolFixture()
    for (name, message) in [
      ("rb.look", "tool 'rb.look': no server 'rb'; there are py"),
      ("look", "tool 'look': no command of that name; there are none"),
    ] {
      #expect { try fixture.host.tools(named: [name], for: fixture.request()) } throws: { "\($0)" == message }
    }
    let tools = try fixture.host.tools(named: ["py.lok"], for: fixture.request())
    await #expect {
      try await tools.list()
    } throws: {
      "\($0)" == "tool 'py.lok': MCP server 'py' has no tool 'lok'; there are look, set, add"
    }
    await fixture.host.close()
  }

  @Test func whatAModelCanMendIsAnOutcomeAndADeadServerIsNot() async throws {
    let fixture = try ToolFixture(
      """
      def call(message):
          if name(message) == "add": sys.exit(9)
          refuse(message, -32602, "bad arguments")
      """)
    let tools = try fixture.host.tools(named: ["py.set", "py.add"], for: fixture.request())
    #expect(
      try await tools.call("py.set", arguments: .map([:]))
        == ToolOutcome("MCP server 'py' refuses 'tools/call': bad arguments (error -32602)", isError: true))
    await #expect {
      try await tools.call("py.add", arguments: .map([:]))
    } throws: {
      "\($0)" == "MCP server 'py': ended with exit code 9 before it answered 'tools/call'"
    }
    await fixture.host.close()
  }

  // MARK: Commands

  @Test func aCommandHasItsArgumentsOnStandardInput() async throws {
    let fixture = try ToolFixture()
    #expect(
      try await call(Self.command("cat; echo $ASTRO_TASK_ID; basename $PWD"), #"{"b": [1], "a": "é"}"#, in: fixture)
        == ToolOutcome("{\"a\":\"é\",\"b\":[1]}\nask\nfiles\n"))
  }

  @Test func itsEndIsToldToTheModel() async throws {
    let fixture = try ToolFixture()
    #expect(
      try await call(Self.command("echo partial; echo why >&2; exit 3"), in: fixture)
        == ToolOutcome("it ended with exit code 3\nwhy\n\npartial\n", isError: true))
    #expect(
      try await call(Self.command("kill -9 $$"), in: fixture) == ToolOutcome("it was ended by signal 9", isError: true))
  }

  @Test func whatItLeavesRunningIsKilled() async throws {
    let fixture = try ToolFixture()
    #expect(
      try await call(
        Self.command("sleep 1000 >/dev/null 2>&1 & setsid --fork sleep 1000 >/dev/null 2>&1; echo x"), in: fixture)
        == ToolOutcome("x\n"))
    #expect(fixture.processes == [])
  }

  @Test func oneThatTakesTooLongIsKilled() async throws {
    let fixture = try ToolFixture(hasty: [.seconds(7)])
    #expect(
      try await call(Self.command("sleep 1000; :", timeout: .seconds(7)), in: fixture)
        == ToolOutcome("no result within 7s; it was killed", isError: true))
    #expect(fixture.processes == [])
  }

  @Test func oneThatPrintsTooMuchIsKilled() async throws {
    let fixture = try ToolFixture()
    #expect(
      try await call(Self.command("yes"), in: fixture) == ToolOutcome("it printed more than 1MiB", isError: true))
    let chatty = Self.command("head -c 5000000 /dev/zero >&2; echo x")
    #expect(try await call(chatty, in: fixture) == ToolOutcome("x\n"))
    #expect(fixture.processes == [])
  }

  @Test func argumentsThatDoNotFitAreForTheModelToMend() async throws {
    let fixture = try ToolFixture()
    let tool = Self.command("cat", parameters: #"{"type": "object", "required": ["path"]}"#)
    let outcome = try await call(tool, in: fixture)
    #expect(outcome.isError)
    #expect(outcome.text.hasPrefix("the arguments do not fit: "))
    #expect(outcome.text.contains("path"))
  }

  private static func telling(_ environment: [EnvironmentPlan]) -> CommandTool {
    CommandTool(name: "count", description: "", run: ["sh", "-c", #"printf %s "$A""#], environment: environment)
  }

  private static func reading(_ name: String) -> [EnvironmentPlan] {
    [
      EnvironmentPlan(
        name: "A", value: Template(parts: [.text("<"), .expression(.member(.root(.args), name)), .text(">")]))
    ]
  }

  @Test func anArgumentThatAVariableHoldsIsNoCode() async throws {
    let fixture = try ToolFixture()
    let tool = Self.telling(Self.reading("word"))
    #expect(
      try await call(tool, #"{"word": "$(id) \"; id #`id`"}"#, in: fixture)
        == ToolOutcome(#"<$(id) "; id #`id`>"#))
    #expect(try await call(tool, #"{"word": [1, true]}"#, in: fixture) == ToolOutcome("<[1,true]>"))
    #expect(try await call(tool, in: fixture) == ToolOutcome("<>"))
  }

  @Test func anArgumentThatNoVariableCanHoldIsForTheModelToMend() async throws {
    let fixture = try ToolFixture()
    let tool = Self.telling(Self.reading("word"))
    #expect(
      try await call(tool, #"{"word": "a\u0000b"}"#, in: fixture)
        == ToolOutcome("the arguments cannot be passed: A would hold a NUL character", isError: true))
    let long = String(repeating: "x", count: CommandTool.mostVariables)
    #expect(
      try await call(tool, #"{"word": "\#(long)"}"#, in: fixture)
        == ToolOutcome(
          "the arguments cannot be passed: A would be too long: there is room for 100 KiB", isError: true))
    // The most there is room for is passed.
    #expect(try await call(tool, #"{"word": "\#(long.dropLast(2))"}"#, in: fixture).text.utf8.count == 100 << 10)
  }

  @Test func aCommandSeesNothingOfTheRunnersEnvironment() async throws {
    let fixture = try ToolFixture(runner: ["OPENAI_API_KEY": "sk-runner"])
    let outcome = try await call(Self.command("env | cut -d= -f1 | sort"), in: fixture)
    #expect(
      outcome.text.split(separator: "\n").filter { !["PWD", "SHLVL", "_", "OLDPWD"].contains($0) } == [
        "ASTRO_ATTEMPT", "ASTRO_HOME", "ASTRO_RUN_DIR", "ASTRO_TASK_ID", "ASTRO_WORKFLOW_ID", "HOME", "LANG", "PATH",
        "TZ",
      ])
  }

  @Test func aProgramThatIsNoneEndsTheStep() async throws {
    let fixture = try ToolFixture()
    let tool = CommandTool(name: "count", description: "", run: ["no-such-program"])
    await #expect {
      try await call(tool, in: fixture)
    } throws: {
      "\($0)" == "no-such-program: no such program in PATH"
    }
  }
}
