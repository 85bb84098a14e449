import AstroCore
import AstroYAML

/// Reads `agents.yaml` strictly.
struct AgentsReader {
  let decoder: StrictDecoder
  private let document: YAMLDocument
  /// Where each id was defined first.
  private var lines: [String: Int] = [:]
  /// What agents refer to, checked once all are read.
  var references: [Reference] = []

  init(_ document: YAMLDocument) {
    self.document = document
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  /// What the file says.
  struct Result {
    /// `nil` when the file names none.
    var agents: [AgentConfiguration]?
    var servers: [String: MCPServerSettings] = [:]
  }

  /// - Parameter limits: the names of the configured limits; `nil` where they could not be read.
  mutating func read(limits: [String]?) -> Result {
    var result = Result()
    guard let root = document.root, let top = decoder.mapping(root, keys: ["agents", "mcp_servers"]) else {
      return result
    }
    if let node = top.member("mcp_servers"), !node.isNull { result.servers = servers(node) }
    result.agents = agents(top, result.servers)
    check(against: result, limits: limits)
    return result
  }

  private mutating func agents(
    _ top: MappingReader, _ servers: [String: MCPServerSettings]
  ) -> [AgentConfiguration]? {
    guard let list = top.member("agents"), !list.isNull else { return nil }
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
    for node in list.items { if let agent = agent(node, servers) { agents.append(agent) } }
    return agents
  }

  private mutating func agent(_ node: YAMLNode, _ servers: [String: MCPServerSettings]) -> AgentConfiguration? {
    // An agent of a later type is one error, not one for each of its keys.
    if let type = node.member("type"), type.isText("slurm") {
      decoder.error("not_supported_yet", "agent type 'slurm' is not supported yet", at: type)
      return nil
    }
    let kind = node.member("type").flatMap { AgentKind(rawValue: $0.text) }
    guard let agent = decoder.mapping(node, keys: AgentKeys.set(for: kind)) else { return nil }
    let id = agent.required("id").flatMap { identifier($0) }
    if let type = agent.required("type"), let name = decoder.string(type), kind == nil {
      decoder.error(
        "unknown_type", "unknown agent type '\(name)'", at: type,
        hint: decoder.suggestion(for: name, among: Self.types) ?? "the types are \(Self.types.joined(separator: ", "))")
    }
    let capabilities = agent.member("capabilities").flatMap { decoder.list($0, of: "capabilities", capability) }
    let most = agent.integer("max_concurrent", in: 1...10_000)
    let limits = agent.member("limits").flatMap { names($0, of: "limits", .limit) }
    guard let kind, let settings = settings(agent, kind, servers), let id else { return nil }
    return AgentConfiguration(
      id: id, capabilities: capabilities ?? [],
      maxConcurrent: most ?? (kind == .command ? nil : AgentConfiguration.usualConcurrency), limits: limits ?? [],
      settings: settings)
  }

  private mutating func settings(
    _ agent: MappingReader, _ kind: AgentKind, _ servers: [String: MCPServerSettings]
  ) -> AgentSettings? {
    switch kind {
    case .command: command(agent).map(AgentSettings.command)
    case .code: .code(sandbox(agent))
    case .llm: llm(agent).map(AgentSettings.llm)
    case .http: .http(http(agent))
    case .exec: exec(agent).map(AgentSettings.exec)
    case .mcp: .mcp(mcp(agent, servers))
    }
  }

  private static let types = AgentKind.allCases.map(\.rawValue) + ["slurm"]

  /// Ids stand in metrics, logs and workflows, where a type may stand too.
  private mutating func identifier(_ node: YAMLNode) -> String? {
    guard let id = decoder.string(node) else { return nil }
    if !(1...64).contains(id.utf8.count) || !id.utf8.allSatisfy(Identifier.isByte) {
      decoder.error(
        "bad_name", "\(StrictDecoder.describe(node)) is not an agent's id", at: node,
        hint: "at most 64 letters, digits, '_', '-' and '.'")
    } else if Self.types.contains(id) {
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
}
