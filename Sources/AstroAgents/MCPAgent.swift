public import AstroCore
import AstroLLM
import AstroMCP

/// Makes one call of a tool for each task, without a model. The result's text becomes the attempt's `stdout`; `text` and the
/// members of a structured result become its outputs.
///
/// The call is in the attempt's transcript before it is made. An attempt whose runner died in the middle makes it again
/// only where the server declares that it may be repeated.
public struct MCPAgent: Performer {
  private let server: ToolServer?
  private let host: ToolHost
  private let clock: any AstroCore.Clock

  /// - Parameter server: `nil` where each task names one of the host's.
  public init(_ server: ToolServer?, host: ToolHost, clock: any AstroCore.Clock) {
    self.server = server
    self.host = host
    self.clock = clock
  }

  public func ceiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling? {
    _ = try server(for: MCPTask(request.with))
    return nil
  }

  /// An agent without a server of its own has none that could fail it.
  public func probe() async -> String? {
    guard let server else { return nil }
    return await host.problem(of: server)
  }

  public func perform(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult {
    // What is wrong with a task, and what a server says of a call that it refuses, repeats what they were told.
    await perform(request).masked(request.secrets)
  }

  private func perform(_ request: PerformanceRequest) async -> PerformanceResult {
    do throws(Failure) {
      let task = try MCPTask(request.with)
      let server = try server(for: task)
      let directory = request.directory.attempt(request.key)
      let opened = try await BlockingWork.run { () throws(Failure) in try TranscriptFile.open(in: directory) }
      let call = MCPCall(task, server, request, host, clock, opened.file)
      defer { host.release(server, after: request) }
      return try await call.perform(host.take(server, for: request), opened.replay)
    } catch {
      return .ended(.init(.toolError, message: error.description, infrastructure: error.errno != nil))
    }
  }

  private func server(for task: MCPTask) throws(Failure) -> ToolServer {
    guard let name = task.server else {
      guard let server else {
        throw Failure(
          .invalidWorkflow, subject: "with", message: "'server' is missing, and the agent has none of its own")
      }
      return server
    }
    guard let server = host.servers[name] else {
      let names = host.servers.keys.sorted().joined(separator: ", ")
      throw Failure(
        .invalidWorkflow, subject: "with.server",
        message: "there is no '\(Terminal.printable(name))' in mcp_servers"
          + (names.isEmpty ? "" : "; there are \(names)"))
    }
    return server
  }
}
