public import AstroCore

/// One entry of `config/agents.yaml`.
public struct AgentConfiguration: Sendable, Equatable {
  public var id: String
  public var capabilities: [String]
  /// `nil` is unbounded, which only agents of type command are without saying.
  public var maxConcurrent: Int?
  /// The named limits that each of its tasks takes, besides the task's own.
  public var limits: [String]
  public var settings: AgentSettings

  public init(
    id: String, capabilities: [String] = [], maxConcurrent: Int? = nil, limits: [String] = [], settings: AgentSettings
  ) {
    self.id = id
    self.capabilities = capabilities
    self.maxConcurrent = maxConcurrent
    self.limits = limits
    self.settings = settings
  }

  public var kind: AgentKind { settings.kind }
  /// The form of the tasks it takes.
  public var form: WorkForm { settings == .command(nil) ? .run : .with }

  /// What an agent of another type than command has at a time unless it says otherwise.
  public static let usualConcurrency = 8

  /// What a home without `config/agents.yaml` has.
  public static let builtIn = AgentConfiguration(
    id: "shell_agent_001", capabilities: ["shell"], settings: .command(nil))
}

/// What is particular to the agent's type.
public enum AgentSettings: Sendable, Equatable {
  /// Without settings it runs what tasks say in `run:`; with them, a program of its own that is told what to do in `with:`.
  case command(CommandSettings?)
  case code(SandboxSettings)
  case llm(LLMSettings)
  case http(HTTPSettings)
  case exec(ExecSettings)
  case mcp(MCPSettings)

  public var kind: AgentKind {
    switch self {
    case .command: .command
    case .code: .code
    case .llm: .llm
    case .http: .http
    case .exec: .exec
    case .mcp: .mcp
    }
  }
}

/// A value as it is, or where it is to be had when it is needed: keys stand in no file of the configuration.
public enum ConfiguredValue: Sendable, Equatable {
  case plain(String)
  case secret(SecretPlan.Source)
}

/// A value with its name: a header, a variable.
public struct NamedValue: Sendable, Equatable {
  public var name: String
  public var value: ConfiguredValue

  public init(_ name: String, _ value: ConfiguredValue) {
    self.name = name
    self.value = value
  }
}

/// How long each part of an exchange may take.
public struct ExchangeTimeouts: Sendable, Equatable {
  public var connect = Duration.seconds(10)
  /// From the request sent to the first byte of the answer.
  public var firstByte = Duration.seconds(300)
  /// Between two parts of the answer.
  public var idle = Duration.seconds(60)
  /// All of it.
  public var total = Duration.seconds(600)

  public init() {}
}
