import AstroCore
import Foundation
import Testing

@testable import AstroConfiguration

/// A directory with these files under `config/`, for the time of `body`.
func withHome<Result>(
  system: String? = "system: {}\n", agents: String? = nil, models: String? = nil, _ body: (String) throws -> Result
) throws -> Result {
  let home = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: home + "/config", withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: home) }
  for (name, text) in [("system_config", system), ("agents", agents), ("models", models)] {
    guard let text else { continue }
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(home)/config/\(name).yaml"))
  }
  return try body(home)
}

func load(_ home: String, _ environment: [String: String] = [:]) throws -> Configuration {
  try Configuration.load(home: home, environment: environment)
}

/// Errors and warnings, as a terminal shows them.
func said(
  system: String? = "system: {}\n", agents: String? = nil, models: String? = nil, environment: [String: String] = [:]
) throws -> String {
  try withHome(system: system, agents: agents, models: models) { home in
    do {
      return try load(home, environment).warnings.map(\.rendered).joined()
    } catch let error as ConfigurationError {
      return error.diagnostics.map(\.rendered).joined()
    }
  }
}

@Suite struct Configurations {
  @Test(arguments: [
    "system: {}\n", "system:\n", "", "# nothing yet\n", "system: {rate_limits: {}, retention: {}}\nlimits: {}\n",
    "limits:\n",
  ])
  func whatIsNotSaidHasItsDefault(system: String) throws {
    let configuration = try withHome(system: system) { try load($0) }
    #expect(configuration.system == SystemConfiguration())
    #expect(configuration.agents == [.builtIn])
    #expect(configuration.warnings.isEmpty)
  }

  @Test func theFilesOfInitSayTheDefaults() throws {
    let configuration = try withHome(system: ConfigurationTemplate.system, agents: ConfigurationTemplate.agents) {
      try load($0)
    }
    #expect(configuration.system == SystemConfiguration())
    #expect(configuration.agents == [.builtIn])
    #expect(configuration.warnings.isEmpty)
  }

  @Test func everyKeyArrives() throws {
    let system = try withHome(
      system: """
        system:
          environment: production
          log_level: CRITICAL
          json_logging: true
          log_file: /var/log/astro.log
          log_rotation: {size: 1MiB, keep: 2}
          rate_limits:
            task_submission: {max_requests: 7, window_seconds: 1m}
            workflow_creation: unlimited
          health_check_interval: 1m
          health_file: run/health.json
          metrics_enabled: false
          metrics_file: run/astro.prom
          metrics_interval: 250ms
          max_parallel_tasks: 3
          max_active_workflows: 4
          max_task_output: 512K
          spool_dir: /srv/spool
          data_dir: var
          require_final_newline: false
          trusted_users: [alice, bob]
          retention: {keep: 1h, keep_failed: 0}

        """
    ) { try load($0).system }
    #expect(system.environment == .production)
    #expect(system.logLevel == .critical)
    #expect(system.jsonLogging)
    #expect(system.logFile == "/var/log/astro.log")
    #expect(
      system.rateLimits == [
        "task_submission": .window(maxRequests: 7, window: .seconds(60)), "workflow_creation": .unlimited,
        "api_calls": .window(maxRequests: 1000, window: .seconds(60)),
      ])
    #expect(system.healthCheckInterval == .seconds(60))
    #expect(system.healthFile == "run/health.json")
    #expect(!system.metricsEnabled)
    #expect(system.metricsFile == "run/astro.prom")
    #expect(system.metricsInterval == .milliseconds(250))
    #expect(system.maxParallelTasks == 3)
    #expect(system.maxActiveWorkflows == 4)
    #expect(system.logRotation?.size == 1 << 20 && system.logRotation?.keep == 2)
    #expect(system.maxTaskOutput == 512 << 10)
    #expect(system.spoolDirectory == "/srv/spool")
    #expect(system.dataDirectory == "var")
    #expect(!system.requireFinalNewline)
    #expect(system.trustedUsers == ["alice", "bob"])
    #expect(system.keep == .seconds(3600))
    #expect(system.keepFailed == .zero)
  }

  @Test func boundsCanBeLifted() throws {
    let system = try withHome(system: "system: {max_task_output: unlimited, log_rotation: unlimited}\n") {
      try load($0).system
    }
    #expect(system.maxTaskOutput == nil && system.logRotation == nil)
  }

  @Test func agentsArrive() throws {
    let agents = try withHome(
      agents: """
        agents:
          - id: shell_agent_001
            type: command
            capabilities: [shell, 'python 3']
            max_concurrent: 4
          - {id: b.2, type: command}

        """
    ) { try load($0).agents }
    #expect(
      agents == [
        AgentConfiguration(
          id: "shell_agent_001", capabilities: ["shell", "python 3"], maxConcurrent: 4, settings: .command(nil)),
        AgentConfiguration(id: "b.2", settings: .command(nil)),
      ])
  }

  @Test(arguments: ["", "# none\n", "agents:\n"])
  func withoutAgentsThereIsTheBuiltInOne(agents: String) throws {
    #expect(try withHome(agents: agents) { try load($0).agents } == [.builtIn])
  }

  @Test func pricesAreChecked() throws {
    #expect(
      try said(
        models:
          "models: [{model: gpt-4o-mini, input: 0.15, output: 0.60, cache_read: 0.075, cache_write: 0.15}, {model: 'x*', input: 0, output: 0}]\n"
      )
        == "")
    #expect(try said(models: "") == "")
  }

  @Test func variablesOverrideTheFile() throws {
    let system = try withHome(system: "system: {environment: development, log_level: ERROR, json_logging: false}\n") {
      try load($0, ["ENVIRONMENT": "production", "LOG_LEVEL": "debug", "JSON_LOGGING": "1"]).system
    }
    #expect(system.environment == .production)
    #expect(system.logLevel == .debug)
    #expect(system.jsonLogging)
  }

  @Test func emptyVariablesAreNotSet() throws {
    let system = try withHome(system: "system: {log_level: ERROR, json_logging: true}\n") {
      try load($0, ["ENVIRONMENT": "", "LOG_LEVEL": "", "JSON_LOGGING": ""]).system
    }
    #expect(system.logLevel == .error)
    #expect(system.jsonLogging)
  }
}

/// Files that are no files.
@Suite struct UnreadableConfigurations {
  private func said<Ignored>(_ prepare: (String) throws -> Ignored) throws -> String {
    try withHome { home in
      _ = try prepare(home + "/config")
      do {
        _ = try load(home)
        return ""
      } catch let error as ConfigurationError {
        return error.diagnostics.map(\.rendered).joined()
      }
    }
  }

  @Test func aMissingSystemFile() throws {
    #expect(
      try said { try FileManager.default.removeItem(atPath: $0 + "/system_config.yaml") }
        == "config/system_config.yaml: error: cannot be read: No such file or directory\n")
  }

  @Test func aDirectory() throws {
    #expect(
      try said {
        try FileManager.default.createDirectory(atPath: $0 + "/agents.yaml", withIntermediateDirectories: false)
      }
        == "config/agents.yaml: error: is not a regular file\n")
  }

  @Test(.timeLimit(.minutes(1))) func aFIFODoesNotBlock() throws {
    #expect(
      try said { mkfifo($0 + "/models.yaml", 0o600) }
        == "config/models.yaml: error: is not a regular file\n")
  }

  @Test func aDeviceIsNotRead() throws {
    #expect(
      try said {
        try FileManager.default.createSymbolicLink(atPath: $0 + "/agents.yaml", withDestinationPath: "/dev/zero")
      }
        == "config/agents.yaml: error: is not a regular file\n")
  }

  @Test func aLinkToItself() throws {
    #expect(
      try said {
        try FileManager.default.createSymbolicLink(atPath: $0 + "/agents.yaml", withDestinationPath: "agents.yaml")
      }
        == "config/agents.yaml: error: cannot be read: Too many levels of symbolic links\n")
  }

  @Test func aFilePastOneMebibyte() throws {
    #expect(
      try said { try Data(repeating: 0x23, count: 1_048_577).write(to: URL(fileURLWithPath: $0 + "/agents.yaml")) }
        == "config/agents.yaml: error: has 1048577 bytes, 1 MiB is allowed\n")
    #expect(
      try said { try Data(repeating: 0x23, count: 1_048_576).write(to: URL(fileURLWithPath: $0 + "/agents.yaml")) }
        == "")
  }

  @Test func aLinkToAFileIsFollowed() throws {
    #expect(
      try said { config in
        try FileManager.default.moveItem(atPath: config + "/system_config.yaml", toPath: config + "/real")
        try FileManager.default.createSymbolicLink(atPath: config + "/system_config.yaml", withDestinationPath: "real")
      } == "")
  }
}

@Suite struct Homes {
  @Test func theFlagIsAskedFirstThenTheVariableThenTheParents() throws {
    try withHome { one in
      try withHome { two in
        let deep = two + "/a/b"
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        #expect(try Home.locate(flag: one, environment: ["ASTRO_HOME": two], workingDirectory: "/") == one)
        #expect(try Home.locate(flag: nil, environment: ["ASTRO_HOME": one], workingDirectory: deep) == one)
        #expect(try Home.locate(flag: nil, environment: ["ASTRO_HOME": ""], workingDirectory: deep) == two)
        #expect(try Home.locate(flag: nil, environment: [:], workingDirectory: two) == two)
        let slash = try #require(one.lastIndex(of: "/"))
        let name = String(one[one.index(after: slash)...])
        #expect(try Home.locate(flag: name, environment: [:], workingDirectory: String(one[..<slash])) == one)
      }
    }
  }

  @Test func whereThereIsNoneInitIsNamed() {
    #expect(
      throws: Failure(
        .configuration, subject: "/nowhere",
        message: "is not a home: there is no config/system_config.yaml in it; make one with: astro init /nowhere")
    ) { try Home.locate(flag: "/nowhere", environment: [:], workingDirectory: "/") }
    #expect(
      throws: Failure(
        .configuration, subject: "/",
        message: "neither it nor a parent is a home; make one with: astro init, or name one with --home or ASTRO_HOME")
    ) { try Home.locate(flag: nil, environment: [:], workingDirectory: "/") }
  }

  @Test func pathsAreUnderTheHomeUnlessTheyAreAbsolute() {
    var system = SystemConfiguration()
    system.spoolDirectory = "/srv/spool"
    system.dataDirectory = "var"
    let home = Home(root: "/h", system: system)
    #expect(home.spool == "/srv/spool")
    #expect(home.data == "/h/var")
    #expect(home.journal == "/h/var/astro.sqlite")
    #expect(home.log == "/h/logs/astro.log")
  }
}
