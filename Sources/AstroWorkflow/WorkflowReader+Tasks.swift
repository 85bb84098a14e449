import AstroCore
import AstroYAML

extension WorkflowReader {
  func readTask(_ index: Int) {
    let value = taskNodes[index].value
    var task = TaskPlan(id: ids[index], work: .command([]))
    defer { plan.tasks.append(task) }
    guard let reader = decoder.mapping(value, keys: WorkflowKeys.task, hint: "write {run: ...}") else { return }
    var scope = Scope(site: .taskEnvironment(index))
    task.env = defaults.env
    if let env = reader.member("env") {
      let own = environment(env, scope: scope)
      task.env = Self.merge(defaults.env, own)
      scope.taskEnvironment = Set(own.map(\.name))
      scope.secretVariables = Set(own.lazy.filter(\.value.holdsSecret).map(\.name))
    }
    scope.site = .taskValue(index)
    task.work = work(reader, of: index, scope: scope)
    task.workdir = reader.member("workdir").flatMap { template($0, scope: scope) } ?? defaults.workdir
    scope.site = .condition(index)
    task.condition = reader.member("if").flatMap { condition($0, scope: scope) }
    if let node = reader.member("needs") { task.needs = needs(node, of: index) }
    readPolicy(reader, into: &task)
  }

  private func readPolicy(_ reader: MappingReader, into task: inout TaskPlan) {
    task.timeout = reader.duration("timeout", longerThan: .zero) ?? defaults.timeout
    task.grace = reader.duration("grace") ?? defaults.grace
    task.retry = defaults.retry
    if let retry = reader.member("retry") { readRetry(retry, into: &task.retry) }
    task.resources = defaults.resources
    if let resources = reader.member("resources") { readResources(resources, into: &task.resources) }
    task.continueOnError = reader.boolean("continue_on_error") ?? defaults.continueOnError
    task.agent = defaults.agent
    readAgent(reader, into: &task.agent)
    if case .request = task.work { task.agent.form = .with }
    task.limits = limits(reader) ?? defaults.limits
    task.budget = reader.member("budget").flatMap(budget) ?? defaults.budget
    task.cache = reader.member("cache").flatMap(cache) ?? defaults.cache
    if let node = reader.member("outputs") { task.outputs = outputs(node) }
  }

  private static func merge(_ base: [EnvironmentPlan], _ own: [EnvironmentPlan]) -> [EnvironmentPlan] {
    if base.isEmpty { return own }
    let names = Set(own.map(\.name))
    return base.filter { !names.contains($0.name) } + own
  }

  // MARK: run and with

  private func work(_ reader: MappingReader, of index: Int, scope: Scope) -> Work {
    let ownShell = reader.member("shell")
    let words = ownShell.flatMap(shell) ?? defaults.shell
    switch (reader.member("run"), reader.member("with")) {
    case (.some, .some):
      decoder.error(
        "two_works", "task '\(ids[index])' has both 'run' and 'with'", at: taskNodes[index].value.key("with"),
        hint: "remove one: 'run' is for commands, 'with' for what other agents are asked")
    // The parameters of another workflow are nothing an agent is asked.
    case (nil, .some) where taskNodes[index].value.member("uses") != nil: break
    case (nil, let with?):
      if let ownShell {
        decoder.warning("unused_key", "'shell' has no effect: no shell reads 'with'", at: ownShell)
      }
      return .request(request(with, of: index, scope: scope))
    case (let run?, nil) where !run.isNull: return work(run, of: index, ownShell, words, scope: scope)
    case (.some, nil), (nil, nil):
      // A key that was refused said what is wrong: `runn:`, or another kind of work.
      let keys = taskNodes[index].value.entries
      if keys.allSatisfy({ entry in WorkflowKeys.task.names.contains(where: entry.key.isText) }) {
        idleTasks.insert(index)
      }
    }
    return .command([])
  }

  private func work(
    _ run: YAMLNode, of index: Int, _ ownShell: YAMLNode?, _ words: [String], scope: Scope
  ) -> Work {
    switch run.kind {
    case .mapping: decoder.mismatch("a script or a list of arguments", at: run)
    case .sequence:
      if let ownShell {
        decoder.warning("unused_key", "'shell' has no effect: 'run' is a list, which no shell reads", at: ownShell)
      }
      return .command(command(run, scope: scope))
    case .scalar: return .script(script(run, of: "task '\(ids[index])'"), shell: words)
    }
    return .command([])
  }

  func command(_ node: YAMLNode, scope: Scope) -> [Template] {
    let items = decoder.list(node, of: "arguments") { self.template($0, scope: scope) } ?? []
    if node.items.underestimatedCount == 0 {
      decoder.error("empty_command", "the command is empty", at: node)
    } else if let first = node.items.first(where: { _ in true }), first.kind == .scalar, first.text.isEmpty,
      !first.isNull
    {
      decoder.error("empty_command", "the command's name is empty", at: first)
    }
    return items
  }

  /// - Parameter owner: whose it is, in the words of messages.
  func script(_ node: YAMLNode, of owner: String) -> String {
    guard let text = programText(node) else { return "" }
    if let offset = TemplateScanner.firstOpening(in: node) {
      decoder.error(
        "expression_in_script", "an expression cannot stand inside a shell script: its value could become code",
        in: node, offset: offset, width: 3,
        hint: Self.detour(around: String(decoding: text.utf8.dropFirst(offset), as: UTF8.self)))
    }
    if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }) {
      decoder.error("nothing_to_run", "\(owner) has nothing to run", at: node)
    }
    return text
  }

  /// How the expression that begins `text` gets into a script: as a variable named after the last word it reads.
  private static func detour(around text: String) -> String {
    let end = text.firstRange(of: "}}")
    var expression = end.map { String(text[..<$0.upperBound]) } ?? ""
    if expression.isEmpty || expression.utf8.count > 60 || expression.contains(where: { "\"\\\n".contains($0) }) {
      expression = "${{ ... }}"
    }
    let words = expression.utf8.split { !Identifier.isWord($0) }.map { String($0) ?? "" }
    let name = words.last { Identifier.isValid($0, dashes: .refused) }?.uppercased() ?? "VALUE"
    return "pass it through env: {\(name): \"\(expression)\"}, and write \"$\(name)\" in the script"
  }

  // MARK: needs and outputs

  private func needs(_ node: YAMLNode, of index: Int) -> [Int] {
    switch node.kind {
    case .scalar where !node.isNull: return need(node, of: index).map { [$0] } ?? []
    case .scalar, .mapping: decoder.mismatch("a task's name or a list of them", at: node)
    case .sequence:
      var result: [Int] = []
      // Long lists are deduplicated by a set: comparing with all before would be quadratic.
      var seen: Set<Int> = []
      for item in node.items {
        guard let need = need(item, of: index) else { continue }
        if result.count >= 16 {
          if seen.isEmpty { seen = Set(result) }
          if seen.insert(need).inserted { result.append(need) }
        } else if !result.contains(need) {
          result.append(need)
        }
      }
      return result
    }
    return []
  }

  private func need(_ node: YAMLNode, of index: Int) -> Int? {
    guard let name = decoder.text(node, expecting: "a task's name") else { return nil }
    guard let need = indices[name] else {
      decoder.error(
        "unknown_need", "task '\(ids[index])' needs '\(name)', which is not a task", at: node,
        hint: decoder.suggestion(for: name, among: ids) ?? Self.list(ids, as: "tasks"))
      return nil
    }
    if need == index {
      decoder.error("cycle", "task '\(name)' needs itself", at: node)
      return nil
    }
    return need
  }

  private func outputs(_ node: YAMLNode) -> [String] {
    var seen: Set<String> = []
    return decoder.list(node, of: "names") { item -> String? in
      guard let name = self.outputName(item) else { return nil }
      if !seen.insert(name).inserted {
        self.decoder.error("duplicate_output", "output '\(name)' is listed twice", at: item)
      }
      return name
    } ?? []
  }

  private func outputName(_ node: YAMLNode) -> String? {
    guard let name = decoder.string(node) else { return nil }
    if !Identifier.isValid(name, dashes: .allowed) {
      decoder.error(
        "bad_name", "\(StrictDecoder.describe(node)) is not an output's name", at: node,
        hint: "letters, digits, _ and -, beginning with a letter or _")
    }
    return name
  }
}
