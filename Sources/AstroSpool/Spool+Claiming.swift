public import AstroCore
import Glibc

/// What came of trying to take a file out of the spool.
public enum ClaimResult: Sendable, Equatable {
  /// It is ours, in `active/`.
  case claimed
  /// Another runner was faster, or its owner took it back.
  case taken
  /// It is not what was looked at any more: it waits in the spool again, under the name given here, to be looked at
  /// anew.
  case changed(name: FileName)
  /// This file cannot be moved, others can: it is immutable, a mount point, somebody else's in a sticky
  /// directory.
  case stuck(Failure)
  /// No file can be moved: the spool is read-only, or full.
  case blocked(Failure)
}

extension Spool {
  /// Takes a candidate out of the spool: it becomes `active/<id>.yaml` (or `.json`, `.jsonl`). The candidate is closed, whatever
  /// the result; its bytes stay.
  ///
  /// The bytes are made durable first. The rename is atomic, so a crash leaves the file either waiting or in `active/`,
  /// where the next start finds it (``activeFiles()``). Claims of a batch become durable by ``syncDirectories()``.
  public func claim(_ candidate: Candidate, as id: WorkflowID) throws(Failure) -> ClaimResult {
    defer { candidate.close() }
    try candidate.synchronize()
    let target = candidate.format.fileName(of: id)
    return try take(candidate.name, as: target) { status in
      // Between look and rename the name may have come to mean another file, and without a lease this one may have been
      // written to. A broken lease is a writer that waits in open(2) right now.
      status.identity.hasSameContent(as: candidate.identity) && status.links == 1 && candidate.isUndisturbed
    }
  }

  /// Takes something that was refused, whatever it is and unopened. It bears its own name after the run's in `active/`
  /// until ``settle(_:)`` puts it into `rejected/`: after a crash before its row ``giveBack(_:as:)`` knows where it belongs.
  public func claim(_ name: FileName, _ refusal: Refusal, as id: WorkflowID) throws(Failure) -> ClaimResult {
    // A good file may have replaced the bad one since the look.
    try take(name, as: .refused(name, as: id)) { $0.identity.hasSameContent(as: refusal.identity) }
  }

  /// Makes all claims so far durable: fsync of `spool/` and `active/`. Once a batch, before the journal commits it.
  public func syncDirectories() throws(Failure) {
    try places.active.synchronize()
    try places.spool.synchronize()
  }

  private func take(
    _ name: FileName, as target: FileName, isMeant: (FileStatus) -> Bool
  ) throws(Failure) -> ClaimResult {
    do throws(Failure) {
      switch try places.spool.move(name, to: places.active, as: target) {
      case .moved: break
      case .sourceMissing: return .taken
      case .targetExists:
        throw Failure(
          .cannotCreate, subject: places.active.path(of: target), message: "a run of this name exists already")
      }
    } catch {
      switch error.errno {
      case EPERM, EACCES, EBUSY, EXDEV:
        do throws(Failure) { try places.requireWritable() } catch { return .blocked(error) }
        return .stuck(error)
      case nil: return .stuck(error)
      default: return .blocked(error)
      }
    }
    guard let status = try places.active.status(of: target) else { return .taken }
    return isMeant(status) ? .claimed : try putBack(target, as: name)
  }

  /// Returns what was taken to `spool/`. When its name is in use again already, both files wait: this one under the name
  /// it has in `active/`. A crash before it leaves the file there, where the next start looks at it anew.
  func putBack(_ file: FileName, as name: FileName) throws(Failure) -> ClaimResult {
    for free in [name, file] {
      switch try places.active.move(file, to: places.spool, as: free) {
      case .moved: return .changed(name: free)
      case .sourceMissing: return .taken
      case .targetExists: continue
      }
    }
    throw Failure(.cannotCreate, subject: places.spool.path(of: file), message: "a file of this name exists already")
  }
}
