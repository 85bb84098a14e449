public import AstroCore
import Glibc

/// The directories of runs, `data/runs`, for whoever clears them away. All in it goes through one open descriptor.
public final class RunDirectories {
  private let directory: Directory
  private static let prefix: StaticString = ".removed-"

  /// What lies in `data/runs`.
  public struct Entry: Sendable, Equatable {
    public var name: FileName
    /// The run it belongs to, when the name is one that we mint.
    public var run: WorkflowID?
  }

  /// - Parameter path: `data/runs`.
  /// - Throws: `not_found` when there is none.
  public init(path: String) throws(Failure) { directory = try Directory(path: path) }

  /// Everything but what is being removed, in the order the file system has it. Asks for names alone.
  public func list() throws(Failure) -> [Entry] {
    var entries: [Entry] = []
    try directory.visit { (name, _) throws(Failure) in
      guard !name.starts(with: Self.prefix) else { return .goOn }
      entries.append(Entry(name: name, run: WorkflowID(minted: String(decoding: name.bytes, as: UTF8.self))))
      return .goOn
    }
    return entries
  }

  /// When something was last made or removed in an entry; `nil` when it is gone.
  public func modifiedAt(_ name: FileName) throws(Failure) -> Timestamp? { try directory.status(of: name)?.modifiedAt }

  public func modifiedAt(_ id: WorkflowID) throws(Failure) -> Timestamp? { try modifiedAt(FileName(minted: id.text)) }

  /// Whether a run's directory is as admission makes it before the run has a row, and nothing has come into it since.
  public func isBare(_ id: WorkflowID) -> Bool {
    let files = FileName(minted: "files")
    guard let run = try? Directory(existing: FileName(minted: id.text), in: directory) else { return false }
    var isBare = true
    do throws(Failure) {
      try run.visit { (entry, _) throws(Failure) in
        isBare = entry == files
        return isBare ? .goOn : .stop
      }
      guard isBare, try run.status(of: files) != nil else { return isBare }
      try Directory(existing: files, in: run).visit { (_, _) throws(Failure) in
        isBare = false
        return .stop
      }
      return isBare
    } catch { return false }
  }

  /// Takes a run's directory out of sight, whatever size it has, with one rename(2); ``sweep(atMost:_:)`` removes it. A crash
  /// in between leaves it under a name that no run has, for the next sweep. One that is gone already is fine.
  public func discard(_ id: WorkflowID) throws(Failure) {
    let name = FileName(minted: id.text)
    let target = FileName(minted: "\(Self.prefix)\(id.text)-\(UInt32.random(in: .min ... .max))")
    do throws(Failure) {
      _ = try directory.replace(name, to: directory, as: target)
    } catch  where error.errno == EBUSY || error.errno == EXDEV {
      throw Failure(
        .io, subject: directory.path(of: name), message: "is a mount point and stays", errno: error.errno,
        reason: error.reason)
    }
  }

  /// Removes what ``discard(_:)`` put aside, about `budget` names of it at most.
  /// - Returns: whether nothing is left to do.
  public func sweep(atMost budget: Int = .max, _ removed: inout Removed) throws(Failure) -> Bool {
    var waiting: [FileName] = []
    try directory.visit { (name, _) throws(Failure) in
      if name.starts(with: Self.prefix) { waiting.append(name) }
      return .goOn
    }
    let limit = budget == .max ? Int.max : removed.names + budget
    for name in waiting {
      guard removed.names < limit else { return false }
      guard try sweep(name, atMost: limit - removed.names, &removed) else { return false }
    }
    return true
  }

  private func sweep(_ name: FileName, atMost budget: Int, _ removed: inout Removed) throws(Failure) -> Bool {
    var status = stat()
    guard name.withCString({ fstatat(directory.descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      return true
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      _ = try directory.remove(name)
      removed.names += 1
      return true
    }
    if status.st_mode & 0o700 != 0o700 {
      _ = name.withCString { fchmodat(directory.descriptor.number, $0, 0o700, AT_SYMLINK_NOFOLLOW) }
    }
    let tree: Directory
    do throws(Failure) { tree = try Directory(existing: name, in: directory) } catch {
      removed.leave(error)
      return true
    }
    guard try tree.empty(atMost: budget, &removed) else { return false }
    if name.withCString({ unlinkat(directory.descriptor.number, $0, AT_REMOVEDIR) }) == 0 { removed.names += 1 }
    return true
  }
}
