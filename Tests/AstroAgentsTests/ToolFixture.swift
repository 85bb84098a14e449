import AstroCore
import AstroMCP
import AstroProcess
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroAgents

/// A run with its directory, and a host whose one server, `py`, is a script.
final class ToolFixture {
  let directory = TemporaryDirectory()
  let script: ToolServerScript
  let host: ToolHost
  let workflow = WorkflowID(unchecked: "w-\(UUID().uuidString)")

  init(
    _ body: String = "", variables: [String: String] = [:], secrets: [String] = [], hasty: Set<Duration> = [],
    runner: [String: String] = [:]
  ) throws {
    let binary = try #require(
      ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    script = ToolServerScript(body)
    let settings = ServerSettings(name: "py", command: script.command, callTimeout: .seconds(70))
    host = ToolHost(
      servers: ["py": ToolServer(settings) { () throws(Failure) in ToolEnvironment(variables, secrets: secrets) }],
      home: directory.path, runs: directory.path("runs"),
      environment: ["PATH": "/usr/bin:/bin", "HOME": "/root"].merging(runner) { $1 },
      keeper: KeeperCommand(executable: binary), clock: FixedClock(),
      sleep: { duration in if !hasty.contains(duration) { try await Task.sleep(for: duration) } })
    for path in [directory.path("runs"), run.path, run.files] { mkdir(path, 0o700) }
  }

  var run: RunDirectory { RunDirectory(workflow, in: directory.path("runs")) }

  func request(
    _ with: String = "{}", task: String = "ask", number: Int = 1, secrets: [String] = [], tools: [CommandTool] = []
  )
    -> PerformanceRequest
  {
    PerformanceRequest(
      key: AttemptKey(workflow: workflow, task: task, number: number), user: "root", agent: "tools",
      with: (try? JSONReader.parse(with)) ?? .null, secrets: secrets, tools: tools, directory: run,
      promise: AttemptPromise())
  }

  var agent: MCPAgent { MCPAgent(host.servers["py"], host: host, clock: FixedClock()) }

  func perform(_ request: PerformanceRequest) async -> PerformanceResult {
    await agent.perform(request, desk: NoDesk())
  }

  /// A file of an attempt.
  func content(_ name: String, of request: PerformanceRequest) -> String? {
    try? String(contentsOfFile: "\(run.attempt(request.key))/\(name)", encoding: .utf8)
  }

  /// Living processes of the run.
  var processes: [Int32] { MarkedProcesses.carrying("ASTRO_WORKFLOW_ID=\(workflow.text)") }
}
