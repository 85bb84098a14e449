public import AstroCore
public import AstroProcess
import Glibc

/// Runs local commands through a ``Launcher``. All agents of type `command` share one: their ids are only slots; those that are
/// programs of their own are asked what to start. Every start handed to it is in the journal already; every end comes back as an ``AttemptEnding``, at once from ``start(_:)``
/// or later through the launcher's events.
public final class CommandAgent {
  let launcher: any Launcher
  let runs: String
  let home: String
  private let clock: any AstroCore.Clock
  let inherited: [(name: String, value: String)]
  let path: String
  let secrets: SecretReader
  /// The agents that are told in `with:` what to do, by id.
  public var programs: [String: any ProgramAgent] = [:]

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
      do throws(Unstartable) {
        var request = try request(for: start, &accounts, submitter)
        request.isHeld = isHeld
        requests.append(request)
      } catch {
        endings.append(ending(start.key, .notStarted(reason: error.message, infrastructure: error.infrastructure)))
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
  /// - Parameter agent: the agent's id, where that is a program of its own that knows how to read what it left.
  public func ending(
    of record: ExitRecord, promise: AttemptPromise, by agent: String?
  ) throws(Failure) -> AttemptEnding {
    guard let agent else { return try Self.ending(of: record, promise: promise, runs: runs) }
    let files = AttemptFiles(record.key, runs: runs)
    var end = try Self.keeping(record, promise, files)
    guard let program = programs[agent] else {
      if end.outcome.isSuccess { end.outcome = .invalidOutput("agent '\(agent)' is gone: nobody can read its result") }
      return end
    }
    program.sweep(record.key)
    // What could not be kept is not there to be read.
    if case .invalidOutput = end.outcome { return end }
    if end.outcome.isSuccess, promise.keepsStdout { end.stdout = try files.stdoutText() }
    try program.read(&end, files, promise: promise)
    return end
  }

  /// Removes what an attempt that is lost may have left besides processes.
  public func sweep(_ key: AttemptKey, by agent: String?) { agent.flatMap { programs[$0] }?.sweep(key) }

  /// The same of a command.
  public static func ending(
    of record: ExitRecord, promise: AttemptPromise, runs: String
  ) throws(Failure) -> AttemptEnding {
    let files = AttemptFiles(record.key, runs: runs)
    var end = try keeping(record, promise, files)
    try takeOutputs(into: &end, files, promise)
    return end
  }

  private static func keeping(
    _ record: ExitRecord, _ promise: AttemptPromise, _ files: AttemptFiles
  ) throws(Failure) -> AttemptEnding {
    let obstacles = [
      try record.stdout.flatMap { scratch throws(Failure) in try files.keep(scratch, as: "stdout") },
      try record.stderr.flatMap { scratch throws(Failure) in try files.keep(scratch, as: "stderr") },
    ]
    var end = AttemptEnding(
      key: record.key, outcome: record.outcome(limit: promise.memory), startedAt: record.startedAt,
      finishedAt: record.finishedAt, duration: record.duration, usage: record.usage, omitted: record.omitted)
    if end.outcome.isSuccess, let obstacle = obstacles.compactMap({ $0 }).first {
      end.outcome = .invalidOutput(obstacle)
    }
    return end
  }

  /// What a command that succeeded wrote to `$ASTRO_OUTPUT`.
  static func takeOutputs(
    into end: inout AttemptEnding, _ files: AttemptFiles, _ promise: AttemptPromise
  ) throws(Failure) {
    guard end.outcome.isSuccess else { return }
    switch try files.outputs(promised: promise.outputs) {
    case .success(let outputs):
      end.outputs = outputs
      if promise.keepsStdout { end.stdout = try files.stdoutText() }
    case .failure(let malformed): end.outcome = .invalidOutput(malformed.message)
    }
  }

  private func ending(_ key: AttemptKey, _ outcome: AttemptOutcome) -> AttemptEnding {
    let now = clock.now().wall
    return AttemptEnding(key: key, outcome: outcome, startedAt: now, finishedAt: now, duration: .zero)
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
