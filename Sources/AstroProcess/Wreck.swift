public import AstroCore
import Glibc

/// What a dead runner and its warden have left on disk about the commands they were given.
public struct Wreck: Sendable {
  /// A command that was started and whose end is not recorded.
  public struct Command: Sendable, Equatable {
    public let key: AttemptKey
    /// nil when the warden was killed before it could record the pid.
    public fileprivate(set) var identity: ProcessIdentity?
    public let startedAt: Timestamp
    /// Where its output goes; the files may be empty.
    public let stdout: String
    public let stderr: String

    /// The directory of its control group, where it has one and the boot is still the same.
    public let group: String?

    /// Signals its process group, if it is known and still the same process.
    public func signal(_ signo: Int32) {
      if let identity, identity.exists { kill(-identity.pid, signo) }
    }
  }

  public enum WardenState: Sendable, Equatable {
    /// It holds its lock: what is running will be recorded.
    case alive(ProcessIdentity?)
    case dead
  }

  /// What a successor knows of one attempt that the journal calls started.
  public enum Verdict: Sendable, Equatable {
    case ended(ExitRecord)
    case refused(reason: String, infrastructure: Bool)
    /// It runs, and its warden will record the end.
    case running(Command)
    /// It was never started and never will be: it is forgotten, and the task decided on anew.
    case neverStarted
    /// The warden may still be reading what the runner sent: ask again when the log grows.
    case undecided
    /// Nobody knows how it ended, or whether it has: kill what is left of it before anything is tried again. The
    /// command is nil when not even its start is on record.
    case lost(Command?)
  }

  /// In which home the commands were started.
  public enum Origin: Sendable, Equatable {
    /// In this one, when `ASTRO_HOME` was that; it may have been moved since.
    case here(path: String)
    /// In one of which this is a copy, in this boot: it may go on there, and none of its processes is ours.
    case original
    /// No file tells, or it was in an earlier boot, of which no process is left.
    case unknown
  }

  public let files: RunnerFiles
  public let origin: Origin
  public private(set) var ended: [AttemptKey: ExitRecord] = [:]
  public private(set) var refused: [AttemptKey: (reason: String, infrastructure: Bool)] = [:]
  /// Started by the last warden and without an end. They run when `warden` is alive, and are lost when it is dead.
  public private(set) var running: [AttemptKey: Command] = [:]
  /// Started by a warden that died before the last one came, and without an end.
  public private(set) var lost: [AttemptKey: Command] = [:]
  public private(set) var warden: WardenState
  /// The last warden has handled everything its runner ever sent.
  public private(set) var closed = false

  /// The boot in which runner and warden lived; nil when no file tells.
  private let bootID: String?
  /// A warden has taken its lock. It writes the header of the log right after.
  private let hadWarden: Bool
  private var wardenIdentity: ProcessIdentity?
  private(set) var reader: ExitLogReader

  /// Where its log is damaged, so that nobody knows what it tells of the rest.
  public var damage: Failure? { reader.damage }

  /// Reads the exit log and tests the warden's lock. To be called by whoever holds the lock of that runner, or by the
  /// runner itself after its warden died. A half-written last record is ignored; ``damage`` tells of others.
  public static func survey(dataDirectory: String, runnerID: String) throws(Failure) -> Wreck {
    let files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: runnerID)
    // First the lock, then the log: a warden that dies in between has recorded everything it ever will.
    let warden = try LockedFile.inspect(files.warden)
    let runner = try LockedFile.inspect(files.lock)
    let wardenIdentity = (warden?.content).flatMap { OwnerLine(parsing: $0) }?.identity
    let runnerIdentity = (runner?.content).flatMap { OwnerLine(parsing: $0) }?.identity
    let bootID = (wardenIdentity ?? runnerIdentity)?.bootID
    var wreck = Wreck(
      files: files, origin: origin(of: runner?.content ?? "", files, bootID),
      warden: warden?.held == true ? .alive(wardenIdentity) : .dead, hadWarden: warden != nil, bootID: bootID)
    try wreck.refresh()
    return wreck
  }

  private static func origin(of lock: String, _ files: RunnerFiles, _ bootID: String?) -> Origin {
    // A device may have another number in the next boot, which makes no copy of the home.
    guard let mark = HomeMark(parsing: lock), bootID != nil, bootID == ProcessIdentity.currentBootID() else {
      return .unknown
    }
    return mark.isOf(dataDirectory: files.dataDirectory) ? .here(path: mark.path) : .original
  }

  private init(files: RunnerFiles, origin: Origin, warden: WardenState, hadWarden: Bool, bootID: String?) {
    self.files = files
    self.origin = origin
    self.warden = warden
    self.hadWarden = hadWarden
    self.bootID = bootID
    reader = ExitLogReader(path: files.exits)
  }

  /// Takes in what the log has gained; the changes, in order.
  @discardableResult
  mutating func refresh() throws(Failure) -> [ExitLogRecord] {
    let records = try reader.next()
    for record in records { take(record) }
    return records
  }

  mutating func wardenDied() { warden = .dead }

  /// What is known of `key`, which the journal says was about to be started by this runner.
  public func verdict(_ key: AttemptKey) -> Verdict {
    if let record = ended[key] { return .ended(record) }
    if let refusal = refused[key] {
      return .refused(reason: refusal.reason, infrastructure: refusal.infrastructure)
    }
    if let command = lost[key] { return .lost(proper(command)) }
    // A record that cannot be read may be the one that is missed.
    if damage != nil { return .lost(running[key].map(proper)) }
    switch (warden, running[key]) {
    case (.alive, let command?): return .running(command)
    case (.dead, let command?): return .lost(proper(command))
    case (.alive, nil): return closed ? .neverStarted : .undecided
    case (.dead, nil):
      // A power cut may have taken the start record with it, and a copy may have been made before it was written: only in
      // the same boot and home does its absence prove anything.
      guard case .here = origin, !reader.endsTorn else { return .lost(nil) }
      // Where there was a warden, a log without its header has been emptied or removed.
      return reader.isHeaded || !hadWarden ? .neverStarted : .lost(nil)
    }
  }

  /// Without the number of its process, where that may be another home's.
  private func proper(_ command: Command) -> Command {
    if case .here = origin { return command }
    var command = command
    command.identity = nil
    return command
  }

  private mutating func take(_ record: ExitLogRecord) {
    switch record {
    case .warden(let identity):
      lost.merge(running) { _, newer in newer }
      running = [:]
      closed = false
      wardenIdentity = identity
    case .start(let key, let at, let stdout, let stderr, let group):
      forget(key)  // The same attempt again: only its last start counts.
      running[key] = Command(
        key: key, identity: nil, startedAt: at, stdout: files.scratch(stdout), stderr: files.scratch(stderr),
        group: isOwn(group) ? group : nil)
    case .pid(let key, let pid, let startTime):
      running[key]?.identity = wardenIdentity.map {
        ProcessIdentity(pid: pid, startTime: startTime, bootID: $0.bootID)
      }
    case .exit(let record):
      forget(record.key)
      ended[record.key] = files.resolving(record)
    case .refused(let key, let reason, let infrastructure):
      // A second request for a running attempt is refused without ending the first.
      guard running[key]?.identity == nil else { return }
      forget(key)
      refused[key] = (reason, infrastructure)
    case .closed: closed = true
    case .withdrawn, .failed: break  // Never in a file: the reader refuses it.
    }
  }

  /// A damaged log must not point at anybody else's group.
  private func isOwn(_ group: String?) -> Bool {
    group?.contains("/\(files.groupName)/") == true && wardenIdentity?.bootID == ProcessIdentity.currentBootID()
  }

  private mutating func forget(_ key: AttemptKey) {
    ended[key] = nil
    refused[key] = nil
    running[key] = nil
    lost[key] = nil
  }
}
