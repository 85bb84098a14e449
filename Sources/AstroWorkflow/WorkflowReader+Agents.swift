import AstroCore
import AstroYAML

extension WorkflowReader {
  /// What can only be said once it is known who could take a task. Tasks with other mistakes are asked as well, as far as
  /// they could be read.
  /// - Parameter surroundings: `nil` where the file is checked by itself.
  func checkTakers(in surroundings: Surroundings?) {
    var known: [AgentRequest: Takers] = [:]
    func takers(of request: AgentRequest) -> Takers {
      if let takers = known[request] { return takers }
      let takers = Takers(request, among: surroundings?.agents)
      known[request] = takers
      return takers
    }
    var last: AgentRequest?
    for (index, task) in plan.tasks.enumerated() where taskNodes[index].value.kind == .mapping {
      // Most files have many tasks that ask for the same, and nothing more is to be said of those that are commands.
      if last == task.agent, task.agent.form == .run, !idleTasks.contains(index) { continue }
      let takers = takers(of: task.agent)
      last = takers.fault == nil ? task.agent : nil
      check(index, takers, surroundings)
    }
    checkSecrets { takers(of: self.plan.tasks[$0].agent).kind }
    if let surroundings { for node in limitNodes { checkLimits(node, surroundings) } }
  }

  private func check(_ index: Int, _ takers: Takers, _ surroundings: Surroundings?) {
    let task = plan.tasks[index]
    if idleTasks.contains(index) { reportIdle(index, takers) }
    switch takers.fault {
    case .nobody?: return report(task, index, surroundings?.agents ?? [])
    case .otherForm(let others)?:
      // One that says nothing, or both, has been told already.
      if saysOneForm(index) { report(task, index, takers.kind, others) }
      return
    case nil: break
    }
    guard task.agent.form == .with, let node = taskNodes[index].value.member("with") else { return }
    if task.agent.name == nil, task.agent.capabilities.isEmpty {
      return decoder.error(
        "nobody_asked", "task '\(task.id)' does not say who is asked", at: taskNodes[index].value.key("with"),
        hint: "add 'agent', an agent's id or type, or 'capabilities'")
    }
    let wrong = takers.kind.map { checkRequest(node, for: $0) } ?? []
    if takers.kind == .llm { checkToolNames(node) }
    if let surroundings { check(index, node, takers.offers, surroundings) }
    askAgents(takers.offers, about: node, of: task, besides: wrong)
  }

  private func saysOneForm(_ index: Int) -> Bool {
    let node = taskNodes[index].value
    return (node.member("run") == nil) != (node.member("with") == nil) && !idleTasks.contains(index)
  }

  private func reportIdle(_ index: Int, _ takers: Takers) {
    // Whether those it asks for would read a request.
    let takesRequest = if case .otherForm? = takers.fault { true } else { false }
    decoder.error(
      "nothing_to_run", "task '\(ids[index])' has nothing to run", at: taskNodes[index].key,
      hint: takesRequest
        ? "say what it is to do: \(Self.example(of: takers.kind))" : "give it a script or a command: 'run: ...'")
  }

  private static func example(of kind: AgentKind?) -> String {
    switch kind {
    case .command?, .llm?: "with: {prompt: ...}"
    case .code?: "with: {language: python, code: ...}"
    case .http?: "with: {url: ...}"
    case .exec?, nil: "with: {...}"
    case .mcp?: "with: {tool: ..., arguments: {...}}"
    }
  }

  // MARK: Form

  /// A task whose agents take the other form.
  private func report(_ task: TaskPlan, _ index: Int, _ kind: AgentKind?, _ others: [AgentOffer]) {
    let form = task.agent.form
    let other = form == .run ? WorkForm.with : .run
    let who =
      switch task.agent.name {
      case let name? where AgentKind(rawValue: name) == nil:
        "agent '\(name)' of type \(others.first?.kind.rawValue ?? name) takes"
      case let name?: "agents of type \(name) take"
      case nil: task.agent.capabilities.isEmpty ? "all agents take" : "the agents with its capabilities take"
      }
    decoder.error(
      "wrong_form", "task '\(task.id)' has '\(form.rawValue)', but \(who) '\(other.rawValue)'",
      at: taskNodes[index].value.key(form.rawValue), hint: hint(for: form, index, kind))
  }

  private func hint(for form: WorkForm, _ index: Int, _ kind: AgentKind?) -> String {
    if form == .with { return "write run: ..., or ask for an agent of another type" }
    let isByDefault = taskNodes[index].value.member("agent") == nil && defaults.agent.name != nil
    return "write \(isByDefault ? "'agent: command' in the task, or " : "")\(Self.example(of: kind))"
  }

  // MARK: Nobody

  /// A task that no agent could ever take, where it asks: it would wait for ever.
  private func report(_ task: TaskPlan, _ index: Int, _ agents: [AgentOffer]) {
    let request = task.agent
    let named = agents.filter { $0.answers(to: request.name) }
    if let name = request.name, named.isEmpty {
      return report(
        index, "agent", "task '\(task.id)' asks for agent '\(name)', which is not configured",
        hint: decoder.suggestion(for: name, among: agents.map(\.id) + agents.map(\.kind.rawValue))
          ?? Self.list(agents))
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
    let node = place(of: key, index)
    let place = item.flatMap { item in node.items.first { $0.text == item } } ?? node
    decoder.error("no_agent", message(), at: place, hint: hint())
  }

  /// Where a task says something, itself or by the defaults; the task's name when it does not.
  func place(of key: StaticString, _ index: Int) -> YAMLNode {
    taskNodes[index].value.member(key) ?? decoder.document.root?.member("defaults")?.member(key)
      ?? taskNodes[index].key
  }
}
