import AstroCore
import AstroYAML

/// Reads `agents.yaml` strictly.
struct AgentsReader {
  private let decoder: StrictDecoder
  private let document: YAMLDocument
  /// Where each id was defined first.
  private var lines: [String: Int] = [:]

  init(_ document: YAMLDocument) {
    self.document = document
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  private static let keys = KeySet(["id", "type", "capabilities", "max_concurrent"], notYetSupported: ["limits"])
  private static let laterTypes = ["code", "llm", "http", "exec", "mcp", "slurm"]

  /// `nil` when the file names no agents.
  mutating func read() -> [AgentConfiguration]? {
    guard let root = document.root, let top = decoder.mapping(root, keys: ["agents"]),
      let list = top.member("agents"), !list.isNull
    else { return nil }
    guard list.kind == .sequence else {
      decoder.mismatch("a list of agents", at: list, hint: "each begins with '- id: ...'")
      return nil
    }
    if list.items.underestimatedCount == 0 {
      decoder.error(
        "no_agents", "without agents nothing can run", at: list,
        hint: "remove 'agents' to have the one there is by itself, \(AgentConfiguration.builtIn.id)")
    }
    var agents: [AgentConfiguration] = []
    for node in list.items { if let agent = agent(node) { agents.append(agent) } }
    return agents
  }

  private mutating func agent(_ node: YAMLNode) -> AgentConfiguration? {
    // An agent of a later type is one error, not one for each of its keys.
    if let type = node.member("type"), Self.laterTypes.contains(type.text) {
      decoder.error("not_supported_yet", "agent type '\(type.text)' is not supported yet", at: type)
      return nil
    }
    guard let agent = decoder.mapping(node, keys: Self.keys) else { return nil }
    let id = agent.required("id").flatMap { identifier($0) }
    if let type = agent.required("type"), let name = decoder.string(type), name != "command" {
      let types = ["command"] + Self.laterTypes
      decoder.error(
        "unknown_type", "unknown agent type '\(name)'", at: type,
        hint: decoder.suggestion(for: name, among: types) ?? "the types are \(types.joined(separator: ", "))")
    }
    let capabilities = agent.member("capabilities").flatMap { decoder.list($0, of: "capabilities", capability) }
    let most = agent.integer("max_concurrent", in: 1...10_000)
    guard let id else { return nil }
    return AgentConfiguration(id: id, capabilities: capabilities ?? [], maxConcurrent: most, settings: .command(nil))
  }

  /// Ids stand in metrics, logs and workflows, where a type may stand too.
  private mutating func identifier(_ node: YAMLNode) -> String? {
    guard let id = decoder.string(node) else { return nil }
    if !(1...64).contains(id.utf8.count) || !id.utf8.allSatisfy(Self.isIdentifierByte) {
      decoder.error(
        "bad_name", "\(StrictDecoder.describe(node)) is not an agent's id", at: node,
        hint: "at most 64 letters, digits, '_', '-' and '.'")
    } else if id == "command" || Self.laterTypes.contains(id) {
      decoder.error("bad_name", "'\(id)' is a type of agent and cannot be an id", at: node)
    } else if let line = lines[id] {
      decoder.error("duplicate_agent", "agent '\(id)' is already defined in line \(line)", at: node)
    } else {
      lines[id] = node.line
    }
    return id
  }

  private func capability(_ node: YAMLNode) -> String? {
    guard let name = decoder.string(node) else { return nil }
    if name.isEmpty { decoder.error("bad_name", "the capability's name is empty", at: node) }
    return name
  }

  private static func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
