import AstroCore
import AstroYAML

/// A read of a secret in `with:`.
struct SecretRead {
  var task: Int
  /// The key of `with:` whose value it stands in.
  var key: String
  var node: YAMLNode
  var offset: Int
  var width: Int
}

extension WorkflowReader {
  /// `with:`, whose keys and values may hold anything so far: what is right for an agent is checked once it is known who
  /// is asked.
  func request(_ node: YAMLNode, of index: Int, scope: Scope) -> ValueTemplate {
    var scope = scope
    guard let entries = decoder.entries(node, hint: "write what the agent is to do: {prompt: ...}") else {
      return .map([])
    }
    let members = entries.compactMap { key, value -> ValueTemplate.Member? in
      scope.site = .taskRequest(index, key: key.text)
      return member(key, value, scope)
    }
    return Self.map(members)
  }

  private func member(_ key: YAMLNode, _ node: YAMLNode, _ scope: Scope) -> ValueTemplate.Member? {
    refuseExpression(key, hint: "a key is taken as it stands: only values may hold expressions")
    return value(node, scope).map { ValueTemplate.Member(name: key.text, value: $0) }
  }

  /// `nil` where something is wrong, which has been reported then. Recursion is bounded by the document's depth.
  private func value(_ node: YAMLNode, _ scope: Scope) -> ValueTemplate? {
    switch node.kind {
    case .sequence: return Self.list(node.items.compactMap { value($0, scope) })
    case .mapping: return Self.map(node.entries.compactMap { member($0, $1, scope) })
    case .scalar: break
    }
    if TemplateScanner.firstOpening(in: node) != nil { return template(node, scope: scope).map { .text($0) } }
    switch node.scalar {
    case .number(let number)? where !number.isFinite:
      decoder.mismatch("a finite number", at: node)
      return nil
    case .string?: return programText(node).map { .constant(.string($0)) }
    case let constant?: return .constant(constant)
    case nil: return .constant(.string(node.text))
    }
  }

  /// Lists and mappings without expressions are constants, whatever is in them.
  private static func list(_ items: [ValueTemplate]) -> ValueTemplate {
    let constants = items.compactMap(\.constant)
    return constants.count == items.count ? .constant(.list(constants)) : .list(items)
  }

  private static func map(_ members: [ValueTemplate.Member]) -> ValueTemplate {
    var constants: [String: JSONValue] = [:]
    for member in members { constants[member.name] = member.value.constant }
    return constants.count == members.count ? .constant(.map(constants)) : .map(members)
  }

  // MARK: Once it is known who is asked

  /// Checks `with:` against the words of a type of agent, as far as no expression decides.
  /// - Returns: the keys whose values are wrong.
  func checkRequest(_ node: YAMLNode, for kind: AgentKind) -> Set<String> {
    var wrong: Set<String> = []
    guard node.kind == .mapping, let words = RequestKeys.of(kind),
      let reader = decoder.mapping(node, keys: KeySet(words.keys.map(\.name)))
    else { return wrong }
    for key in words.keys {
      guard let value = reader.member(key.name) else { continue }
      let before = decoder.errorCount
      key.form.check(value, decoder)
      if decoder.errorCount > before { wrong.insert(key.name.text) }
    }
    let names = node.entries.map(\.key.text)
    // A key that was refused said what is wrong.
    let known = names.allSatisfy { name in words.keys.contains { $0.name.text == name } }
    for group in words.required where known && !group.contains(where: names.contains) {
      let choice = group.map { "'\($0)'" }.joined(separator: " or ")
      decoder.error("missing_key", "\(choice) is missing", at: node)
    }
    for group in words.exclusive {
      let given = names.filter(group.contains)
      guard given.count > 1 else { continue }
      decoder.error(
        "exclusive_keys", "\(given.map { "'\($0)'" }.joined(separator: " and ")) exclude each other",
        at: node.key(given[1]), hint: "remove all but one")
    }
    return wrong
  }

  /// Asks the agents that may take a task what they would refuse of its `with:`.
  /// - Parameter wrong: keys of which something has been said.
  func askAgents(_ offers: [AgentOffer], about node: YAMLNode, of task: TaskPlan, besides wrong: Set<String>) {
    guard case .request(let request) = task.work, !decoder.isFull else { return }
    let known = request.knownMembers.filter { !wrong.contains($0.key) }
    let undecided = Set(node.entries.map(\.key.text)).subtracting(known.keys)
    for flaws in offers.compactMap(\.flaws) {
      for flaw in flaws(known, undecided) {
        guard let entry = node.entries.first(where: { $0.key.text == flaw.key }) else { continue }
        decoder.error("bad_request", flaw.message, at: entry.value)
      }
    }
  }

  /// A secret may only go to where it is meant for.
  func checkSecrets(_ takers: (Int) -> AgentKind?) {
    for read in secretReads {
      guard let kind = takers(read.task), kind != .exec else { continue }
      let allowed = RequestKeys.of(kind)?.secrets ?? []
      guard !allowed.contains(read.key) else { continue }
      let (message, hint) = Self.refusal(of: kind)
      decoder.error("secret_here", message, in: read.node, offset: read.offset, width: read.width, hint: hint)
    }
  }

  private static func refusal(of kind: AgentKind) -> (message: String, hint: String) {
    switch kind {
    case .llm, .command:
      (
        "a secret cannot be part of what a model is told",
        "its provider and the transcript would keep it; the key of an agent is its api_key in config/agents.yaml"
      )
    case .code: ("a secret cannot be part of code", "put it in the task's env, and let the code read it there")
    case .http:
      (
        "a secret can only be in the headers and in the body of a request",
        "URLs are shown in logs: put it in headers, body, json or form"
      )
    case .mcp, .exec: ("a secret can only be among the arguments of a tool", "put it in 'arguments'")
    }
  }
}

extension ValueTemplate {
  fileprivate var constant: JSONValue? { if case .constant(let value) = self { value } else { nil } }

  /// The members of a mapping that no expression decides.
  fileprivate var knownMembers: [String: JSONValue] {
    switch self {
    case .constant(.map(let members)): return members
    case .map(let members):
      let known = members.compactMap { member in member.value.constant.map { (member.name, $0) } }
      return Dictionary(known, uniquingKeysWith: { first, _ in first })
    case .constant, .text, .list: return [:]
    }
  }
}

extension YAMLNode {
  /// The key itself, for marking it; the mapping when there is none.
  func key(_ name: String) -> YAMLNode { entries.first { $0.key.text == name }?.key ?? self }
}
