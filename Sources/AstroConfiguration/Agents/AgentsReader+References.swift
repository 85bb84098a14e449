import AstroCore
import AstroYAML

/// A name that stands for something defined elsewhere.
struct Reference {
  enum Kind {
    case limit, tool, server
    /// Of the agent with that id.
    case fallback(of: String)
  }

  var kind: Kind
  var name: String
  var node: YAMLNode
}

extension AgentsReader {
  /// A list of names, each once.
  mutating func names(_ node: YAMLNode, of what: String, _ kind: Reference.Kind) -> [String]? {
    var found: [Reference] = []
    let names = decoder.list(node, of: what) { item -> String? in
      guard let name = decoder.string(item) else { return nil }
      if found.contains(where: { $0.name == name }) {
        decoder.error("duplicate_name", "'\(name)' is listed twice", at: item)
      }
      found.append(Reference(kind: kind, name: name, node: item))
      return name
    }
    references += found
    return names
  }

  mutating func name(_ node: YAMLNode, _ kind: Reference.Kind) -> String? {
    guard let name = decoder.string(node) else { return nil }
    references.append(Reference(kind: kind, name: name, node: node))
    return name
  }

  /// Reports what is referred to and not there.
  func check(against result: Result, limits: [String]?) {
    for reference in references {
      switch reference.kind {
      case .limit: if let limits { check(reference, among: limits, "limit", "limits", in: "config/system_config.yaml") }
      case .server: check(reference, among: result.servers.keys.sorted(), "server", "servers", in: "mcp_servers")
      case .tool: checkTool(reference, result.servers.keys.sorted())
      case .fallback(let agent): checkFallback(reference, of: agent, result.agents ?? [])
      }
    }
  }

  private func check(_ reference: Reference, among names: [String], _ what: String, _ all: String, in place: String) {
    guard !names.contains(reference.name) else { return }
    decoder.error(
      "unknown_\(what)", "there is no \(what) '\(reference.name)'", at: reference.node,
      hint: decoder.suggestion(for: reference.name, among: names) ?? Self.list(names, as: all, in: place))
  }

  private static func list(_ names: [String], as what: String, in place: String) -> String {
    if names.isEmpty { return "there are no \(what) in \(place)" }
    let rest = names.count > 8 ? ", and \(names.count - 8) more" : ""
    return "the \(what) are \(names.prefix(8).joined(separator: ", "))\(rest)"
  }

  private func checkTool(_ reference: Reference, _ servers: [String]) {
    let parts = reference.name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      return decoder.error(
        "bad_name", "\(StrictDecoder.describe(reference.node)) is not a tool's name", at: reference.node,
        hint: "write server.tool, the server one of mcp_servers")
    }
    var server = reference
    server.name = String(parts[0])
    check(server, among: servers, "server", "servers", in: "mcp_servers")
  }

  private func checkFallback(_ reference: Reference, of agent: String, _ agents: [AgentConfiguration]) {
    let name = reference.name
    if name == agent {
      decoder.error("bad_fallback", "agent '\(name)' cannot stand in for itself", at: reference.node)
    } else if let other = agents.first(where: { $0.id == name }) {
      guard other.kind != .llm else { return }
      decoder.error("bad_fallback", "agent '\(name)' is of type \(other.kind.rawValue), not llm", at: reference.node)
    } else {
      let ids = agents.filter { $0.kind == .llm && $0.id != agent }.map(\.id)
      check(reference, among: ids, "agent", "other agents of type llm", in: "this file")
    }
  }
}
