public import AstroCore
import Glibc

/// Files on their way into `spool/`: whole and durable under dot names that every scan ignores, until ``place()`` gives
/// all of them their names. What was not placed is removed when the deposit is let go of; after a crash
/// ``Spool/sweepTemporaries(olderThan:)`` does that.
///
/// It opens `spool/` alone, for users that may write there but not look into its sub-directories.
public final class Deposit {
  private let spool: Directory
  private var prepared: [(temporary: FileName, name: FileName)] = []
  /// What bears its name: after a failed ``place()`` only what a runner had taken already.
  public private(set) var placed: [FileName] = []

  /// - Throws: what kept us from opening the directory.
  public init(into directory: String) throws(Failure) { spool = try Directory(path: directory) }

  deinit { for file in prepared { _ = try? spool.remove(file.temporary) } }

  /// Writes one file, mode 0600 whatever the umask. Root gives it to the owner of the spool, who could not read it
  /// otherwise.
  public func add(_ bytes: [UInt8], as name: FileName) throws(Failure) {
    switch SpoolEntry.Kind(of: name) {
    case .candidate: break
    case .ignored:
      throw Failure(.usage, subject: name.printable, message: "a file of this name would be ignored in the spool")
    case .odd(let reason): throw Failure(.usage, subject: name.printable, message: reason.message)
    }
    let temporary = try spool.writeTemporary(bytes)
    prepared.append((temporary.name, name))
    try handOver(temporary.name)
  }

  /// Names all files, each by one rename that replaces nothing, and makes the names durable. When one cannot be named
  /// those that are, and that no runner has taken yet, are removed again. A crash leaves each file whole or not there.
  public func place() throws(Failure) {
    do throws(Failure) {
      while let file = prepared.first {
        switch try spool.move(file.temporary, to: spool, as: file.name) {
        case .moved: break
        case .targetExists:
          throw Failure(
            .cannotCreate, subject: spool.path(of: file.name), message: "a file of this name is already waiting")
        case .sourceMissing:
          throw .system(spool.path(of: file.temporary), "somebody removed it while it was being named", ENOENT)
        }
        prepared.removeFirst()
        placed.append(file.name)
      }
      try spool.synchronize()
    } catch {
      placed.removeAll { (try? spool.remove($0)) == true }
      throw error
    }
  }

  private func handOver(_ name: FileName) throws(Failure) {
    guard geteuid() == 0 else { return }
    var status = stat()
    guard fstat(spool.descriptor.number, &status) == 0, status.st_uid != 0 else { return }
    let result = name.withCString {
      fchownat(spool.descriptor.number, $0, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
    }
    guard result == 0 else {
      throw .system(spool.path(of: name), "cannot give it to the owner of the spool", errno)
    }
  }
}
