import AstroCore
import Synchronization

/// One page of `tools/list`.
struct ToolPage {
  var tools: [MCPTool] = []
  var cursor: String?
  /// How long the answer holds, in milliseconds; `nil` until the server says otherwise.
  var lifetime: Int64?

  init(_ result: JSONValue) {
    guard case .map(let members) = result else { return }
    if case .list(let items)? = members["tools"] { tools = items.compactMap(MCPTool.init) }
    if case .string(let text)? = members["nextCursor"], !text.isEmpty { cursor = text }
    if case .integer(let number)? = members["ttlMs"] { lifetime = max(0, min(number, 86_400_000)) }
  }
}

/// The tools of one server, as last listed.
final class ToolLists: Sendable {
  private struct State {
    /// `until`: of the boot clock.
    var list: (tools: [MCPTool], until: Int64?)?
    var generation = 0
  }

  private let state = Mutex(State())

  func current(at now: Int64) -> [MCPTool]? {
    state.withLock { state in
      guard let list = state.list, list.until.map({ now < $0 }) ?? true else { return nil }
      return list.tools
    }
  }

  /// Which changes a list that is asked for now takes account of.
  var generation: Int { state.withLock { $0.generation } }

  /// Keeps a list, unless it was out of date before it was whole.
  func keep(_ tools: [MCPTool], _ generation: Int, until: Int64?) {
    state.withLock { state in if state.generation == generation { state.list = (tools, until) } }
  }

  /// They have changed.
  func forget() {
    state.withLock { state in
      state.list = nil
      state.generation += 1
    }
  }
}
