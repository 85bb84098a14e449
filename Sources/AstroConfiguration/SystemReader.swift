import AstroCore
import AstroYAML

/// Reads `system_config.yaml` strictly.
struct SystemReader {
  let decoder: StrictDecoder
  private let document: YAMLDocument

  init(_ document: YAMLDocument) {
    self.document = document
    decoder = StrictDecoder(document)
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }

  private static let top = KeySet(["system", "limits", "budgets"], elsewhere: [(keys.names, "'system'")])
  private static let keys = KeySet(
    [
      "environment", "log_level", "json_logging", "log_file", "log_rotation",
      "rate_limits", "health_check_interval", "health_file",
      "metrics_enabled", "metrics_file", "metrics_interval", "max_parallel_tasks", "max_active_workflows",
      "max_task_output",
      "spool_dir",
      "data_dir", "require_final_newline", "trusted_users", "retention",
    ], ignored: ["metrics_port"])
  static let limiters: [StaticString] = ["task_submission", "workflow_creation", "api_calls"]
  /// Shorter ones would keep the machine awake for nothing; longer ones tell nobody anything.
  private static let intervals = Duration.milliseconds(100)...Duration.seconds(86_400)
  static let windows = Duration.milliseconds(100)...Duration.seconds(366 * 86_400)

  /// Half of it must hold the last 64 KiB, which expressions see, and a line to cut at.
  private static let outputs: ClosedRange<Int64> = 256 << 10...1 << 50
  private static let logs: ClosedRange<Int64> = 64 << 10...1 << 50

  /// What the file says.
  struct Result {
    var system = SystemConfiguration()
    var limits: [NamedLimit] = []
    /// Of all limits, also of those that are wrong: uses of them are no further errors. `nil` where nothing is known.
    var limitNames: [String]?
    var budgets: [PeriodBudget] = []
  }

  func read() -> Result {
    var result = Result()
    guard let root = document.root, let top = decoder.mapping(root, keys: Self.top) else { return result }
    result.limitNames = []
    if let node = top.member("limits"), !node.isNull {
      result.limitNames = node.entries.map(\.key.text)
      result.limits = limits(node)
    }
    if let node = top.member("budgets"), !node.isNull { result.budgets = budgets(node) }
    if let node = top.member("system"), !node.isNull { result.system = system(node) }
    return result
  }

  private func system(_ node: YAMLNode) -> SystemConfiguration {
    var value = SystemConfiguration()
    guard let system = decoder.mapping(node, keys: Self.keys) else { return value }
    if let key = node.entries.first(where: { $0.key.isText("metrics_port") })?.key {
      decoder.warning(
        "metrics_port", "'metrics_port' is ignored: metrics are a file, there is no port", at: key, hint: "remove it")
    }
    readValues(system, into: &value)
    readPaths(system, into: &value)
    readRateLimits(system, into: &value)
    readRotation(system, into: &value)
    return value
  }

  private func readValues(_ system: MappingReader, into value: inout SystemConfiguration) {
    value.environment = system.word("environment", as: SystemConfiguration.Environment.self) ?? value.environment
    value.logLevel = system.word("log_level", as: SystemConfiguration.LogLevel.self) ?? value.logLevel
    value.jsonLogging = system.boolean("json_logging") ?? value.jsonLogging
    value.healthCheckInterval =
      system.duration("health_check_interval", in: Self.intervals) ?? value.healthCheckInterval
    value.metricsEnabled = system.boolean("metrics_enabled") ?? value.metricsEnabled
    value.metricsInterval = system.duration("metrics_interval", in: Self.intervals) ?? value.metricsInterval
    value.maxParallelTasks = system.integer("max_parallel_tasks", in: 0...10_000) ?? value.maxParallelTasks
    value.maxActiveWorkflows = system.integer("max_active_workflows", in: 1...100_000) ?? value.maxActiveWorkflows
    if let node = system.member("max_task_output") {
      value.maxTaskOutput =
        node.isText("unlimited") ? nil : decoder.size(node, in: Self.outputs) ?? value.maxTaskOutput
    }
    value.requireFinalNewline = system.boolean("require_final_newline") ?? value.requireFinalNewline
    value.trustedUsers = system.strings("trusted_users") ?? value.trustedUsers
    if let retention = system.mapping("retention", keys: ["keep", "keep_failed"]) {
      value.keep = retention.duration("keep") ?? value.keep
      value.keepFailed = retention.duration("keep_failed") ?? value.keepFailed
    }
  }

  /// Files and directories. Two of them in one place would overwrite each other.
  private func readPaths(_ system: MappingReader, into value: inout SystemConfiguration) {
    let paths: [(StaticString, WritableKeyPath<SystemConfiguration, String>)] = [
      ("log_file", \.logFile), ("health_file", \.healthFile), ("metrics_file", \.metricsFile),
      ("spool_dir", \.spoolDirectory), ("data_dir", \.dataDirectory),
    ]
    for (key, path) in paths {
      guard let node = system.member(key), let text = decoder.string(node) else { continue }
      if text.isEmpty || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
        decoder.error("bad_path", "\(StrictDecoder.describe(node)) is not a path", at: node)
      }
      value[keyPath: path] = text
    }
    for (key, path) in paths {
      guard let node = system.member(key),
        let other = paths.first(where: { value[keyPath: $0.1] == value[keyPath: path] }),
        other.1 != path
      else { continue }
      decoder.error("same_path", "'\(other.0)' and '\(key)' are both '\(value[keyPath: path])'", at: node)
    }
  }

  private func readRotation(_ system: MappingReader, into value: inout SystemConfiguration) {
    guard let node = system.member("log_rotation") else { return }
    if node.isText("unlimited") {
      value.logRotation = nil
      return
    }
    guard
      let rotation = decoder.mapping(
        node, keys: ["size", "keep"], hint: "write {size: 100MiB, keep: 5}, or unlimited where logrotate does it")
    else { return }
    var wanted = SystemConfiguration.LogRotation()
    wanted.size = rotation.member("size").flatMap { decoder.size($0, in: Self.logs) } ?? wanted.size
    wanted.keep = rotation.integer("keep", in: 1...1000) ?? wanted.keep
    value.logRotation = wanted
  }

  private func readRateLimits(_ system: MappingReader, into value: inout SystemConfiguration) {
    guard let limits = system.mapping("rate_limits", keys: KeySet(Self.limiters)) else { return }
    for name in Self.limiters {
      guard let node = limits.member(name) else { continue }
      if node.isText("unlimited") {
        value.rateLimits[name.text] = .unlimited
        continue
      }
      guard
        let window = decoder.mapping(
          node, keys: ["max_requests", "window_seconds"],
          hint: "write {max_requests: 100, window_seconds: 60}, or unlimited")
      else { continue }
      let most = window.required("max_requests").flatMap { decoder.integer($0, in: 1...1_000_000_000) }
      let length = window.required("window_seconds").flatMap { decoder.duration($0, in: Self.windows) }
      guard let most, let length else { continue }
      value.rateLimits[name.text] = .window(maxRequests: Int64(most), window: length)
    }
  }
}
