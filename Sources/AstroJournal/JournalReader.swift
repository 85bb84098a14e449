public import AstroCore
import GRDB
import Glibc

/// A read-only view of the journal for the commands that show things. It blocks no writer, and never checkpoints: SQLite
/// cannot take the lock for that on a file opened read-only.
///
/// A reader shares the index of the write-ahead log with the writers, in a file beside it, and makes that file when it is
/// the first. On a full disk or a read-only mount it cannot: then each ``read(_:)`` makes an index of its own, and keeps
/// the writers out for as long (https://sqlite.org/wal.html, "Read-Only Databases" and "Use of WAL Without
/// Shared-Memory").
public final class JournalReader {
  public let path: String
  private let gate: String
  private let view: View

  private enum View {
    case shared(Connection)
    /// Nothing can be made beside the file.
    case own
  }

  /// - Throws: `not_found` where there is no journal yet, `io` for one that may not be read.
  init(dataDirectory: String) throws(Failure) {
    let path = dataDirectory + "/" + JournalFile.name
    let gate = dataDirectory + "/" + JournalFile.gate
    guard access(path, R_OK) == 0 else {
      guard errno == ENOENT else { throw Failure.system(.io, subject: path, "cannot be read") }
      try JournalFile.requireUsable(path)
      throw Self.missing(path)
    }
    do throws(Failure) { try JournalFile.requireUsable(path) } catch {
      // Perhaps somebody was writing to the log while it was looked at.
      try WriteGate.withoutWriters(gate) { () throws(Failure) in try JournalFile.requireUsable(path) }
    }
    self.path = path
    self.gate = gate
    do throws(Failure) {
      view = .shared(try Self.open(path, gate, .reading))
    } catch {
      guard error.code == .io || error.code == .noSpace else { throw error }
      let refusal = error
      do throws(Failure) { try Self.readAlone(path, gate) { _ in } } catch {
        throw error.code == .io ? refusal : error
      }
      view = .own
    }
  }

  deinit { if case .shared(let connection) = view { connection.close() } }

  /// Reads one consistent state.
  public func read<T>(_ body: (Reading) throws -> T) throws(Failure) -> T {
    switch view {
    case .shared(let connection): try connection.transaction(.reading) { try body(Reading(session: $0)) }
    case .own: try Self.readAlone(path, gate, body)
    }
  }

  /// Opened anew each time: an index of its own does not learn what is committed later.
  private static func readAlone<T>(
    _ path: String, _ gate: String, _ body: (Reading) throws -> T
  ) throws(Failure) -> T {
    try WriteGate.withoutWriters(gate) { () throws(Failure) in
      let connection = try open(path, gate, .readingAlone)
      defer { connection.close() }
      return try connection.transaction(.reading) { try body(Reading(session: $0)) }
    }
  }

  private static func open(
    _ path: String, _ gate: String, _ access: Connection.Access
  ) throws(Failure) -> Connection {
    // Before the journal is read: it may have more by then, and never less.
    let commits = CommitCount.noted(at: gate)
    let connection = try Connection(path: path, access: access)
    do throws(Failure) {
      try connection.withoutTransaction { db in
        switch try Schema.inspect(db) {
        case .current: try CommitCount.require(commits, in: db, path: path)
        case .outdated(let version): throw JournalFile.older(version, path: path)
        case .empty:
          try JournalFile.requireNothingToKnow(path, but: "is empty")
          throw missing(path)
        case .newer(let version): throw JournalFile.newer(version, path: path)
        case .foreign: throw JournalFile.foreign(path: path)
        case .damaged(let what): throw Failure.damaged(what, path: path)
        }
      }
    } catch {
      connection.close()
      throw error
    }
    return connection
  }

  private static func missing(_ path: String) -> Failure {
    Failure(.notFound, subject: path, message: "there is no journal yet: nothing has run in this home")
  }
}
