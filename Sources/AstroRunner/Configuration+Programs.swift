import AstroAgents
import AstroConfiguration
import AstroCore
import AstroSandbox

extension Configuration {
  /// The agents whose attempts are processes and which are told in `with:` what to do, by id.
  /// - Parameter executable: this program, whose hidden verbs they use.
  func programs(
    home: Home, environment: [String: String], executable: String, clock: any AstroCore.Clock
  ) -> [String: any ProgramAgent] {
    var programs: [String: any ProgramAgent] = [:]
    for agent in agents {
      switch agent.settings {
      case .command(let settings?):
        programs[agent.id] = CommandLineAgent(
          CommandLineProgram(settings.program), variables: settings.environment.variables(of: agent.id),
          defaults: .init(model: settings.model, maxTurns: settings.maxTurns, maxCost: settings.maxCost),
          prices: PriceTable(prices))
      case .exec(let settings):
        programs[agent.id] = ExecAgent(
          command: settings.command, variables: settings.environment.variables(of: agent.id))
      case .code(let settings):
        programs[agent.id] = CodeAgent(
          CodeAgent.Settings(
            rules: SandboxRules(settings), executable: executable, environment: environment,
            containersConfiguration: settings.containersConfiguration.map {
              $0.hasPrefix("/") ? $0 : "\(home.root)/\($0)"
            }, memory: home.data + "/engines", runs: home.runs), clock: clock)
      case .command(nil), .llm, .http, .mcp: break
      }
    }
    return programs
  }
}

extension [NamedValue] {
  fileprivate func variables(of agent: String) -> [SecretVariable] {
    map { entry in
      switch entry.value {
      case .plain(let text): SecretVariable(name: entry.name, parts: [.text(text)])
      case .secret(let source):
        SecretVariable(
          name: entry.name, parts: [.secret(SecretPlan(name: "\(entry.name) of agent \(agent)", source: source))])
      }
    }
  }
}

extension CommandLineProgram {
  init(_ program: CommandSettings.Program) {
    switch program {
    case .preset(.claudeCode): self = .claudeCode
    case .preset(.codex): self = .codex
    case .preset(.llm): self = .llm
    case .own(let words, let result): self = .own(words, printsJSON: result == .json)
    }
  }
}

extension SandboxRules {
  fileprivate init(_ settings: SandboxSettings) {
    self.init(
      engine: Engine(settings.engine), image: settings.image, memory: settings.memory, processes: settings.processes,
      temporarySize: settings.temporarySize, openFiles: settings.openFiles)
    sharesNetwork = settings.network == .host
    cpus = settings.cpus
  }
}

extension SandboxRules.Engine {
  fileprivate init?(_ engine: SandboxSettings.Engine) {
    switch engine {
    case .auto: return nil
    case .podman: self = .podman
    case .docker: self = .docker
    case .bubblewrap: self = .bubblewrap
    }
  }
}
