import AstroCore

extension ActiveRun {
  /// What the expressions of a task see. `env` holds the workflow's and, when asked, the task's own entries.
  func context(for index: Int, includingTaskEnvironment: Bool = true) -> ExpressionContext {
    let verdict = verdictOnNeeds(of: index)
    return ExpressionContext(
      root: { self.value(of: $0, for: index, includingTaskEnvironment: includingTaskEnvironment) },
      task: { self.indices[$0].map(self.record) },
      success: verdict.success, failure: verdict.failed != nil, cancelled: stopping == .cancel)
  }

  private func value(of root: Expression.Root, for index: Int, includingTaskEnvironment: Bool) -> JSONValue {
    switch root {
    case .params: return .map(params)
    case .run:
      return .map([
        "id": .string(id.text), "name": .string(name), "user": .string(user), "dir": .string(directory),
      ])
    case .env:
      let entries = (try? environment(for: index, includingTask: includingTaskEnvironment)) ?? []
      return .map(Dictionary(entries.map { ($0.name, .string($0.value)) }, uniquingKeysWith: { $1 }))
    case .tasks, .secrets, .args, .matrix, .item: return .null
    }
  }

  private func record(_ index: Int) -> JSONValue {
    let result = results[index]
    return .map([
      "status": .string(state(of: index).rawValue),
      "exit_code": result?.exitCode.map { .integer(Int64($0)) } ?? .null,
      "stdout": .string(result?.stdout ?? ""),
      "outputs": .map((result?.outputs ?? [:]).mapValues { .string($0) }),
    ])
  }

  /// The entries of `env:`, the workflow's first. The workflow's see no `env`, the task's see the workflow's.
  private func environment(
    for index: Int, includingTask: Bool
  ) throws(EvaluationError) -> [(name: String, value: String)] {
    var entries: [(name: String, value: String)] = []
    let outer = ExpressionContext(root: { root in
      root == .env ? .null : self.value(of: root, for: index, includingTaskEnvironment: false)
    })
    for entry in plan.env { entries.append((entry.name, try entry.value.render(in: outer))) }
    guard includingTask else { return entries }
    let inner = context(for: index, includingTaskEnvironment: false)
    for entry in plan.tasks[index].env where !entry.value.holdsSecret {
      entries.append((entry.name, try entry.value.render(in: inner)))
    }
    return entries
  }

  /// The entries of a task's `env:` that hold secrets: everything but those is resolved here, where no secret is known.
  private func secretEnvironment(for index: Int) throws(EvaluationError) -> [SecretVariable] {
    guard !plan.secrets.isEmpty else { return [] }
    let context = context(for: index, includingTaskEnvironment: false)
    var variables: [SecretVariable] = []
    for entry in plan.tasks[index].env where entry.value.holdsSecret {
      let parts = try entry.value.secretParts(in: context, secrets: plan.secrets)
      variables.append(SecretVariable(name: entry.name, parts: parts))
    }
    return variables
  }

  /// The workflow's tools. They are no part of the task, and see nothing of it.
  private func tools(for index: Int) throws(EvaluationError) -> [CommandTool] {
    let context = ExpressionContext(root: { self.value(of: $0, for: index, includingTaskEnvironment: false) })
    var tools: [CommandTool] = []
    for tool in plan.tools { tools.append(try tool.resolved(in: context)) }
    return tools
  }

  /// `nil` for a task that is done in any case.
  func cache(of index: Int) -> CachePlan? { params[RunOption.noCache] == nil ? plan.tasks[index].cache : nil }

  /// Resolves everything an attempt needs.
  func start(_ index: Int, attempt: Int32, agent: String) throws(EvaluationError) -> AttemptStart {
    let task = plan.tasks[index]
    let context = context(for: index)
    let work: AttemptWork
    switch task.work {
    case .script(let script, let shell): work = .process(shell + [script])
    case .command(let templates):
      var rendered: [String] = []
      for template in templates { rendered.append(try template.render(in: context)) }
      guard rendered.first?.isEmpty == false else { throw EvaluationError("the command's name is empty") }
      work = .process(rendered)
    case .request(let value): work = .request(try value.render(in: context, secrets: plan.secrets))
    }
    var start = AttemptStart(
      key: key(index, attempt: attempt), user: user, agent: agent, work: work,
      environment: try environment(for: index, includingTask: true), workdir: try task.workdir?.render(in: context),
      promise: AttemptPromise(outputs: task.outputs, keepsStdout: task.keepsStdout, memory: task.resources.memory),
      resources: task.resources)
    start.secretEnvironment = try secretEnvironment(for: index)
    if case .request = work { start.tools = try tools(for: index) }
    start.limits = task.limits
    start.cache = cache(of: index)
    start.ticket = tickets[index]?[agent]
    (start.budget, start.runBudget) = (task.budget, plan.budget)
    return start
  }
}
