import AstroAgents
import AstroConfiguration
import AstroCore
import AstroMCP
import AstroProcess
import Glibc

extension Configuration {
  /// `mcp_servers`, ready to be started.
  func toolServers(home: Home, environment: [String: String]) -> [String: ToolServer] {
    var made: [String: ToolServer] = [:]
    for (name, settings) in servers {
      made[name] = ToolServer(
        settings, named: name, home: home, environment: environment, for: "server '\(name)'")
    }
    return made
  }

  /// Where the tools of attempts run.
  /// - Parameter executable: this program, for keepers.
  func toolHost(
    home: Home, environment: [String: String], executable: String, clock: any AstroCore.Clock
  ) -> ToolHost {
    ToolHost(
      servers: toolServers(home: home, environment: environment), home: home.root, runs: home.runs,
      environment: environment, keeper: KeeperCommand(executable: executable), clock: clock)
  }
}

extension ToolServer {
  /// - Parameter user: what needs its secrets, as failures name it.
  init(
    _ configured: MCPServerSettings, named name: String, home: Home, environment: [String: String], for user: String
  ) {
    let settings = ServerSettings(
      name: name, command: configured.command, startupTimeout: configured.startupTimeout,
      callTimeout: configured.callTimeout)
    let values = configured.environment
    let reader = SecretReader(environment: environment, home: home.root)
    self.init(settings) { () throws(Failure) in
      var variables = ToolEnvironment()
      for value in values {
        switch value.value {
        case .plain(let text): variables.variables[value.name] = text
        case .secret(let source):
          let secret = try reader.configured(source, named: value.name, for: user)
          variables.variables[value.name] = secret
          variables.secrets.append(secret)
        }
      }
      return variables
    }
  }
}

extension SecretReader {
  /// One of the administrator's own: for nobody to be trusted with.
  func configured(_ source: SecretPlan.Source, named name: String, for user: String) throws(Failure) -> String {
    do throws(Unavailable) {
      return try value(
        of: SecretPlan(name: name, source: source), for: Submitter(user: geteuid(), isTrusted: true))
    } catch {
      throw Failure(.configuration, subject: user, message: error.message)
    }
  }
}
