public import AstroCore
import AstroProcess
public import AstroSandbox
import Dispatch
import Glibc
import Synchronization

/// Runs code in a sandbox, through the hidden verb ``Sandbox`` as one of the warden's commands. Without an engine that works it is
/// unhealthy: there is no way past a sandbox.
public final class CodeAgent: ProgramAgent {
  public struct Settings: Sendable {
    public var rules: SandboxRules
    /// The program with the hidden verb.
    public var executable: String
    /// The runner's own environment, of which engines get what they need.
    public var environment: [String: String]
    /// Of podman's CONTAINERS_CONF; `nil` is as the runner has it.
    public var containersConfiguration: String?
    /// Where it is remembered which engine works.
    public var memory: String
    /// `data/runs`.
    public var runs: String

    public init(
      rules: SandboxRules, executable: String, environment: [String: String], containersConfiguration: String? = nil,
      memory: String, runs: String
    ) {
      self.rules = rules
      self.executable = executable
      self.environment = environment
      self.containersConfiguration = containersConfiguration
      self.memory = memory
      self.runs = runs
    }
  }

  /// What the last look at the engine found.
  public struct EngineReport: Sendable, Equatable {
    /// The engine that works, or why none does.
    public var engine: SandboxRules.Engine?
    public var problem: String?
    /// What is wrong with the engines that come before it.
    public var passedOver: [String] = []
    public var duration: Duration
    public var timestamp: Timestamp
  }

  private let settings: Settings
  private let clock: any AstroCore.Clock
  private let report = Mutex<EngineReport?>(nil)
  /// Removers that have not been waited for.
  private let removers = Mutex<[Int32]>([])

  public init(_ settings: Settings, clock: any AstroCore.Clock) {
    self.settings = settings
    self.clock = clock
  }

  public var variables: [SecretVariable] { [] }
  public var lastReport: EngineReport? { report.withLock { $0 } }

  public func inputs(of with: JSONValue) throws(Failure) -> [String] {
    let asked = try CodeRequest(with)
    guard case .file(let path) = asked.code else { return asked.files }
    return asked.files + [path]
  }

  public func process(for request: ProgramRequest) throws(Failure) -> ProgramProcess {
    let asked = try CodeRequest(request.with)
    let folder = request.directory.attempt(request.key)
    SandboxRefusal.forget(in: folder)
    var rules = settings.rules
    // The task may want less than its agent allows, and never more.
    rules.memory = min(rules.memory, request.resources.memory ?? rules.memory)
    rules.cpus = [rules.cpus, request.resources.cpus].compactMap { $0 }.min()
    rules.processes = min(rules.processes, request.resources.processes ?? rules.processes)
    let user = Self.user(of: request)
    let output = request.directory.output(of: request.key)
    try AttemptFiles(request.key, in: request.directory).giveOutput(to: user)
    var order = SandboxOrder(
      asked.code, in: asked.language.name, rules: rules, runFiles: request.directory.files, output: output,
      folder: folder, memory: settings.memory)
    (order.files, order.arguments, order.input) = (asked.files, asked.arguments, asked.input)
    order.environment = request.environment
    order.user = user
    let marks = request.environment.filter { Self.marks.contains($0.key) }
    return ProgramProcess(
      [settings.executable, Sandbox.verb], environment: engineEnvironment.merging(marks) { $1 }, input: order.text,
      confinement: confinement(for: rules, user), workdir: "/")
  }

  /// What holds bubblewrap and all in it. The client of another engine is no part of the sandbox, and would choke on its limits:
  /// there the engine has groups of its own.
  private func confinement(for rules: SandboxRules, _ user: SandboxOrder.User?) -> Confinement {
    let trial = EngineTrial(
      rules, executable: settings.executable, environment: engineEnvironment, user: user, memory: settings.memory)
    var confinement = Confinement()
    guard (rules.engine ?? trial.known) == .bubblewrap else { return confinement }
    confinement.memory = rules.memory
    confinement.cpus = rules.cpus
    // Room for the engine beside it.
    confinement.processes = rules.processes + 4
    // Inside it is limited otherwise too, by what counts what is used and not what is set aside.
    confinement.isOfGroupsOnly = true
    return confinement
  }

  /// By which processes of an attempt are told from others.
  private static let marks: Set<String> = ["ASTRO_HOME", "ASTRO_WORKFLOW_ID", "ASTRO_TASK_ID", "ASTRO_ATTEMPT"]

  /// Whom code runs as outside: never root. Root's own runs as a user that has no account and nothing else, each attempt as one
  /// that probably no other has at the time (the range of systemd's DynamicUser=).
  private static func user(of request: ProgramRequest) -> SandboxOrder.User? {
    if let user = request.user { return .init(uid: user.uid, gid: user.gid) }
    guard geteuid() == 0 else { return nil }
    return transientUser(of: "\(request.key.workflow.text)/\(request.key.task)/\(request.key.number)")
  }

  private static func transientUser(of name: String) -> SandboxOrder.User {
    let sum = name.utf8.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
    let number = 61_184 + sum % (65_520 - 61_184)
    return .init(uid: number, gid: number)
  }

  /// What engines go by: nothing of the task's, so that no workflow can steer them.
  private var engineEnvironment: [String: String] {
    let names = [
      "PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_HOST", "DOCKER_CONTEXT",
      "DOCKER_CONFIG", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DBUS_SESSION_BUS_ADDRESS",
    ]
    var values = settings.environment.filter { names.contains($0.key) }
    values["PATH"] = values["PATH"] ?? CommandAgent.defaultPath
    values["HOME"] = values["HOME"] ?? "/"
    values["CONTAINERS_CONF"] = settings.containersConfiguration ?? values["CONTAINERS_CONF"]
    values["SWIFT_BACKTRACE"] = "enable=no"
    return values
  }

  public func read(
    _ end: inout AttemptEnding, _ files: AttemptFiles, promise: AttemptPromise
  ) throws(Failure) {
    if end.outcome == .exited(SandboxRefusal.exitCode), let refusal = SandboxRefusal(leftIn: files.folder) {
      end.outcome = .notStarted(reason: refusal.reason, infrastructure: refusal.infrastructure)
    }
    try CommandAgent.takeOutputs(into: &end, files, promise)
  }

  public func sweep(_ key: AttemptKey) {
    let folder = RunDirectory(key.workflow, in: settings.runs).attempt(key)
    let environment = engineEnvironment
    removers.withLock { removers in
      removers.removeAll { waitpid($0, nil, WNOHANG) != 0 }
      guard SandboxRemains.areLeft(in: folder),
        let pid = SandboxRemains.remove(in: folder, executable: settings.executable, environment: environment)
      else { return }
      removers.append(pid)
    }
  }

  /// How long an engine may take to show that it works.
  private static let patience = Duration.seconds(5)

  public func probe() async -> String? {
    // Trials wait for processes: on a thread of Dispatch's, since those that tasks run on are as few as there are processors.
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: self.look().problem) }
    }
  }

  /// Tries the engines out now; takes up to five seconds.
  public func look() -> EngineReport {
    let user = geteuid() == 0 ? Self.transientUser(of: "trial") : nil
    let trial = EngineTrial(
      settings.rules, executable: settings.executable, environment: engineEnvironment, user: user,
      memory: settings.memory)
    let before = clock.now()
    var found = EngineReport(engine: nil, problem: nil, duration: .zero, timestamp: before.wall)
    let outcome = trial.look(within: Self.patience)
    found.engine = outcome.engine
    if outcome.engine == nil {
      found.problem = "no sandbox engine works: \(outcome.flaws.joined(separator: "; "))"
    } else {
      found.passedOver = outcome.flaws
    }
    found.duration = .microseconds(clock.now().boot - before.boot)
    report.withLock { $0 = found }
    return found
  }
}
