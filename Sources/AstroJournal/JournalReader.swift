public import AstroCore
import GRDB
import Glibc

/// A read-only view of the journal for the commands that show things. It needs no gate, blocks no writer, and never
/// checkpoints: SQLite cannot take the lock for that on a file opened read-only.
public final class JournalReader {
  public let path: String
  private let connection: Connection

  init(dataDirectory: String) throws(Failure) {
    path = dataDirectory + "/" + JournalFile.name
    guard access(path, F_OK) == 0 || errno != ENOENT else { throw Self.missing(path) }
    connection = try Connection(path: path, access: .reading)
    let path = path
    try connection.withoutTransaction { db in
      switch try Schema.inspect(db) {
      case .current: break
      case .empty, .outdated: throw Self.missing(path)
      case .newer(let version): throw JournalFile.newer(version, path: path)
      case .foreign: throw JournalFile.foreign(path: path)
      }
    }
  }

  deinit { connection.close() }

  /// Reads one consistent state.
  public func read<T>(_ body: (Reading) throws -> T) throws(Failure) -> T {
    try connection.transaction(.reading) { try body(Reading(session: $0)) }
  }

  private static func missing(_ path: String) -> Failure {
    Failure(.notFound, subject: path, message: "there is no journal yet: nothing has run in this home")
  }
}
