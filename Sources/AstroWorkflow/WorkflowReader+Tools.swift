import AstroCore
import AstroYAML

/// `tools:`, commands that models may call.
extension WorkflowReader {
  private static let longestName = 64

  func readTools(_ node: YAMLNode) {
    guard let entries = decoder.entries(node, hint: "write {name: {description: ..., run: ...}}") else { return }
    for entry in entries {
      let name = entry.key.text
      if !Identifier.isValid(name, dashes: .allowed) || name.utf8.count > Self.longestName {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not a tool's name", at: entry.key,
          hint: "at most \(Self.longestName) letters, digits, _ and -, beginning with a letter or _")
      }
      toolNames.insert(name)
      readTool(name, entry.value)
    }
  }

  private func readTool(_ name: String, _ node: YAMLNode) {
    var tool = ToolPlan(name: name)
    defer { plan.tools.append(tool) }
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.tool, hint: "write {description: ..., run: ...}") else {
      return
    }
    tool.description = reader.required("description").flatMap(description) ?? ""
    if let run = reader.required("run") { tool.run = toolCommand(run, of: name) }
    if let parameters = reader.member("parameters"), checkParameters(parameters) { tool.parameters = parameters.value }
    if let env = reader.member("env") {
      let arguments = reader.member("parameters")?.member("properties")?.entries.map(\.key.text)
      tool.env = environment(env, scope: Scope(site: .toolEnvironment(name, arguments: arguments)))
    }
    tool.timeout = reader.duration("timeout", longerThan: .zero) ?? tool.timeout
    tool.isIdempotent = reader.boolean("idempotent") ?? tool.isIdempotent
  }

  private func description(_ node: YAMLNode) -> String? {
    guard let text = decoder.string(node) else { return nil }
    if text.isEmpty { decoder.error("empty_text", "the text is empty", at: node) }
    refuseExpression(node)
    return text
  }

  /// Without expressions that read arguments: what a model says becomes neither a program nor its code.
  private func toolCommand(_ node: YAMLNode, of name: String) -> [Template] {
    switch node.kind {
    case .mapping:
      decoder.mismatch("a script or a list of arguments", at: node)
      return []
    case .sequence: return command(node, scope: Scope(site: .tool))
    case .scalar: return (Shell.standard + [script(node, of: "tool '\(name)'")]).map { Template($0) }
    }
  }

  /// The outermost of a schema; the rest is checked by whoever can read schemas.
  private func checkParameters(_ node: YAMLNode) -> Bool {
    guard node.kind == .mapping else {
      decoder.mismatch("a JSON Schema", at: node, hint: "write {type: object, properties: {name: {type: string}}}")
      return false
    }
    if let type = node.member("type"), !type.isText("object") {
      decoder.error(
        "wrong_type", "the arguments of a tool are an object, not \(StrictDecoder.describe(type))", at: type,
        hint: "write type: object, and each argument under 'properties'")
    }
    if let properties = node.member("properties").flatMap({ decoder.entries($0) }) {
      for property in properties where property.value.kind != .mapping {
        decoder.mismatch("a JSON Schema", at: property.value, hint: "write {type: string}")
      }
    }
    checkConstant(node)
    return true
  }

  /// A value that is taken as it stands, and that JSON can hold.
  private func checkConstant(_ node: YAMLNode) {
    switch node.kind {
    case .scalar:
      refuseExpression(node, hint: "a schema is taken as it stands")
      if case .number(let number)? = node.scalar, !number.isFinite { decoder.mismatch("a finite number", at: node) }
    case .sequence: for item in node.items { checkConstant(item) }
    case .mapping: for entry in node.entries { checkConstant(entry.value) }
    }
  }

  // MARK: Uses

  /// Checks one `args.NAME` of an expression that stands in `scope`.
  func checkArgument(_ read: ExpressionNotes.Read, in node: YAMLNode, scope: Scope) {
    guard case .toolEnvironment(let tool, let arguments) = scope.site else {
      let name: String? = if case .name(let name)? = read.steps.first { name } else { nil }
      let variable = name?.uppercased() ?? "ALL"
      let hint =
        if case .tool = scope.site {
          "pass it through env: {\(variable): \"${{ args\(name.map { ".\($0)" } ?? "") }}\"}, and let the command read $\(variable)"
        } else { "args are what a model calls a tool with" }
      return decoder.error(
        "not_visible", "'args' can only be read in the env of a tool", in: node, offset: read.offset,
        width: read.width, hint: hint)
    }
    guard let arguments, case .name(let name)? = read.steps.first, !arguments.contains(name) else { return }
    decoder.error(
      "unknown_argument", "tool '\(tool)' has no argument '\(name)'", in: node, offset: read.offset, width: read.width,
      hint: decoder.suggestion(for: name, among: arguments) ?? Self.list(arguments, as: "arguments"))
  }

  /// The tools that a task's `with:` names: those of the file must be there.
  func checkToolNames(_ node: YAMLNode) {
    guard let tools = node.member("tools"), tools.kind == .sequence else { return }
    var names: Set<String> = []
    for tool in tools.items where tool.kind == .scalar && TemplateScanner.firstOpening(in: tool) == nil {
      let name = tool.text
      if !names.insert(name).inserted { decoder.error("duplicate_tool", "tool '\(name)' is listed twice", at: tool) }
      guard Self.server(ofTool: name) == nil, !toolNames.contains(name), !name.isEmpty else { continue }
      decoder.error("unknown_tool", "there is no tool '\(name)'", at: tool, hint: hint(forTool: name))
    }
  }

  private func hint(forTool name: String) -> String? {
    if toolNames.isEmpty {
      return "declare it under 'tools' at the top of the file, or write server.tool for one of mcp_servers"
    }
    return decoder.suggestion(for: name, among: toolNames) ?? Self.list(toolNames, as: "tools")
  }

  /// Of `server.tool` the server; `nil` for a tool of the file.
  static func server(ofTool name: String) -> String? {
    guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return nil }
    return String(name[..<dot])
  }
}
