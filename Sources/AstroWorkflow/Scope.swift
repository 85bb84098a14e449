import AstroCore
import AstroYAML

/// Where an expression stands, which decides what it may look at.
struct Scope {
  enum Site {
    /// `env:` at the top: evaluated before any task is.
    case workflowEnvironment
    /// `env:` under `defaults:`: shared by tasks of different needs.
    case defaultEnvironment
    /// Another value under `defaults:`.
    case defaultValue
    /// `env:` of a task: it sees the workflow's `env`, not its own.
    case taskEnvironment(Int)
    /// Another value of a task.
    case taskValue(Int)
    /// `with:` of a task, in the value of that key of it.
    case taskRequest(Int, key: String)
    /// `if:` of a task.
    case condition(Int)
    /// The command of a tool.
    case tool
    /// `env:` of a tool, and the arguments it declares; `nil` where it takes any.
    case toolEnvironment(String, arguments: [String]?)
  }

  var site: Site
  /// The names in the task's own `env:`.
  var taskEnvironment: Set<String> = []
  /// Those of them whose values hold secrets.
  var secretVariables: Set<String> = []
}

/// A read of another task's record, to be checked against the needs.
struct TaskRead {
  var reader: Int
  var target: Int
  var node: YAMLNode
  var offset: Int
  var width: Int
  /// The promised output it reads, if it names one.
  var output: String?
}

extension WorkflowReader {
  /// Checks what one template or condition uses against what exists where it stands.
  func check(_ notes: ExpressionNotes, in node: YAMLNode, scope: Scope) {
    for call in notes.statusCalls {
      if case .condition = scope.site { continue }
      decoder.error(
        "status_function", "\(call.function.rawValue)() can only be asked in 'if'", in: node, offset: call.offset,
        width: call.function.rawValue.utf8.count)
    }
    for read in notes.reads {
      switch read.root {
      case .params: checkName(read, among: parameterNames, "parameter", in: node)
      case .env: checkEnvironment(read, in: node, scope: scope)
      case .run: checkRun(read, in: node)
      case .tasks: checkTask(read, in: node, scope: scope)
      case .secrets: checkSecret(read, in: node, scope: scope)
      case .args: checkArgument(read, in: node, scope: scope)
      case .matrix, .item: break  // refused where they are read
      }
    }
  }

  private func checkName(_ read: ExpressionNotes.Read, among names: Set<String>, _ what: String, in node: YAMLNode) {
    guard case .name(let name)? = read.steps.first, !names.contains(name) else { return }
    decoder.error(
      "unknown_\(what)", "there is no \(what) '\(name)'", in: node, offset: read.offset, width: read.width,
      hint: decoder.suggestion(for: name, among: names) ?? Self.list(names, as: "\(what)s"))
  }

  private func checkEnvironment(_ read: ExpressionNotes.Read, in node: YAMLNode, scope: Scope) {
    guard case .name(let name)? = read.steps.first else { return }
    // Asked one by one: a union of the names for every read would cost as much as the whole workflow's env each time.
    if case .workflowEnvironment = scope.site {
      return decoder.error(
        "not_visible", "'env' cannot be read in the workflow's own env", in: node, offset: read.offset,
        width: read.width, hint: "params and run can be read here")
    }
    if scope.secretVariables.contains(name) {
      return refuseSecret("'\(name)' holds a secret, which", read, in: node, scope)
    }
    if visibleEnvironments(in: scope).contains(where: { $0.contains(name) }) { return }
    switch scope.site {
    case .taskEnvironment, .defaultEnvironment, .tool, .toolEnvironment:
      decoder.error(
        "unknown_variable", "there is no variable '\(name)' in the workflow's env", in: node, offset: read.offset,
        width: read.width,
        hint: decoder.suggestion(for: name, among: environmentNames)
          ?? "an env sees the env at the top of the file, not itself")
    case .workflowEnvironment, .defaultValue, .taskValue, .taskRequest, .condition:
      decoder.error(
        "unknown_variable", "there is no variable '\(name)'", in: node, offset: read.offset, width: read.width,
        hint: hint(for: name, amongVariablesOf: scope))
    }
  }

  private func hint(for name: String, amongVariablesOf scope: Scope) -> String? {
    let visible = visibleEnvironments(in: scope)
    // A thousand errors must not make a thousand unions of a large env.
    guard visible.reduce(0, { $0 + $1.count }) <= 1000 else { return nil }
    let names = visible.reduce(into: Set<String>()) { $0.formUnion($1) }
    return decoder.suggestion(for: name, among: names) ?? Self.list(names, as: "variables")
  }

  /// All that could have been meant, where they are few.
  static func list(_ names: [String], as what: String) -> String? {
    switch names.count {
    case 0: "there are no \(what)"
    case 1...8: "the \(what) are \(names.joined(separator: ", "))"
    default: nil
    }
  }

  static func list(_ names: Set<String>, as what: String) -> String? {
    names.count > 8 ? nil : list(names.sorted(), as: what)
  }

  private func visibleEnvironments(in scope: Scope) -> [Set<String>] {
    switch scope.site {
    case .workflowEnvironment: []
    case .defaultEnvironment, .taskEnvironment, .tool, .toolEnvironment: [environmentNames]
    case .defaultValue: [environmentNames, defaults.environmentNames]
    case .taskValue, .taskRequest, .condition: [environmentNames, defaults.environmentNames, scope.taskEnvironment]
    }
  }

  private func checkRun(_ read: ExpressionNotes.Read, in node: YAMLNode) {
    guard case .name(let name)? = read.steps.first, !WorkflowKeys.run.contains(name) else { return }
    decoder.error(
      "unknown_field", "there is no 'run.\(name)'", in: node, offset: read.offset, width: read.width,
      hint: decoder.suggestion(for: name, among: WorkflowKeys.run) ?? "run has id, name, user and dir")
  }

  private func checkTask(_ read: ExpressionNotes.Read, in node: YAMLNode, scope: Scope) {
    let reader: Int
    switch scope.site {
    case .workflowEnvironment, .defaultEnvironment, .defaultValue:
      return decoder.error(
        "not_visible", "'tasks' can only be read inside a task", in: node, offset: read.offset, width: read.width,
        hint: "put it in the env of the task that uses it")
    case .tool, .toolEnvironment:
      return decoder.error(
        "not_visible", "'tasks' can only be read inside a task", in: node, offset: read.offset, width: read.width,
        hint: "tell the model, which can hand it on as an argument")
    case .taskEnvironment(let index), .taskValue(let index), .taskRequest(let index, _), .condition(let index):
      reader = index
    }
    guard case .name(let name)? = read.steps.first else {
      return decoder.error(
        "computed_task", "a task must be named in the text: 'tasks.<id>'", in: node, offset: read.offset,
        width: read.width)
    }
    guard let target = indices[name] else {
      return decoder.error(
        "unknown_task", "there is no task '\(name)'", in: node, offset: read.offset, width: read.width,
        hint: decoder.suggestion(for: name, among: ids) ?? Self.list(ids, as: "tasks"))
    }
    checkField(read, task: name, in: node)
    taskReads.append(
      TaskRead(
        reader: reader, target: target, node: node, offset: read.offset, width: read.width,
        output: read.promisedOutput))
    if read.wantsStdout { stdoutReads.insert(target) }
  }

  private func checkField(_ read: ExpressionNotes.Read, task: String, in node: YAMLNode) {
    guard read.steps.count > 1, case .name(let field) = read.steps[1], !WorkflowKeys.taskRecord.contains(field)
    else { return }
    let hint = decoder.suggestion(for: field, among: WorkflowKeys.taskRecord)
    decoder.error(
      "unknown_field", "there is no 'tasks.\(task).\(field)'", in: node, offset: read.offset, width: read.width,
      hint: hint ?? "a task has status, exit_code, stdout and outputs")
  }
}

extension ExpressionNotes.Read {
  /// `tasks.x.outputs.k` names an output.
  fileprivate var promisedOutput: String? {
    guard steps.count > 2, steps[1] == .name("outputs"), case .name(let key) = steps[2] else { return nil }
    return key
  }

  /// Whether the task's stdout may be looked at: by its name, by a computed one, or as part of the whole record.
  fileprivate var wantsStdout: Bool { steps.count < 2 || steps[1] == .name("stdout") || steps[1] == .computed }
}
