import AstroConfiguration
import AstroCore
import AstroRunner

/// Whether the agents work that need something of elsewhere: a server that takes their key, a sandbox.
struct AgentChecks {
  let configuration: Configuration
  let home: Home
  let environment: [String: String]
  /// Those whose keys are known not to be there, as ``KeyChecks`` names them.
  let withoutKeys: [String]

  func findings() -> [Finding] {
    AgentExamination(
      configuration, home: home, environment: environment, executable: Site.executable, clock: SystemClock(),
      where: { agent in
        agent.kind == .code
          || agent.kind == .llm && !withoutKeys.contains { $0.hasPrefix("agent '\(agent.id)': ") }
      }
    ).answers.map(finding)
  }

  private func finding(_ answer: AgentExamination.Answer) -> Finding {
    let who = "agent '\(answer.id)'"
    switch (answer.kind, answer.problem) {
    case (.code, let problem?):
      return .problem("agents", "\(who): \(problem)", "install one: apt install podman, or apt install bubblewrap")
    case (_, let problem?):
      return .problem("agents", "\(who): \(problem)", "see its base_url and its api_key in config/agents.yaml")
    case (.code, nil):
      let others = answer.passedOver.isEmpty ? "" : "; \(answer.passedOver.joined(separator: "; "))"
      return .ok("agents", "\(who) runs code with \(answer.engine ?? "")\(others)")
    case (_, nil): return .ok("agents", "\(who): its server answers, and does not refuse the key")
    }
  }
}
