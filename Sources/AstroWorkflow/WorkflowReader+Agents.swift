import AstroCore
import AstroYAML

extension WorkflowReader {
  /// Reports the tasks that none of the agents could ever take, each where it asks: they would wait for ever. Tasks with
  /// other mistakes are asked as well, as far as they could be read.
  func checkAgents(_ agents: [AgentOffer]) {
    var answers: [AgentRequest: Bool] = [:]
    var last: (request: AgentRequest, isServed: Bool)?
    for (index, task) in plan.tasks.enumerated() where taskNodes[index].value.kind == .mapping {
      let request = task.agent
      if let last, last.request == request, last.isServed { continue }
      let isServed = answers[request] ?? agents.contains { $0.suits(request) }
      answers[request] = isServed
      last = (request, isServed)
      if !isServed { report(task, index, agents) }
    }
  }

  private func report(_ task: TaskPlan, _ index: Int, _ agents: [AgentOffer]) {
    let request = task.agent
    let named = agents.filter { $0.answers(to: request.name) }
    if let name = request.name, named.isEmpty {
      return report(
        index, "agent", "task '\(task.id)' asks for agent '\(name)', which is not configured",
        hint: decoder.suggestion(for: name, among: agents.map(\.id) + agents.map(\.kind.rawValue)) ?? Self.list(agents))
    }
    let known = named.reduce(into: Set<String>()) { $0.formUnion($1.capabilities) }
    if let missing = request.capabilities.first(where: { !known.contains($0) }) {
      let who = request.name.map { "agent '\($0)' does not have" } ?? "no agent has"
      return report(
        index, "capabilities", item: missing, "task '\(task.id)' asks for the capability '\(missing)', which \(who)",
        hint: decoder.suggestion(for: missing, among: known) ?? Self.list(named))
    }
    let wish = request.capabilities.map { "'\($0)'" }.joined(separator: ", ")
    report(
      index, "capabilities", "task '\(task.id)' asks for \(wish), which no agent has together", hint: Self.list(named))
  }

  private static func list(_ agents: [AgentOffer]) -> String {
    let shown = agents.prefix(8).map { agent in
      agent.capabilities.isEmpty ? agent.id : "\(agent.id) (\(agent.capabilities.sorted().joined(separator: ", ")))"
    }
    let rest = agents.count > 8 ? "; and \(agents.count - 8) more" : ""
    return "the agents are \(shown.joined(separator: "; "))\(rest)"
  }

  private func report(
    _ index: Int, _ key: StaticString, item: String? = nil, _ message: @autoclosure () -> String,
    hint: @autoclosure () -> String
  ) {
    let node =
      taskNodes[index].value.member(key) ?? decoder.document.root?.member("defaults")?.member(key)
      ?? taskNodes[index].key
    let place = item.flatMap { item in node.items.first { $0.text == item } } ?? node
    decoder.error("no_agent", message(), at: place, hint: hint())
  }
}
