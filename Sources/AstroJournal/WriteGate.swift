import AstroCore
import CLinux
import Glibc

/// The one gate every writer passes: an exclusive flock(2) on a side file, held around each write transaction, each
/// migration and each checkpoint (the one at close included), by every process.
///
/// It keeps two things from happening. SQLite before 3.51.3 can lose commits or damage a WAL database when one
/// connection commits while another checkpoints; behind the gate these never overlap. And SQLite's own lock is taken by
/// polling, which starves the unlucky.
///
/// A flock goes to whoever asks first after it is free, which is who has just given it back. So there is a turnstile before
/// the gate, a flock on the file's directory: who waits at the gate holds it, and who comes out has to wait behind them.
/// Order is all that it is for: of one that does not turn, because who stands in it was stopped, writers go round.
///
/// The kernel drops the locks with the process, so a writer killed inside leaves the gate open.
final class WriteGate {
  let path: String
  private var descriptor: Int32
  private let turnstile: Int32
  /// In boot time: until then the turnstile is gone round.
  private var unturnedUntil: Int64 = 0

  init(path: String, patience: Duration = WriteGate.patience) throws(Failure) {
    self.path = path
    self.patience = patience
    descriptor = try Self.open(path)
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    turnstile = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard turnstile >= 0 else {
      let failure = Failure.system(.io, subject: directory, "cannot open the journal's directory")
      close(descriptor)
      throw failure
    }
  }

  deinit {
    close(descriptor)
    close(turnstile)
  }

  /// How long a writer waits for the others. Transactions take milliseconds: beyond this, whoever is inside has been
  /// stopped, or hangs in the kernel, and waiting on would only make this process deaf as well.
  static let patience = Duration.seconds(10)
  private let patience: Duration
  /// How long a writer waits at the turnstile, and how long it goes round one that did not turn in that time.
  private static let turn = Duration.milliseconds(200)
  private static let detour = Duration.seconds(10)

  /// Runs `body` alone among all processes and connections.
  /// - Throws: `try_later` when another one does not come out again.
  func locked<T>(within limit: Duration? = nil, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    try lock(within: min(limit ?? patience, patience))
    defer { flock(descriptor, LOCK_UN) }
    return try body()
  }

  /// Runs `body` while nobody is inside the gate at `path`, for a reader that cannot see what others write meanwhile. Where
  /// there is no such file, nobody can be.
  static func withoutWriters<T>(_ path: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 || errno == ENOENT else {
      throw Failure.system(.io, subject: path, "cannot open the journal's lock")
    }
    defer { if descriptor >= 0 { close(descriptor) } }
    if descriptor >= 0, clinux_flock_within(descriptor, LOCK_SH, patience.microseconds) != 0 {
      throw errno == EWOULDBLOCK ? stuck(path, patience) : Failure.system(.io, subject: path, "cannot lock the journal")
    }
    return try body()
  }

  /// See ``CommitCount``.
  var notedCommits: Int64 { CommitCount.noted(in: descriptor) }

  /// To be called inside.
  func note(commits: Int64) { CommitCount.note(commits, in: descriptor) }

  private func lock(within patience: Duration) throws(Failure) {
    let deadline = clinux_boot_microseconds() + patience.microseconds
    let isThrough = try turn(within: min(patience, Self.turn))
    defer { if isThrough { flock(turnstile, LOCK_UN) } }
    while true {
      let left = max(0, deadline - clinux_boot_microseconds())
      if clinux_flock_within(descriptor, LOCK_EX, left) == 0 {
        if isCurrent() { return }
        // Someone removed the lock file: a lock on a file without a name excludes nobody who comes after.
        close(descriptor)
        descriptor = -1
        descriptor = try Self.open(path)
      } else if errno == EWOULDBLOCK {
        throw Self.stuck(path, patience)
      } else {
        throw Failure.system(.io, subject: path, "cannot lock the journal")
      }
    }
  }

  private func turn(within limit: Duration) throws(Failure) -> Bool {
    guard clinux_boot_microseconds() >= unturnedUntil else { return false }
    if clinux_flock_within(turnstile, LOCK_EX, limit.microseconds) == 0 { return true }
    guard errno == EWOULDBLOCK else { throw Failure.system(.io, subject: path, "cannot wait at the journal's lock") }
    unturnedUntil = clinux_boot_microseconds() + Self.detour.microseconds
    return false
  }

  private static func stuck(_ path: String, _ patience: Duration) -> Failure {
    Failure(
      .tryLater, subject: path,
      message: "another process has held the journal for \(Notation.spell(patience)); is one of them stopped?")
  }

  /// Whether the open file is still the one others find under the path.
  private func isCurrent() -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_nlink > 0
  }

  private static func open(_ path: String) throws(Failure) -> Int32 {
    // Close-on-exec: a lock inherited by a child would outlive this process and stop every writer.
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure.system(.cannotCreate, subject: path, "cannot open the journal's lock") }
    return descriptor
  }
}
