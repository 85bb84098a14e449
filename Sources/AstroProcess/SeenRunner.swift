public import AstroCore

/// A runner as its lock file shows it to a passer-by.
public struct SeenRunner: Sendable, Equatable {
  public enum State: Sendable, Equatable {
    case working(pid: Int32)
    /// By a signal, or by a debugger: it keeps what it owns, and does nothing until it is let go on (SIGCONT).
    case stopped(pid: Int32)
    /// Its lock is held, but no process that can be seen from here is its owner: it works in another PID namespace, or
    /// it is dead and another runner watches what it had started.
    case unseen
    /// Gone. Its runs are taken over by the next runner.
    case dead
  }

  public let id: String
  public let state: State

  /// Whether somebody looks after what it owns.
  public var isAlive: Bool { state != .dead }
}

extension RunnerLock {
  /// What has become of runner `id`. The lock itself is only tried, for a moment and shared, when its owner cannot be
  /// seen: a runner that wanted to adopt the dead one just then tries again at its next rescan.
  public static func look(dataDirectory: String, id: String) throws(Failure) -> SeenRunner {
    let files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: id)
    guard let bytes = Descriptor(opening: files.lock, 0)?.readAll() else { return SeenRunner(id: id, state: .dead) }
    let content = String(decoding: bytes, as: UTF8.self)
    // In a copy of a home the file names a runner of the other one.
    let isHere = HomeMark(parsing: content)?.isOf(dataDirectory: dataDirectory) == true
    if isHere, let owner = OwnerLine(parsing: content)?.identity, let status = owner.status, !status.isZombie {
      return SeenRunner(id: id, state: status.isStopped ? .stopped(pid: owner.pid) : .working(pid: owner.pid))
    }
    let isHeld = try LockedFile.inspect(files.lock)?.held ?? false
    return SeenRunner(id: id, state: isHeld ? .unseen : .dead)
  }
}
