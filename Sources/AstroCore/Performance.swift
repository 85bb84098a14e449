/// An attempt that an agent performs itself, without the launcher.
public struct PerformanceRequest: Sendable {
  public var key: AttemptKey
  public var user: String
  /// The agent's id.
  public var agent: String
  /// The task's `with:`, expressions resolved.
  public var with: JSONValue
  /// The secrets in it: never to be written anywhere.
  public var secrets: [String]
  /// The workflow's commands that a model may call, where the request names them.
  public var tools: [CommandTool]
  /// `data/runs/<workflow_id>`: relative paths of the task begin at its `files/`; the attempt's own directory is
  /// `tasks/<task_id>/<number>/` in it.
  public var directory: RunDirectory
  public var promise: AttemptPromise

  public init(
    key: AttemptKey, user: String, agent: String, with: JSONValue, secrets: [String] = [],
    tools: [CommandTool] = [], directory: RunDirectory, promise: AttemptPromise
  ) {
    self.key = key
    self.user = user
    self.agent = agent
    self.with = with
    self.secrets = secrets
    self.tools = tools
    self.directory = directory
    self.promise = promise
  }
}

/// What came of it.
public enum PerformanceResult: Sendable, Equatable {
  case ended(Ending)
  /// A limit is used up: to be begun again then, under the same number; what it has finished it finds in its transcript.
  /// `next` is what it will ask leave for first; `nil` where calls cost nothing.
  case parked(LimitRefusal, next: PlannedCall?)
  /// A budget is used up; the sentence says which. The same otherwise.
  case held(String, next: PlannedCall)
  /// An earlier runner ended while it was under way, and nobody knows whether it was done; it may not be done twice.
  case lost(String)

  public struct Ending: Sendable, Equatable {
    public var ending: AgentEnding
    /// Why, in one sentence; `nil` when it completed.
    public var message: String?
    /// The agent's machinery was at fault (no connection, no engine, a wrong key), not the task.
    public var infrastructure: Bool
    public var outputs: [String: String]
    /// The answer, as kept in the attempt's `stdout`.
    public var stdout: String

    public init(
      _ ending: AgentEnding, message: String? = nil, infrastructure: Bool = false, outputs: [String: String] = [:],
      stdout: String = ""
    ) {
      self.ending = ending
      self.message = message
      self.infrastructure = infrastructure
      self.outputs = outputs
      self.stdout = stdout
    }
  }
}

/// An agent whose attempts run in this process. Cancelling the task that performs ends the attempt at once, as
/// `cancelled`, with nothing of it left running.
public protocol Performer: Sendable {
  /// What the first call of an attempt may take; `nil` where calls cost nothing. Throws what is wrong with its `with:`.
  func ceiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling?
  /// What an attempt asks leave for first; `nil` where calls cost nothing. Throws what is wrong with its `with:`.
  func firstCall(of request: PerformanceRequest) throws(Failure) -> PlannedCall?
  /// The files whose content decides, besides the `with:` itself, what an attempt comes to: their names below the run's
  /// `files/`. Throws what is wrong with the `with:`.
  func inputs(of with: JSONValue) throws(Failure) -> [String]
  func perform(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult
  /// Why the agent cannot work now, in one sentence; `nil` when it can.
  func probe() async -> String?
}

extension Performer {
  public func firstCall(of request: PerformanceRequest) throws(Failure) -> PlannedCall? {
    try ceiling(of: request).map { PlannedCall(to: request.agent, $0) }
  }

  public func inputs(of with: JSONValue) throws(Failure) -> [String] { [] }
}
