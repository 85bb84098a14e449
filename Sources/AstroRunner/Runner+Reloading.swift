import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Logging

extension Runner {
  /// SIGHUP: opens the log anew, and takes over the configuration as far as that can be done while running. One that
  /// cannot be read changes nothing.
  func reload() throws(Failure) {
    serviceManager?.isReloading()
    defer { serviceManager?.isReady() }
    do throws(Failure) {
      try logOutput.reopen()
      log.info("Log reopened")
    } catch {
      log.error("Log cannot be reopened", error: error)
    }
    let fresh: Configuration
    do throws(ConfigurationError) {
      fresh = try Configuration.load(home: home.root, environment: options.environment)
    } catch {
      for diagnostic in error.diagnostics where diagnostic.severity == .error { refuseReload(diagnostic) }
      return
    }
    try apply(fresh)
  }

  private func refuseReload(_ diagnostic: Diagnostic) {
    // `line` of a log line is the place in our own source.
    let place = diagnostic.line > 0 ? ":\(diagnostic.line):\(diagnostic.column)" : ""
    var metadata: Logger.Metadata = ["error": .string("\(diagnostic.file)\(place): \(diagnostic.message)")]
    if let hint = diagnostic.hint { metadata["hint"] = .string(hint) }
    log.error("Configuration not reloaded", metadata: metadata)
  }

  private func apply(_ fresh: Configuration) throws(Failure) {
    // A past that cannot be read is not taken for none: an agent that is ill would be given work.
    let records = try journal.read { try $0.agents() }
    let fixed = configuration.system.fixedWhileRunning
    let ignored = fresh.system.fixedWhileRunning.filter { fixed[$0.key] != $0.value }.keys.sorted()
    let old = configuration
    configuration = fresh.keepingPlaces(of: configuration.system)
    abandonLeaders(from: old)
    allowances = Allowances(configuration)
    allowances.isOver = Self.overseer(configuration, home)
    tools.servers = configuration.toolServers(home: home, environment: options.environment)
    performers = configuration.performers(
      home: home, environment: options.environment, clock: clock, tools: tools)
    takePrograms()
    examiner = Examiner(configuration)
    var policy = Self.policy(configuration)
    policy.generation = cacheGeneration
    scheduler.reconfigure(
      policy, configuration.members,
      records: Dictionary(records.map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 }))
    forgetBlocks()
    reports.configuration = configuration
    logOutput.setRotation(LogFile.Rotation(configuration.system.logRotation))
    if let level = Logger.Level(word: configuration.system.logLevel.rawValue) { logOutput.setLevel(level) }
    log.info("Configuration reloaded", metadata: ["agents": .stringConvertible(configuration.agents.count)])
    for key in ignored { log.warning("Setting takes effect at the next start", metadata: ["key": .string(key)]) }
  }

  /// Asks the limits anew instead of waiting for the time they once gave: they were changed, or cleared.
  func forgetBlocks() {
    intake.unblock()
    scheduler.unblock()
  }
}

extension SystemConfiguration {
  /// What is opened or announced at the start and stays as it is until the end, by its key.
  fileprivate var fixedWhileRunning: [String: String] {
    [
      "data_dir": dataDirectory, "environment": environment.rawValue, "health_file": healthFile,
      "json_logging": "\(jsonLogging)", "log_file": logFile,
      "max_task_output": maxTaskOutput.map { "\($0)" } ?? "unlimited", "metrics_file": metricsFile,
      "require_final_newline": "\(requireFinalNewline)", "spool_dir": spoolDirectory,
    ]
  }
}

extension Configuration {
  fileprivate func keepingPlaces(of old: SystemConfiguration) -> Configuration {
    var kept = self
    kept.system.dataDirectory = old.dataDirectory
    kept.system.environment = old.environment
    kept.system.healthFile = old.healthFile
    kept.system.jsonLogging = old.jsonLogging
    kept.system.logFile = old.logFile
    kept.system.maxTaskOutput = old.maxTaskOutput
    kept.system.metricsFile = old.metricsFile
    kept.system.requireFinalNewline = old.requireFinalNewline
    kept.system.spoolDirectory = old.spoolDirectory
    return kept
  }
}
