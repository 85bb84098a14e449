public import AstroCore

/// One command to start, as execve(2) wants it.
public struct StartRequest: Sendable, Equatable {
  public var key: AttemptKey
  /// `arguments[0]` is the program: a path, already looked up in PATH. With a user in the confinement it may be a bare name,
  /// which is looked up by that user.
  public var arguments: [String]
  /// The whole environment, `NAME=value` each. Holds `ASTRO_HOME`, `ASTRO_WORKFLOW_ID`, `ASTRO_TASK_ID` and `ASTRO_ATTEMPT`,
  /// by which ``ProcessTree`` finds what a lost attempt left running.
  public var environment: [String]
  /// Absolute.
  public var workdir: String
  /// What it reads on standard input, up to some MiB; `nil` is nothing. It reaches the command through memory alone, so that
  /// secrets in it are in no file.
  public var input: String?
  public var confinement = Confinement()
  /// For a command that is given secrets.
  public var masking: Masking?
  /// Start it at the next end of an attempt of this launcher, those held before it first, instead of now.
  public var isHeld: Bool

  public init(
    key: AttemptKey, arguments: [String], environment: [String], workdir: String, isHeld: Bool = false
  ) {
    self.key = key
    self.arguments = arguments
    self.environment = environment
    self.workdir = workdir
    self.isHeld = isHeld
  }
}

/// How a command ended, as recorded by the warden.
public struct ExitRecord: Sendable, Equatable {
  public var key: AttemptKey
  public var status: WaitStatus
  public var startedAt: Timestamp
  public var finishedAt: Timestamp
  /// On CLOCK_BOOTTIME, so that a step of the wall clock does not show in it.
  public var duration: Duration
  public var usage: ResourceUsage
  /// The scratch file that holds what was printed, for the runner to rename; nil when nothing was.
  public var stdout: String?
  public var stderr: String?
  /// What the bound on output left out of these files.
  public var omitted: OmittedOutput
  /// The kernel killed something of it because the attempt had used up the memory it may have.
  public var ranOutOfMemory: Bool

  public init(
    key: AttemptKey, status: WaitStatus, startedAt: Timestamp, finishedAt: Timestamp, duration: Duration,
    usage: ResourceUsage, stdout: String? = nil, stderr: String? = nil, omitted: OmittedOutput = .none,
    ranOutOfMemory: Bool = false
  ) {
    self.key = key
    self.status = status
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.duration = duration
    self.usage = usage
    self.stdout = stdout
    self.stderr = stderr
    self.omitted = omitted
    self.ranOutOfMemory = ranOutOfMemory
  }
}

/// What a launcher tells of the commands it was given.
public enum LauncherEvent: Sendable, Equatable {
  case ended(ExitRecord)
  /// A held start took its turn; told right after the end that made room for it.
  case began(AttemptKey)
  /// A held start was taken back in time: it never happened.
  case withdrawn(AttemptKey)
  /// Nothing was started. `infrastructure` is true when the machine was at fault, false when the command was.
  case refused(AttemptKey, reason: String, infrastructure: Bool)
  /// The warden is gone: attempts without an end so far are settled with ``Wreck/survey(dataDirectory:runnerID:)``.
  /// With the end of a sentence that begins with the warden. Nothing follows.
  case closed(String)
}

/// Starts and signals commands without ever blocking.
public protocol Launcher: AnyObject {
  /// Readable when ``receive()`` has something to do; the same for life.
  var descriptor: Int32 { get }
  /// Whether to poll `descriptor` for writing too: requests are waiting for room.
  var wantsWrite: Bool { get }
  func start(_ requests: [StartRequest]) throws(Failure)
  /// Starts a held attempt now; nothing happens when it has begun already.
  func release(_ key: AttemptKey) throws(Failure)
  /// Takes a held start back; answered by ``LauncherEvent/withdrawn(_:)`` unless it has begun already.
  func withdraw(_ key: AttemptKey) throws(Failure)
  /// Signals the whole process group of an attempt; nothing happens when it has ended already.
  func signal(_ key: AttemptKey, _ signo: Int32) throws(Failure)
  /// Sends what waits and returns what has happened, in order, perhaps nothing. Call it when `descriptor` is ready.
  func receive() throws(Failure) -> [LauncherEvent]
}
