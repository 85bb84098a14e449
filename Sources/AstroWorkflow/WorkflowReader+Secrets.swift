import AstroCore
import AstroYAML

extension WorkflowReader {
  /// `secrets:`, where the value of each is.
  func readSecrets(_ node: YAMLNode) {
    guard let entries = decoder.entries(node, hint: "write {NAME: {env: VARIABLE}}") else { return }
    for entry in entries {
      let name = entry.key.text
      if !Identifier.isValid(name, dashes: .refused) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not a secret's name", at: entry.key,
          hint: "letters, digits and _, beginning with a letter or _")
      }
      // Known even when its declaration is wrong: uses of it are no further errors.
      secretNames.insert(name)
      if let source = secretSource(entry.value, of: name) {
        plan.secrets.append(SecretPlan(name: name, source: source))
      }
    }
  }

  private func secretSource(_ node: YAMLNode, of name: String) -> SecretPlan.Source? {
    guard node.kind == .mapping else {
      // What stands here may be the value itself: it is not repeated.
      decoder.error(
        "wrong_type", "secret '\(name)' must say where its value is, not what it is", at: node,
        hint: "write {env: VARIABLE} or {file: path}")
      return nil
    }
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.secret) else { return nil }
    switch (reader.member("env"), reader.member("file")) {
    case (let variable?, nil): return secretVariable(variable)
    case (nil, let path?): return secretFile(path)
    case (nil, nil):
      // A key that was refused said what is wrong.
      if node.entries.allSatisfy({ _ in false }) {
        decoder.error(
          "missing_key", "secret '\(name)' does not say where its value is", at: node,
          hint: "write {env: VARIABLE} or {file: path}")
      }
    case (.some, let path?):
      decoder.error(
        "two_sources", "secret '\(name)' has two places", at: path, hint: "remove one: 'env' or 'file'")
    }
    return nil
  }

  private func secretVariable(_ node: YAMLNode) -> SecretPlan.Source? {
    guard let name = decoder.string(node) else { return nil }
    if !Identifier.isValid(name, dashes: .refused) {
      decoder.error(
        "bad_name", "\(StrictDecoder.describe(node)) is not the name of an environment variable", at: node,
        hint: "letters, digits and _, beginning with a letter or _")
    }
    return .environment(name)
  }

  private func secretFile(_ node: YAMLNode) -> SecretPlan.Source? {
    guard let path = programText(node) else { return nil }
    if path.isEmpty { decoder.error("bad_name", "the path of the secret is empty", at: node) }
    refuseExpression(node)
    return .file(path)
  }

  // MARK: Uses

  /// Checks one `secrets.NAME` of an expression that stands in `scope`.
  func checkSecret(_ read: ExpressionNotes.Read, in node: YAMLNode, scope: Scope) {
    guard case .name(let name)? = read.steps.first else {
      return decoder.error(
        "computed_secret", "a secret must be named in the text: 'secrets.NAME'", in: node, offset: read.offset,
        width: read.width)
    }
    switch scope.site {
    case .taskEnvironment: break
    case .taskRequest(let task, let key):
      secretReads.append(SecretRead(task: task, key: key, node: node, offset: read.offset, width: read.width))
    case .workflowEnvironment, .defaultEnvironment, .defaultValue, .taskValue, .condition, .tool, .toolEnvironment:
      return refuseSecret("a secret", read, in: node, scope)
    }
    guard secretNames.contains(name) else {
      return decoder.error(
        "unknown_secret", "there is no secret '\(name)'", in: node, offset: read.offset, width: read.width,
        hint: decoder.suggestion(for: name, among: secretNames) ?? Self.list(secretNames, as: "secrets"))
    }
  }

  /// A secret where it would be given to others than the command of its task, by itself or in a variable.
  func refuseSecret(_ what: String, _ read: ExpressionNotes.Read, in node: YAMLNode, _ scope: Scope) {
    let hint =
      switch scope.site {
      case .workflowEnvironment, .defaultEnvironment, .defaultValue:
        "only the tasks that name it are given it: put it in the env of each"
      case .taskEnvironment, .taskValue:
        "arguments can be seen by everybody on the machine: put it in the task's env, and let the command read it there"
      case .taskRequest: "write ${{ secrets.NAME }} here"
      case .tool, .toolEnvironment:
        "a model decides what a tool does: it is given no secret, and can only read one that lies in a file"
      case .condition: "let a task look at it, and write what to do to $ASTRO_OUTPUT"
      }
    decoder.error(
      "secret_here", "\(what) can only be read in the env of a task", in: node, offset: read.offset,
      width: read.width, hint: hint)
  }

  /// A secret is handed on as it is: expressions are evaluated where no secret is known.
  func checkSecretsStandAlone(_ template: Template, _ notes: ExpressionNotes, in node: YAMLNode) {
    var reads = notes.reads.filter { $0.root == .secrets }[...]
    for case .expression(let expression) in template.parts {
      let own = reads.prefix(expression.secretReads)
      reads = reads.dropFirst(own.count)
      guard let read = own.first, expression.secretName == nil, case .name(let name)? = read.steps.first else {
        continue
      }
      decoder.error(
        "computed_secret", "nothing can be computed with a secret", in: node, offset: read.offset, width: read.width,
        hint: "write ${{ secrets.\(name) }} by itself; text may stand around it")
    }
  }
}
