import AstroCore
import AstroYAML

/// What `defaults:` says; a task's own keys replace it, `env`, `retry` and `resources` key by key.
struct TaskDefaults {
  var timeout: Duration?
  var grace: Duration = .seconds(10)
  var retry = RetryPolicy()
  var resources = ResourceLimits()
  var shell = Shell.standard
  var workdir: Template?
  var continueOnError = false
  var agent = AgentRequest()
  var limits: [String] = []
  var budget: BudgetPlan?
  var cache: CachePlan?
  var env: [EnvironmentPlan] = []
  var environmentNames: Set<String> = []
}

extension WorkflowReader {
  func readDefaults(_ node: YAMLNode) {
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.defaults) else { return }
    if let env = reader.member("env") {
      defaults.env = environment(env, scope: Scope(site: .defaultEnvironment))
      defaults.environmentNames = Set(defaults.env.map(\.name))
    }
    defaults.workdir = reader.member("workdir").flatMap { template($0, scope: Scope(site: .defaultValue)) }
    defaults.timeout = reader.duration("timeout", longerThan: .zero)
    defaults.grace = reader.duration("grace") ?? defaults.grace
    if let retry = reader.member("retry") { readRetry(retry, into: &defaults.retry) }
    if let resources = reader.member("resources") { readResources(resources, into: &defaults.resources) }
    defaults.shell = reader.member("shell").flatMap(shell) ?? defaults.shell
    defaults.continueOnError = reader.boolean("continue_on_error") ?? false
    readAgent(reader, into: &defaults.agent)
    defaults.limits = limits(reader) ?? []
    defaults.budget = reader.member("budget").flatMap(budget)
    defaults.cache = reader.member("cache").flatMap(cache) ?? nil
  }

  /// `agent:` and `capabilities:`, which choose who does a task.
  func readAgent(_ reader: MappingReader, into request: inout AgentRequest) {
    if let node = reader.member("agent"), let name = decoder.string(node) {
      if name.isEmpty { decoder.error("bad_name", "the agent's name is empty", at: node) }
      refuseExpression(node)
      request.name = name
    }
    if let node = reader.member("capabilities"), let names = decoder.list(node, of: "capabilities", capability) {
      request.capabilities = names
    }
  }

  private func capability(_ node: YAMLNode) -> String? {
    guard let name = decoder.string(node) else { return nil }
    if name.isEmpty { decoder.error("bad_name", "the capability's name is empty", at: node) }
    refuseExpression(node)
    return name
  }

  /// `limits:`, whose names are looked up once all is read.
  func limits(_ reader: MappingReader) -> [String]? {
    guard let node = reader.member("limits") else { return nil }
    limitNodes.append(node)
    var seen: Set<String> = []
    return decoder.list(node, of: "limits") { item -> String? in
      guard let name = self.decoder.string(item) else { return nil }
      if name.isEmpty { self.decoder.error("bad_name", "the limit's name is empty", at: item) }
      self.refuseExpression(item)
      if !seen.insert(name).inserted {
        self.decoder.error("duplicate_limit", "limit '\(name)' is listed twice", at: item)
      }
      return name
    }
  }

  func budget(_ node: YAMLNode) -> BudgetPlan? {
    decoder.mapping(node, keys: WorkflowKeys.budget, hint: "write {usd: 1.50}").map { decoder.budget($0) }
  }

  /// `true`, `false`, or a mapping. `.some(nil)` is none.
  func cache(_ node: YAMLNode) -> CachePlan?? {
    if node.kind == .scalar, !node.isNull { return decoder.boolean(node).map { $0 ? CachePlan() : nil } }
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.cache, hint: "write true, or {max_age: 7d}") else {
      return nil
    }
    return CachePlan(maxAge: reader.duration("max_age", longerThan: .zero))
  }

  func readResources(_ node: YAMLNode, into limits: inout ResourceLimits) {
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.resources, hint: "write {memory: 512MiB}") else {
      return
    }
    limits.cpus = reader.number("cpus", in: ResourceLimits.cpuRange) ?? limits.cpus
    limits.memory =
      reader.size("memory", in: ResourceLimits.leastMemory...ResourceLimits.mostMemory) ?? limits.memory
    limits.processes = reader.integer("processes", in: ResourceLimits.processRange) ?? limits.processes
  }

  func readRetry(_ node: YAMLNode, into policy: inout RetryPolicy) {
    guard node.kind == .mapping else {
      let isCount = node.scalar.map { if case .integer = $0 { true } else { false } } ?? false
      return decoder.mismatch("a mapping", at: node, hint: "write {attempts: \(isCount ? node.text : "3")}")
    }
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.retry) else { return }
    policy.attempts = reader.integer("attempts", in: 1...100) ?? policy.attempts
    policy.delay = reader.duration("delay") ?? policy.delay
    policy.factor = reader.number("factor", in: 1...100) ?? policy.factor
    policy.maxDelay = reader.duration("max_delay", longerThan: .zero) ?? policy.maxDelay
    policy.jitter = reader.boolean("jitter") ?? policy.jitter
    if let codes = reader.member("on_exit") {
      // 0 is success and never tried again.
      let read = decoder.list(codes, of: "exit codes") { self.decoder.integer($0, in: 1...255).map(Int32.init) }
      policy.onExit = read ?? policy.onExit
    }
    if let causes = reader.member("on_error") {
      let read = decoder.list(causes, of: "causes") { self.decoder.word($0, as: RetryPolicy.Cause.self) }
      policy.onError = read ?? policy.onError
    }
  }
}
