public import AstroCore
public import AstroProcess
import Glibc

/// Runs local commands through a ``Launcher``. All agents of type `command` share one: their ids are only slots. Every
/// start handed to it is in the journal already; every end comes back as an ``AttemptEnding``, at once from ``start(_:)``
/// or later through the launcher's events.
public final class CommandAgent {
  private let launcher: any Launcher
  private let runs: String
  private let home: String
  private let clock: any AstroCore.Clock
  private let inherited: [(name: String, value: String)]
  private let path: String
  private let secrets: SecretReader

  /// Where programs are looked for when the runner itself has no `PATH`.
  public static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// - Parameters:
  ///   - runs: `data/runs`.
  ///   - environment: the runner's own; only `PATH HOME LANG TZ` are passed on, and what is a secret to tasks that name it.
  public init(
    launcher: any Launcher, home: String, runs: String, clock: any AstroCore.Clock, environment: [String: String]
  ) {
    self.launcher = launcher
    self.home = home
    self.runs = runs
    self.clock = clock
    path = environment["PATH"] ?? Self.defaultPath
    secrets = SecretReader(environment: environment, home: home)
    inherited =
      [("PATH", path), ("HOME", environment["HOME"] ?? "/"), ("LANG", environment["LANG"] ?? "C.UTF-8")]
      + [("TZ", environment["TZ"] ?? ":/etc/localtime")]
  }

  /// Why no command can run on this machine now, in one sentence; `nil` when they can.
  public static var problem: String? {
    access("/bin/sh", X_OK) == 0 ? nil : "/bin/sh cannot be executed: \(String(cString: strerror(errno)))"
  }

  /// Starts attempts: now, or those marked held at the next ends of attempts that run.
  /// - Parameter submitter: whose file a run is; asked for those with secrets only.
  /// - Returns: the ends of those that could not be started.
  public func start(
    _ starts: [(start: AttemptStart, isHeld: Bool)], submitter: (WorkflowID) -> Submitter
  ) -> [AttemptEnding] {
    var requests: [StartRequest] = []
    var endings: [AttemptEnding] = []
    var accounts = Accounts()
    for (start, isHeld) in starts {
      switch request(for: start, &accounts, submitter) {
      case .success(var request):
        request.isHeld = isHeld
        requests.append(request)
      case .failure(let problem):
        endings.append(
          ending(start.key, .notStarted(reason: problem.message, infrastructure: problem.infrastructure)))
      }
    }
    do throws(Failure) {
      try launcher.start(requests)
    } catch {
      let reason = "the launcher failed: \(error)"
      endings += requests.map { ending($0.key, .notStarted(reason: reason, infrastructure: true)) }
    }
    return endings
  }

  // A launcher that is gone has nothing left to start or to signal; its end comes as an event of its own.

  /// Starts a held attempt now.
  public func release(_ key: AttemptKey) { try? launcher.release(key) }
  /// Takes a held attempt back, if it has not begun.
  public func withdraw(_ key: AttemptKey) { try? launcher.withdraw(key) }

  /// Asks an attempt to end. One that has ended already is no error.
  public func signal(_ key: AttemptKey, _ signal: TerminationSignal) {
    try? launcher.signal(key, signal == .kill ? SIGKILL : SIGTERM)
  }

  /// Turns what the launcher saw into the attempt's end: keeps what was printed, reads the outputs.
  public static func ending(
    of record: ExitRecord, promise: AttemptPromise, runs: String
  ) throws(Failure) -> AttemptEnding {
    let files = AttemptFiles(record.key, runs: runs)
    let obstacles = [
      try record.stdout.flatMap { scratch throws(Failure) in try files.keep(scratch, as: "stdout") },
      try record.stderr.flatMap { scratch throws(Failure) in try files.keep(scratch, as: "stderr") },
    ]
    var end = AttemptEnding(
      key: record.key, outcome: record.outcome(limit: promise.memory), startedAt: record.startedAt,
      finishedAt: record.finishedAt, duration: record.duration, usage: record.usage, omitted: record.omitted)
    guard end.outcome.isSuccess else { return end }
    if let obstacle = obstacles.compactMap({ $0 }).first {
      end.outcome = .invalidOutput(obstacle)
      return end
    }
    switch try files.outputs(promised: promise.outputs) {
    case .success(let outputs):
      end.outputs = outputs
      if promise.keepsStdout { end.stdout = try files.stdoutText() }
    case .failure(let malformed): end.outcome = .invalidOutput(malformed.message)
    }
    return end
  }

  private func ending(_ key: AttemptKey, _ outcome: AttemptOutcome) -> AttemptEnding {
    let now = clock.now().wall
    return AttemptEnding(key: key, outcome: outcome, startedAt: now, finishedAt: now, duration: .zero)
  }

  private struct Unstartable: Error {
    let message: String
    var infrastructure = false
  }

  private func request(
    for start: AttemptStart, _ accounts: inout Accounts, _ submitter: (WorkflowID) -> Submitter
  ) -> Result<StartRequest, Unstartable> {
    var confinement = Confinement()
    (confinement.memory, confinement.cpus) = (start.resources.memory, start.resources.cpus)
    confinement.processes = start.resources.processes
    var ownHome: String?
    switch accounts.answer(for: start.user) {
    case .own: break
    case .none(let reason): return .failure(Unstartable(message: reason))
    case .other(let account):
      confinement.user = account.numbers
      ownHome = account.home
      do throws(Failure) { try AttemptFiles(start.key, runs: runs).give(to: account.numbers, runs: runs) } catch {
        return .failure(Unstartable(message: error.description, infrastructure: error.errno != EDQUOT))
      }
    }
    let directory = RunDirectory(start.key.workflow, in: runs)
    var values: [String: String] = [:]
    for (name, value) in inherited { values[name] = value }
    values["HOME"] = ownHome ?? values["HOME"]
    for (name, value) in start.environment { values[name] = value }
    values["ASTRO_HOME"] = home
    values["ASTRO_WORKFLOW_ID"] = start.key.workflow.text
    values["ASTRO_TASK_ID"] = start.key.task
    values["ASTRO_ATTEMPT"] = String(start.key.number)
    values["ASTRO_IDEMPOTENCY_KEY"] = "\(start.key.workflow.text)/\(start.key.task)"
    values["ASTRO_RUN_DIR"] = directory.files
    values["ASTRO_OUTPUT"] = directory.output(of: start.key)
    var masking: Masking?
    if !start.secretEnvironment.isEmpty {
      let submitter = submitter(start.key.workflow)
      var known: [String] = []
      do throws(SecretReader.Unavailable) {
        for variable in start.secretEnvironment {
          values[variable.name] = try text(of: variable, for: submitter, secrets: &known)
        }
      } catch {
        return .failure(Unstartable(message: error.message))
      }
      masking = Masking(secrets: known, outputFile: directory.output(of: start.key))
    }
    guard case .process(var arguments) = start.work, !arguments.isEmpty else {
      return .failure(Unstartable(message: "there is no command"))
    }
    var workdir = directory.files
    if let given = start.workdir, !given.isEmpty { workdir = given.hasPrefix("/") ? given : "\(workdir)/\(given)" }
    // As another user it is looked up by whoever becomes that: we may see more than the user may be told of.
    if confinement.user == nil {
      guard let program = Self.resolve(arguments[0], path: values["PATH"] ?? path, from: workdir) else {
        return .failure(Unstartable(message: "no such program: '\(arguments[0])' is not in PATH"))
      }
      arguments[0] = program
    }
    var request = StartRequest(
      key: start.key, arguments: arguments, environment: values.map { "\($0.key)=\($0.value)" }, workdir: workdir)
    request.confinement = confinement
    request.masking = masking
    return .success(request)
  }

  private func text(
    of variable: SecretVariable, for submitter: Submitter, secrets known: inout [String]
  ) throws(SecretReader.Unavailable) -> String {
    var text = ""
    for part in variable.parts {
      switch part {
      case .text(let plain): text += plain
      case .secret(let plan):
        let value = try secrets.value(of: plan, for: submitter)
        if !known.contains(value) { known.append(value) }
        text += value
      }
    }
    return text
  }

  /// Looks a bare name up as execvp(3) does in the command's own directory; a name with a slash is taken as it is.
  public static func resolve(_ name: String, path: String, from workdir: String) -> String? {
    if name.utf8.contains(UInt8(ascii: "/")) { return name }
    for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
      let candidate =
        folder.hasPrefix("/") ? "\(folder)/\(name)" : "\(workdir)/\(folder.isEmpty ? "." : folder)/\(name)"
      var status = stat()
      if access(candidate, X_OK) == 0, stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
        return candidate
      }
    }
    return nil
  }
}

extension ExitRecord {
  /// Success stays success: a child that was killed need not have been missed.
  fileprivate func outcome(limit: Int64?) -> AttemptOutcome {
    guard ranOutOfMemory, status != .exited(0) else { return status.outcome }
    let bound = limit.map { ": limit \(Notation.spell(bytes: $0))" } ?? ""
    return .outOfMemory("out of memory\(bound)", status)
  }
}

extension WaitStatus {
  fileprivate var outcome: AttemptOutcome {
    switch self {
    case .exited(let code): .exited(code)
    case .signalled(let number): .signalled(number)
    }
  }
}
