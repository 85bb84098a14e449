import AstroCore

/// `config/system_config.yaml` with every default filled in.
public struct SystemConfiguration: Sendable, Equatable {
  public enum Environment: String, Sendable, CaseIterable { case production, development }
  public enum LogLevel: String, Sendable, CaseIterable {
    case debug = "DEBUG"
    case info = "INFO"
    case warning = "WARNING"
    case error = "ERROR"
    case critical = "CRITICAL"
  }

  public enum RateLimit: Sendable, Equatable {
    case unlimited
    case window(maxRequests: Int64, window: Duration)
  }

  /// When the log is renamed to `<name>.1`, and how many such files are kept.
  public struct LogRotation: Sendable, Equatable {
    /// In bytes.
    public var size: Int64 = 100 << 20
    public var keep = 5

    public init() {}
  }

  public var environment = Environment.development
  public var logLevel = LogLevel.info
  public var jsonLogging = false
  public var logFile = "logs/astro.log"
  /// `nil` where somebody else rotates it, or nobody.
  public var logRotation: LogRotation? = LogRotation()
  /// By limiter; all three are always there.
  public var rateLimits: [String: RateLimit] = [
    LimiterName.taskSubmission: .window(maxRequests: 100, window: .seconds(60)),
    LimiterName.workflowCreation: .window(maxRequests: 20, window: .seconds(60)),
    "api_calls": .window(maxRequests: 1000, window: .seconds(60)),
  ]
  public var healthCheckInterval = Duration.seconds(30)
  public var healthFile = "data/health.json"
  public var metricsEnabled = true
  public var metricsFile = "data/metrics/astro.prom"
  public var metricsInterval = Duration.seconds(15)
  /// 0 is the number of processors.
  public var maxParallelTasks = 0
  public var maxActiveWorkflows = 100
  /// How much of each stream of a task is kept, in bytes; `nil` is all of it.
  public var maxTaskOutput: Int64? = 64 << 20
  public var spoolDirectory = "spool"
  public var dataDirectory = "data"
  public var requireFinalNewline = true
  public var trustedUsers: [String] = []
  public var keep = Duration.seconds(30 * 86_400)
  public var keepFailed = Duration.seconds(90 * 86_400)

  public init() {}
}
