import AstroCore
import AstroYAML

/// Reads `system_config.yaml` strictly.
struct SystemReader {
  private let decoder: StrictDecoder
  private let document: YAMLDocument

  init(_ bytes: [UInt8], file: String) {
    document = YAMLDocument(bytes, file: file)
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  mutating func read() -> SystemConfiguration {
    var value = SystemConfiguration()
    guard let root = document.root, let top = decoder.mapping(root, keys: ["system", "limits"]) else { return value }
    if let limits = top.member("limits"), !limits.isNull, !(limits.kind == .mapping && isEmpty(limits)) {
      decoder.error("not_supported_yet", "'limits' is not supported yet", at: limits)
    }
    guard let node = top.member("system"), !node.isNull, let system = decoder.mapping(node, keys: Self.keys) else {
      return value
    }
    if let port = system.member("metrics_port") {
      decoder.warning(
        "metrics_port", "'metrics_port' is ignored: metrics are a file, there is no port", at: port,
        hint: "remove it")
    }
    value.environment = system.word("environment", as: SystemConfiguration.Environment.self) ?? value.environment
    value.logLevel = system.word("log_level", as: SystemConfiguration.LogLevel.self) ?? value.logLevel
    value.jsonLogging = system.boolean("json_logging") ?? value.jsonLogging
    value.logFile = system.string("log_file") ?? value.logFile
    value.healthCheckInterval = system.duration("health_check_interval", longerThan: .zero) ?? value.healthCheckInterval
    value.healthFile = system.string("health_file") ?? value.healthFile
    value.metricsEnabled = system.boolean("metrics_enabled") ?? value.metricsEnabled
    value.metricsFile = system.string("metrics_file") ?? value.metricsFile
    value.metricsInterval = system.duration("metrics_interval", longerThan: .zero) ?? value.metricsInterval
    value.maxParallelTasks = system.integer("max_parallel_tasks", in: 0...10_000) ?? value.maxParallelTasks
    value.maxActiveWorkflows = system.integer("max_active_workflows", in: 1...100_000) ?? value.maxActiveWorkflows
    value.spoolDirectory = system.string("spool_dir") ?? value.spoolDirectory
    value.dataDirectory = system.string("data_dir") ?? value.dataDirectory
    value.requireFinalNewline = system.boolean("require_final_newline") ?? value.requireFinalNewline
    value.trustedUsers = system.strings("trusted_users") ?? value.trustedUsers
    if let retention = system.mapping("retention", keys: ["keep", "keep_failed"]) {
      value.keep = retention.duration("keep") ?? value.keep
      value.keepFailed = retention.duration("keep_failed") ?? value.keepFailed
    }
    readLimits(system, into: &value)
    return value
  }

  private static let keys: KeySet = [
    "environment", "log_level", "json_logging", "log_file", "rate_limits", "health_check_interval", "health_file",
    "metrics_enabled", "metrics_file", "metrics_interval", "metrics_port", "max_parallel_tasks",
    "max_active_workflows", "spool_dir", "data_dir", "require_final_newline", "trusted_users", "retention",
  ]

  private func readLimits(_ system: MappingReader, into value: inout SystemConfiguration) {
    guard
      let limits = system.mapping("rate_limits", keys: ["task_submission", "workflow_creation", "api_calls"])
    else { return }
    for name in ["task_submission", "workflow_creation", "api_calls"] as [StaticString] {
      guard let node = limits.member(name) else { continue }
      if node.isText("unlimited") {
        value.rateLimits["\(name)"] = .unlimited
        continue
      }
      guard let window = decoder.mapping(node, keys: ["max_requests", "window_seconds"]) else { continue }
      guard window.required("max_requests") != nil, window.required("window_seconds") != nil,
        let most = window.integer("max_requests", in: 1...1_000_000_000),
        let length = window.duration("window_seconds", longerThan: .zero)
      else { continue }
      value.rateLimits["\(name)"] = .window(maxRequests: Int64(most), window: length)
    }
  }

  private func isEmpty(_ node: YAMLNode) -> Bool { node.entries.underestimatedCount == 0 }
}

/// Reads `agents.yaml` strictly.
struct AgentsReader {
  private let decoder: StrictDecoder
  private let document: YAMLDocument

  init(_ bytes: [UInt8], file: String) {
    document = YAMLDocument(bytes, file: file)
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  func read() -> [AgentConfiguration] {
    guard let root = document.root, let top = decoder.mapping(root, keys: ["agents"]),
      let list = top.member("agents"), !list.isNull
    else { return [] }
    var seen: Set<String> = []
    return decoder.list(list, of: "agents") { node in
      guard let agent = read(node) else { return nil }
      if !seen.insert(agent.id).inserted {
        decoder.error("duplicate_agent", "agent '\(agent.id)' is defined twice", at: node.member("id") ?? node)
      }
      return agent
    } ?? []
  }

  private func read(_ node: YAMLNode) -> AgentConfiguration? {
    guard let agent = decoder.mapping(node, keys: ["id", "type", "capabilities", "max_concurrent"]) else { return nil }
    guard let idNode = agent.required("id"), let typeNode = agent.required("type"),
      let id = decoder.string(idNode), let type = decoder.string(typeNode)
    else { return nil }
    let later = ["code", "llm", "http", "exec", "mcp", "slurm"]
    if type != "command" {
      if later.contains(type) {
        decoder.error("not_supported_yet", "agent type '\(type)' is not supported yet", at: typeNode)
      } else {
        decoder.error(
          "unknown_type", "unknown agent type '\(type)'", at: typeNode,
          hint: decoder.suggestion(for: type, among: ["command"] + later))
      }
    }
    return AgentConfiguration(
      id: id, kind: type, capabilities: agent.strings("capabilities") ?? [],
      maxConcurrent: agent.integer("max_concurrent", in: 1...10_000))
  }
}
