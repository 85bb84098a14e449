public import AstroCore
import AstroYAML

/// An agent as tasks see it: what they may ask for.
public struct AgentOffer: Sendable {
  public var id: String
  /// The type's name, `command`.
  public var kind: String
  public var capabilities: Set<String>

  public init(id: String, kind: String, capabilities: Set<String>) {
    self.id = id
    self.kind = kind
    self.capabilities = capabilities
  }

  func answers(to name: String?) -> Bool { name == nil || name == id || name == kind }
  func suits(_ request: AgentRequest) -> Bool {
    answers(to: request.name) && request.capabilities.allSatisfy(capabilities.contains)
  }
}

extension WorkflowPlan {
  /// Tasks that none of the agents could ever take: they would wait for ever. Each is reported where it asks.
  /// - Parameters:
  ///   - source: the file the plan was made of; it is read again only when there is something to report.
  public func unservable(by agents: [AgentOffer], source: [UInt8], file: String) -> [Diagnostic] {
    var answers: [AgentRequest: Bool] = [:]
    var last: (request: AgentRequest, isServed: Bool)?
    let lost = tasks.indices.filter { index in
      let request = tasks[index].agent
      if let last, last.request == request { return !last.isServed }
      let isServed = answers[request] ?? agents.contains { $0.suits(request) }
      answers[request] = isServed
      last = (request, isServed)
      return !isServed
    }
    guard !lost.isEmpty else { return [] }
    let report = RequestReport(agents: agents, source: source, file: file)
    for index in lost { report.add(tasks[index]) }
    return report.decoder.diagnostics
  }
}

/// Finds the words again that ask for what is not there.
private struct RequestReport {
  let decoder: StrictDecoder
  private let agents: [AgentOffer]
  private let root: YAMLNode?
  private var tasks: [String: (key: YAMLNode, value: YAMLNode)] = [:]

  init(agents: [AgentOffer], source: [UInt8], file: String) {
    self.agents = agents
    let document = YAMLDocument(source, file: file)
    decoder = StrictDecoder(document)
    root = document.root
    if let entries = document.root?.member("tasks")?.entries {
      for entry in entries { tasks[entry.key.text] = entry }
    }
  }

  func add(_ task: TaskPlan) {
    let request = task.agent
    let named = agents.filter { $0.answers(to: request.name) }
    if let name = request.name, named.isEmpty {
      return report(
        task, "agent", "task '\(task.id)' asks for agent '\(name)', which is not configured",
        hint: decoder.suggestion(for: name, among: agents.map(\.id) + agents.map(\.kind)) ?? list(agents))
    }
    let known = named.reduce(into: Set<String>()) { $0.formUnion($1.capabilities) }
    if let missing = request.capabilities.first(where: { !known.contains($0) }) {
      let who = request.name.map { "agent '\($0)' does not have" } ?? "no agent has"
      return report(
        task, "capabilities", item: missing, "task '\(task.id)' asks for the capability '\(missing)', which \(who)",
        hint: decoder.suggestion(for: missing, among: known) ?? list(named))
    }
    let wish = request.capabilities.map { "'\($0)'" }.joined(separator: ", ")
    report(
      task, "capabilities", "task '\(task.id)' asks for \(wish), which no agent has together", hint: list(named))
  }

  private func list(_ agents: [AgentOffer]) -> String {
    let shown = agents.prefix(8).map { agent in
      agent.capabilities.isEmpty ? agent.id : "\(agent.id) (\(agent.capabilities.sorted().joined(separator: ", ")))"
    }
    let rest = agents.count > 8 ? "; and \(agents.count - 8) more" : ""
    return "the agents are \(shown.joined(separator: "; "))\(rest)"
  }

  private func report(
    _ task: TaskPlan, _ key: StaticString, item: String? = nil, _ message: @autoclosure () -> String,
    hint: @autoclosure () -> String
  ) {
    let asking = tasks[task.id]?.value.member(key) ?? root?.member("defaults")?.member(key)
    guard let node = asking ?? tasks[task.id]?.key ?? root else { return }
    let place = item.flatMap { item in node.items.first { $0.text == item } } ?? node
    decoder.error("no_agent", message(), at: place, hint: hint())
  }
}
