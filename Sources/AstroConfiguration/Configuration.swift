public import AstroCore
import AstroYAML
import Glibc

/// Everything wrong with the configuration, of all its files.
public struct ConfigurationError: Error, Sendable {
  public let diagnostics: [Diagnostic]
}

/// The configuration of a home, checked.
public struct Configuration: Sendable {
  public var system: SystemConfiguration
  public var agents: [AgentConfiguration] { didSet { positions = Self.positions(of: agents) } }
  /// Of the agents, by id.
  private var positions: [String: Int]
  /// `mcp_servers:`, by their names.
  public var servers: [String: MCPServerSettings] = [:]
  /// `limits:`, in the order of the file.
  public var limits: [NamedLimit] = []
  /// `budgets:`, in the order of the file.
  public var budgets: [PeriodBudget] = []
  /// `models:`, in the order of the file.
  public var prices: [ModelPrice] = []
  public var warnings: [Diagnostic]

  init(
    system: SystemConfiguration, agents: [AgentConfiguration], limits: [NamedLimit] = [], budgets: [PeriodBudget] = [],
    warnings: [Diagnostic] = []
  ) {
    self.system = system
    self.agents = agents
    self.limits = limits
    self.budgets = budgets
    self.warnings = warnings
    positions = Self.positions(of: agents)
  }

  /// `nil` where there is none of that id.
  public func agent(_ id: String) -> AgentConfiguration? { positions[id].map { agents[$0] } }

  private static func positions(of agents: [AgentConfiguration]) -> [String: Int] {
    Dictionary(agents.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Reads `system_config.yaml`, `agents.yaml` and `models.yaml` in `config/`; the variables `ENVIRONMENT`, `LOG_LEVEL` and
  /// `JSON_LOGGING` override theirs. Changes nothing.
  public static func load(home: String, environment: [String: String]) throws(ConfigurationError) -> Configuration {
    var found: [Diagnostic] = []
    var base = SystemReader.Result()
    if let document = document("config/system_config.yaml", in: home, isRequired: true, &found) {
      let reader = SystemReader(document)
      base = reader.read()
      found += reader.diagnostics
    } else if found.isEmpty {
      base.limitNames = []
    }
    override(&base.system, by: environment, &found)
    var result = Configuration(
      system: base.system, agents: [.builtIn], limits: base.limits, budgets: base.budgets, warnings: [])
    if let document = document("config/agents.yaml", in: home, isRequired: false, &found) {
      var reader = AgentsReader(document)
      let read = reader.read(limits: base.limitNames)
      (result.agents, result.servers) = (read.agents ?? result.agents, read.servers)
      found += reader.diagnostics
    }
    if let document = document("config/models.yaml", in: home, isRequired: false, &found) {
      var reader = ModelsReader(document)
      result.prices = reader.read()
      found += reader.diagnostics
    }
    if found.contains(where: { $0.severity == .error }) { throw ConfigurationError(diagnostics: found) }
    result.warnings = found
    return result
  }

  /// A file of the configuration; `nil` when there is nothing in it but comments, which leaves every default as it is.
  private static func document(
    _ name: String, in home: String, isRequired: Bool, _ found: inout [Diagnostic]
  ) -> YAMLDocument? {
    guard let bytes = read(name, in: home, isRequired: isRequired, &found) else { return nil }
    let document = YAMLDocument(bytes, file: name)
    return document.diagnostics.first?.code == "empty" ? nil : document
  }

  private static func override(
    _ system: inout SystemConfiguration, by environment: [String: String], _ found: inout [Diagnostic]
  ) {
    // An empty variable is one that is not set, as elsewhere.
    let variables = environment.filter { !$0.value.isEmpty }
    if let word = variables["ENVIRONMENT"] {
      if let value = SystemConfiguration.Environment(rawValue: word) {
        system.environment = value
      } else {
        found.append(refuse("ENVIRONMENT", word, "production or development"))
      }
    }
    if let word = variables["LOG_LEVEL"] {
      if let value = SystemConfiguration.LogLevel(rawValue: word.uppercased()) {
        system.logLevel = value
      } else {
        found.append(refuse("LOG_LEVEL", word, "DEBUG, INFO, WARNING, ERROR or CRITICAL"))
      }
    }
    if let word = variables["JSON_LOGGING"] {
      switch word.lowercased() {
      case "true", "1": system.jsonLogging = true
      case "false", "0": system.jsonLogging = false
      default: found.append(refuse("JSON_LOGGING", word, "true or false"))
      }
    }
  }

  private static func refuse(_ variable: String, _ word: String, _ expected: String) -> Diagnostic {
    Diagnostic(
      code: "environment_variable", message: "the variable \(variable) must be \(expected), got '\(word)'",
      file: "environment", hint: "unset it to have what config/system_config.yaml says")
  }

  /// A regular file of at most 1 MiB; a FIFO in its place does not block.
  private static func read(
    _ name: String, in home: String, isRequired: Bool, _ found: inout [Diagnostic]
  ) -> [UInt8]? {
    let descriptor = open("\(home)/\(name)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno != ENOENT || isRequired {
        let reason = String(cString: strerror(errno))
        found.append(Diagnostic(code: "unreadable", message: "cannot be read: \(reason)", file: name))
      }
      return nil
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      found.append(Diagnostic(code: "unreadable", message: "is not a regular file", file: name))
      return nil
    }
    guard status.st_size <= 1 << 20 else {
      found.append(Diagnostic(code: "too_large", message: "has \(status.st_size) bytes, 1 MiB is allowed", file: name))
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      filled += count
    }
    return Array(bytes[..<filled])
  }
}
