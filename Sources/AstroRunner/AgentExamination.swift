import AstroAgents
public import AstroConfiguration
public import AstroCore
import AstroSandbox

/// What agents say when they are asked now whether they can take work, without a runner.
public struct AgentExamination {
  public struct Answer: Sendable, Equatable {
    public var id: String
    public var kind: AgentKind
    /// Why it cannot, in one sentence; `nil` when it can.
    public var problem: String?
    /// Of an agent that runs code: the engine it takes, and what is wrong with those that come before that.
    public var engine: String?
    public var passedOver: [String] = []
  }

  /// In the order of the configuration.
  public let answers: [Answer]

  /// - Parameters:
  ///   - executable: this program, whose hidden verbs agents use.
  ///   - isAsked: the others are left alone.
  public init(
    _ configuration: Configuration, home: Home, environment: [String: String], executable: String,
    clock: any AstroCore.Clock, where isAsked: (AgentConfiguration) -> Bool = { _ in true }
  ) {
    let tools = configuration.toolHost(home: home, environment: environment, executable: executable, clock: clock)
    let asked = configuration.agents.filter(isAsked)
    let ids = Set(asked.map(\.id))
    let performers = configuration.performers(home: home, environment: environment, clock: clock, tools: tools)
      .filter { ids.contains($0.key) }
    let programs = configuration.programs(home: home, environment: environment, executable: executable, clock: clock)
    let problems = Self.problems(of: performers)
    answers = asked.map { agent in
      var answer = Answer(id: agent.id, kind: agent.kind)
      if performers[agent.id] != nil {
        answer.problem = problems[agent.id] ?? Self.silence
      } else if let code = programs[agent.id] as? CodeAgent {
        let report = code.look()
        (answer.problem, answer.engine, answer.passedOver) = (
          report.problem, report.engine?.rawValue, report.passedOver
        )
      } else {
        answer.problem = CommandAgent.problem
      }
      return answer
    }
  }

  /// How long agents may take to say how they are.
  private static let patience = Duration.seconds(10)
  private static let silence: String? = "does not say whether it works within \(Notation.spell(patience))"

  /// What is wrong with each, asked all at once; those that do not answer in time are left out.
  private static func problems(of performers: [String: any Performer]) -> [String: String?] {
    let clock = SystemClock()
    let performances = Performances(clock: clock)
    for (id, performer) in performers { performances.probe(id) { await performer.probe() } }
    let until = clock.now().boot + patience.microseconds
    var answers: [String: String?] = [:]
    while answers.count < performers.count, clock.now().boot < until {
      var poller = Poller()
      poller.watch(performances.descriptor)
      poller.wait(atMost: until - clock.now().boot)
      for case .probed(let agent, let problem) in performances.take() { answers.updateValue(problem, forKey: agent) }
    }
    return answers
  }
}
