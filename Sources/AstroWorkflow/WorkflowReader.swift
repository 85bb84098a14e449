import AstroCore
import AstroYAML

/// Reads one document into a plan. One pass over the tasks for their names, one for what they say, then the checks that
/// need the whole graph.
final class WorkflowReader {
  let decoder: StrictDecoder
  var plan = WorkflowPlan()
  /// What `defaults:` says, copied into every task before its own keys are read.
  var defaults = TaskDefaults()
  /// Names an expression may use.
  var parameterNames: Set<String> = []
  var environmentNames: Set<String> = []
  var secretNames: Set<String> = []
  /// The tools of the file, also those with something wrong in them.
  var toolNames: Set<String> = []
  /// Task ids in the order of the file, and where each is.
  var ids: [String] = []
  var indices: [String: Int] = [:]
  /// The key and the mapping of each task.
  var taskNodes: [(key: YAMLNode, value: YAMLNode)] = []
  /// Reads of `tasks.x`, checked once all needs are known.
  var taskReads: [TaskRead] = []
  /// Reads of secrets in `with:`, checked once it is known who is asked.
  var secretReads: [SecretRead] = []
  /// Every `limits:`, checked against those that are configured.
  var limitNodes: [YAMLNode] = []
  /// Tasks that do not say what is to be done.
  var idleTasks: Set<Int> = []
  /// Models of which it was said that they have no price.
  var unpricedModels: Set<String> = []
  /// Tasks whose stdout some expression looks at.
  var stdoutReads: Set<Int> = []

  private let mostTasks: Int

  init(_ document: YAMLDocument, mostTasks: Int) {
    decoder = StrictDecoder(document)
    self.mostTasks = mostTasks
  }

  func read(_ root: YAMLNode) {
    guard let top = decoder.mapping(root, keys: WorkflowKeys.top) else { return }
    readHead(top)
    if let params = top.member("params") { readParameters(params) }
    if let secrets = top.member("secrets") { readSecrets(secrets) }
    if let env = top.member("env") {
      plan.env = environment(env, scope: Scope(site: .workflowEnvironment))
      environmentNames = Set(plan.env.map(\.name))
    }
    if let tools = top.member("tools") { readTools(tools) }
    if let node = top.member("defaults") { readDefaults(node) }
    guard let tasks = top.required("tasks"), collectTasks(tasks) else { return }
    for index in ids.indices { readTask(index) }
    checkGraph()
  }

  private func readHead(_ top: MappingReader) {
    if let node = top.member("name"), let name = decoder.string(node) {
      if !Name.isValid(name) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(node)) is not a workflow name", at: node,
          hint: Self.nameHint(name))
      }
      plan.name = name
    }
    plan.description = top.string("description")
    if let labels = top.member("labels").flatMap({ decoder.entries($0) }) {
      for entry in labels {
        refuseExpression(entry.value)
        plan.labels[entry.key.text] = decoder.text(entry.value)
      }
    }
    if let node = top.member("user"), let user = decoder.string(node) {
      if user.isEmpty || user.utf8.contains(where: { $0 < 0x21 || $0 == 0x2F || $0 == 0x7F }) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(node)) is not a user's name", at: node,
          hint: "a login name: no spaces, no '/'")
      }
      plan.user = user
    }
    plan.priority = top.integer("priority", in: -100...100) ?? 0
    plan.notBefore = top.timestamp("not_before")
    plan.deadline = top.duration("deadline", longerThan: .zero)
    plan.budget = top.member("budget").flatMap(budget)
  }

  private static func nameHint(_ name: String) -> String {
    let rule = "at most 64 of a-z, 0-9, - and _"
    let near = Name.derived(fromStem: name.utf8)
    return near == Name.fallback ? rule : "\(rule), such as '\(near)'"
  }

  /// Names the tasks. `false` when there are none to read.
  private func collectTasks(_ node: YAMLNode) -> Bool {
    guard let entries = decoder.entries(node, hint: "each task is a name and what it does: 'fetch: {run: ...}'") else {
      return false
    }
    let count = entries.underestimatedCount
    if count > mostTasks {
      decoder.error(
        "too_many_tasks", "a workflow has at most \(mostTasks) tasks, this one has \(count)", at: node,
        hint: "split it into several files")
      return false
    }
    ids.reserveCapacity(count)
    indices.reserveCapacity(count)
    taskNodes.reserveCapacity(count)
    plan.tasks.reserveCapacity(count)
    for entry in entries {
      let id = entry.key.text
      if !Name.isValid(id) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not a task's name", at: entry.key,
          hint: Self.nameHint(id))
      }
      indices[id] = ids.count
      ids.append(id)
      taskNodes.append(entry)
    }
    if ids.isEmpty { decoder.error("no_tasks", "a workflow needs at least one task", at: node) }
    return !ids.isEmpty
  }
}
