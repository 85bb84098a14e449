public import AstroCore
import Glibc

/// Puts a new journal into the place of a damaged one, while nobody else writes. What was there is kept in
/// `data/damaged/<time>/`.
///
/// In order, each step durable before the next: the new journal is complete as `astro.sqlite.rebuilt`; a mark,
/// `rebuild.pending`, names the directory for the old one; every part of the old one is renamed into that; the new one is
/// renamed into place; the mark is removed. A crash before the mark has changed nothing. After it nobody opens the journal,
/// and whoever rebuilds next does what is left: while the new journal has its first name, whatever bears the journal's is
/// old.
public final class JournalReplacement {
  private let data: String
  private let path: String
  private let bootID: String
  private let clock: any AstroCore.Clock
  /// How many commits the journal must have.
  private let notedCommits: Int64
  private var draft: String { path + ".rebuilt" }
  private var mark: String { JournalFile.pendingMark(beside: path) }

  private init(data: String, bootID: String, clock: any AstroCore.Clock, notedCommits: Int64) {
    self.data = data
    path = data + "/" + JournalFile.name
    self.bootID = bootID
    self.clock = clock
    self.notedCommits = notedCommits
  }

  /// Holds the write gate while `body` runs.
  /// - Throws: `try_later` when another process does not leave it.
  public static func begin<T>(
    dataDirectory: String, bootID: String, clock: any AstroCore.Clock,
    _ body: (JournalReplacement) throws(Failure) -> T
  ) throws(Failure) -> T {
    let gate = try WriteGate(path: dataDirectory + "/" + JournalFile.gate)
    return try gate.locked { () throws(Failure) in
      try body(
        JournalReplacement(data: dataDirectory, bootID: bootID, clock: clock, notedCommits: gate.notedCommits))
    }
  }

  /// What is wrong with the journal, in one sentence; `nil` when it is sound, or there is none and need not be.
  ///
  /// Everything is looked at: each page, and whether each row is one that this version can have written.
  /// - Throws: `journal` for one of a newer version, `io` for one that cannot be read now.
  public func flaw() throws(Failure) -> String? {
    do throws(Failure) {
      // Not through the gate, which is held.
      try JournalFile.requireUsable(path)
      guard let connection = try openReading() else { return nil }
      defer { connection.close() }
      return try connection.transaction(.reading) { session -> String? in
        switch try Schema.inspect(session.db) {
        case .current: try CommitCount.require(notedCommits, in: session.db, path: path)
        case .outdated(let version): throw JournalFile.older(version, path: path)
        case .empty:
          try JournalFile.requireNothingToKnow(path, but: "is empty")
          return nil
        case .newer(let version): throw JournalFile.newer(version, path: path)
        case .foreign: throw JournalFile.foreign(path: path)
        case .damaged(let what): throw Failure.damaged(what, path: path)
        }
        let reading = Reading(session: session)
        if let first = try reading.damage().first { throw Failure.damaged(first, path: path) }
        try reading.requireReadable()
        return nil
      }
    } catch {
      guard error.code == .journalDamaged else { throw error }
      return error.message.split(separator: ";").first.map { String($0) } ?? error.message
    }
  }

  /// `nil` when there is nothing in it: SQLite would remove the log of an empty file.
  private func openReading() throws(Failure) -> Connection? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_size > 0 else { return nil }
    return try Connection(path: path, access: .reading)
  }

  /// Whether it has all commits that were made, as far as its log and their count tell.
  public var hasAllCommits: Bool {
    guard (try? WriteAheadLog.damage(at: path + "-wal")) == .some(nil) else { return false }
    guard notedCommits > 0 else { return true }
    do throws(Failure) {
      guard let connection = try openReading() else { return false }
      defer { connection.close() }
      try connection.withoutTransaction { try CommitCount.require(notedCommits, in: $0, path: path) }
      return true
    } catch { return false }
  }

  /// The directory that a replacement which did not come to its end moves the old journal to; `nil` when none was begun.
  public var pending: String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(mark, &target, target.count)
    return count > 0 ? "\(data)/\(String(decoding: target[..<count], as: UTF8.self))" : nil
  }

  /// Makes the new journal, whole and durable, under its first name. A crash, or an error, leaves nothing but a file that
  /// the next draft replaces.
  public func draft(_ fill: (Transaction) throws -> Void) throws(Failure) {
    removeDraft()
    do throws(Failure) {
      try JournalFile.create(draft)
      let connection = try Connection(path: draft, access: .writing)
      defer { connection.close() }
      try connection.withoutTransaction { try Schema.migrate($0, from: 0) }
      try connection.transaction(.writing) { session in
        let transaction = Transaction(session: session, now: clock.now(), bootID: bootID, upkeep: .done)
        try fill(transaction)
        try transaction.writeCharged()
        let counted = try transaction.reading.meta(CommitCount.key).flatMap { Int64($0) } ?? 0
        try transaction.set(meta: CommitCount.key, to: String(max(counted, notedCommits)))
      }
      try synchronize(data)
    } catch {
      removeDraft()
      throw error
    }
  }

  /// Puts the draft into place.
  /// - Parameter report: what is kept beside the old journal, as `report.json`.
  /// - Returns: the directory that holds the old one.
  public func place(report: [UInt8]) throws(Failure) -> String {
    let name = "damaged/\(clock.now().wall.compact)"
    var suffix = ""
    for path in [data + "/damaged", "\(data)/\(name)"] where mkdir(path, 0o700) != 0 {
      guard errno == EEXIST else { throw .system(.cannotCreate, subject: path, "cannot make the directory") }
      if path.hasSuffix(name) { suffix = "-\(getpid())" }
    }
    let directory = "\(data)/\(name)\(suffix)"
    if !suffix.isEmpty, mkdir(directory, 0o700) != 0 {
      throw .system(.cannotCreate, subject: directory, "cannot make the directory")
    }
    try keep(report, as: directory + "/report.json")
    for path in [directory, data + "/damaged"] { try synchronize(path) }
    // A link is made whole: there is no mark that says nothing.
    guard symlink(name + suffix, mark) == 0 else { throw .system(.cannotCreate, subject: mark, "cannot be made") }
    try synchronize(data)
    try finish(to: directory)
    return directory
  }

  /// Does what is left of a replacement: see the type. Repeating it is harmless.
  public func finish(to directory: String) throws(Failure) {
    if JournalFile.Identity(of: draft) != nil {
      for part in JournalFile.parts where rename("\(data)/\(part)", "\(directory)/\(part)") != 0 && errno != ENOENT {
        throw .system(.io, subject: "\(data)/\(part)", "cannot be moved to \(directory)")
      }
      try synchronize(directory)
      try synchronize(data)
      guard rename(draft, path) == 0 else { throw .system(.io, subject: draft, "cannot be renamed to \(path)") }
      try synchronize(data)
    }
    guard unlink(mark) == 0 || errno == ENOENT else { throw .system(.io, subject: mark, "cannot be removed") }
    try synchronize(data)
  }

  private func removeDraft() { for suffix in ["", "-journal", "-wal", "-shm"] { unlink(draft + suffix) } }

  private func keep(_ bytes: [UInt8], as path: String) throws(Failure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system(.cannotCreate, subject: path, "cannot be made") }
    defer { close(descriptor) }
    let count = write(descriptor, bytes, bytes.count)
    if count >= 0, count < bytes.count { errno = ENOSPC }
    guard count == bytes.count, fsync(descriptor) == 0 else { throw .system(.io, subject: path, "cannot be written") }
  }

  private func synchronize(_ directory: String) throws(Failure) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(.io, subject: directory, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system(.notDurable, subject: directory, "cannot make it durable") }
  }
}
