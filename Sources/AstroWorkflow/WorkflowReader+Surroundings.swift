import AstroCore
import AstroYAML

/// What a task refers to outside of its file.
extension WorkflowReader {
  func checkLimits(_ node: YAMLNode, _ surroundings: Surroundings) {
    for item in node.items where surroundings.limits[item.text] == nil && !item.text.isEmpty {
      let names = Set(surroundings.limits.keys)
      decoder.error(
        "unknown_limit", "there is no limit '\(item.text)'", at: item,
        hint: decoder.suggestion(for: item.text, among: names)
          ?? (names.isEmpty ? "there are no limits in config/system_config.yaml" : Self.list(names, as: "limits")))
    }
  }

  /// - Parameter node: the task's `with:`.
  func check(_ index: Int, _ node: YAMLNode, _ offers: [AgentOffer], _ surroundings: Surroundings) {
    for offer in offers {
      switch offer.kind {
      case .llm:
        guard checkModels(index, node, offer, surroundings) else { return }
      case .http: checkBase(index, node, offer)
      case .mcp: checkServer(index, node, offer)
      case .command, .code, .exec: break
      }
    }
    if offers.contains(where: { $0.kind == .mcp }), let server = node.member("server") {
      checkServer(server.text, at: server, surroundings)
    }
    if offers.contains(where: { $0.kind == .llm }) { checkTools(node, surroundings) }
  }

  private func checkBase(_ index: Int, _ node: YAMLNode, _ offer: AgentOffer) {
    guard let url = node.member("url"), url.text.hasPrefix("/"), offer.standard == nil else { return }
    decoder.error(
      "bad_url", "'\(url.text)' is a path only, and agent '\(offer.id)' has no base_url", at: url,
      hint: "write https://host/path")
  }

  private func checkServer(_ index: Int, _ node: YAMLNode, _ offer: AgentOffer) {
    guard node.member("server") == nil, offer.standard == nil else { return }
    decoder.error(
      "missing_key", "task '\(ids[index])' names no server, and agent '\(offer.id)' has none", at: node,
      hint: "add 'server', one of mcp_servers in config/agents.yaml")
  }

  private func checkTools(_ node: YAMLNode, _ surroundings: Surroundings) {
    guard let tools = node.member("tools") else { return }
    for tool in tools.items {
      if let server = Self.server(ofTool: tool.text) { checkServer(server, at: tool, surroundings) }
    }
  }

  private func checkServer(_ name: String, at node: YAMLNode, _ surroundings: Surroundings) {
    guard TemplateScanner.firstOpening(in: node) == nil, !surroundings.servers.contains(name) else { return }
    let names = surroundings.servers
    decoder.error(
      "unknown_server", "there is no server '\(name)'", at: node,
      hint: decoder.suggestion(for: name, among: names)
        ?? (names.isEmpty ? "there are no mcp_servers in config/agents.yaml" : Self.list(names, as: "servers")))
  }

  // MARK: Prices

  /// Whether there is a model, with a price where money is bounded. An unknown price is never taken for none.
  /// - Returns: `false` once something has been said about the task.
  private func checkModels(
    _ index: Int, _ node: YAMLNode, _ offer: AgentOffer, _ surroundings: Surroundings
  ) -> Bool {
    let own = node.member("model")
    if let own, TemplateScanner.firstOpening(in: own) != nil { return true }
    guard let model = own?.text ?? offer.standard else {
      decoder.error(
        "missing_key", "task '\(ids[index])' names no model, and agent '\(offer.id)' has none", at: node,
        hint: "add 'model'")
      return false
    }
    let place = own ?? self.place(of: "agent", index)
    let bound = spendingBound(index, node, offer, surroundings)
    for model in [model] + offer.fallbackModels where !surroundings.hasPrice(for: model) {
      if let bound {
        decoder.error(
          "no_price", "\(bound), but model '\(model)' has no price", at: place,
          hint: "give it one in config/models.yaml, 0 where it costs nothing")
        return false
      }
      guard unpricedModels.insert(model).inserted else { continue }
      decoder.warning(
        "no_price", "model '\(model)' has no price: what it costs is not known", at: place,
        hint: "give it one in config/models.yaml, 0 where it costs nothing")
    }
    return true
  }

  /// What bounds the money a task may spend, as the beginning of a sentence.
  private func spendingBound(
    _ index: Int, _ node: YAMLNode, _ offer: AgentOffer, _ surroundings: Surroundings
  ) -> String? {
    let task = plan.tasks[index]
    if task.budget?.cost != nil { return "task '\(task.id)' has a budget in USD" }
    if node.member("max_cost_usd") != nil { return "task '\(task.id)' has max_cost_usd" }
    if plan.budget?.cost != nil { return "the run has a budget in USD" }
    if let limit = (task.limits + offer.limits).first(where: { surroundings.limits[$0]?.boundsSpending == true }) {
      return "limit '\(limit)' bounds spending"
    }
    return surroundings.spendingBudget.map { "budget '\($0)' bounds spending" }
  }
}
