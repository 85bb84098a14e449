public import AstroCore
public import AstroProcess

/// An agent whose attempts are processes of the launcher, as those of commands are, and that is told in `with:` what to do:
/// its attempts survive the runner, and end in the same record.
public protocol ProgramAgent: Sendable {
  /// Variables that the agent itself gives its attempts. What is secret in them is the runner's: it is read with the runner's
  /// rights, whoever asks.
  var variables: [SecretVariable] { get }
  /// What an attempt may take of a model at most; `nil` where it costs nothing. Throws what is wrong with its `with:`.
  func ceiling(of with: JSONValue) throws(Failure) -> CallCeiling?
  /// The files of the run that it gives to its attempts, by their names below `files/`. Throws what is wrong with the `with:`.
  func inputs(of with: JSONValue) throws(Failure) -> [String]
  /// What is to be started. Throws what is wrong with the request.
  func process(for request: ProgramRequest) throws(Failure) -> ProgramProcess
  /// Reads what the process left: its outputs, and whether it really did what it was asked.
  func read(_ end: inout AttemptEnding, _ files: AttemptFiles, promise: AttemptPromise) throws(Failure)
  /// Removes what an attempt may have left that is no process of the launcher's. Called when its end is known and when it is
  /// lost; repeating it is harmless. Never waits.
  func sweep(_ key: AttemptKey)
  /// Why the agent cannot work now, in one sentence; `nil` when it can.
  func probe() async -> String?
}

extension ProgramAgent {
  public func ceiling(of with: JSONValue) throws(Failure) -> CallCeiling? { nil }
  public func inputs(of with: JSONValue) throws(Failure) -> [String] { [] }
  public func sweep(_ key: AttemptKey) {}
  public func probe() async -> String? { CommandAgent.problem }
}

/// What a program agent is asked.
public struct ProgramRequest: Sendable {
  public var key: AttemptKey
  /// The task's `with:`, expressions and secrets resolved.
  public var with: JSONValue
  public var directory: RunDirectory
  /// What a command of the task would be given.
  public var environment: [String: String]
  public var workdir: String
  public var resources: ResourceLimits
  /// Whom the task runs as; `nil` is the runner's own user.
  public var user: Confinement.UserNumbers?

  public init(
    key: AttemptKey, with: JSONValue, directory: RunDirectory, environment: [String: String] = [:],
    workdir: String? = nil,
    resources: ResourceLimits = .init(), user: Confinement.UserNumbers? = nil
  ) {
    self.key = key
    self.with = with
    self.directory = directory
    self.environment = environment
    self.workdir = workdir ?? directory.files
    self.resources = resources
    self.user = user
  }
}

/// A process that does what was asked.
public struct ProgramProcess: Sendable, Equatable {
  /// `arguments[0]` is looked up in the `PATH` of its environment.
  public var arguments: [String]
  public var environment: [String: String]
  /// What it reads on standard input.
  public var input: String?
  /// How it is confined; `nil` is as a command of the task is.
  public var confinement: Confinement?
  /// `nil` is the task's own.
  public var workdir: String?

  public init(
    _ arguments: [String], environment: [String: String], input: String? = nil, confinement: Confinement? = nil,
    workdir: String? = nil
  ) {
    self.arguments = arguments
    self.environment = environment
    self.input = input
    self.confinement = confinement
    self.workdir = workdir
  }
}
