import AstroCore
import CLinux
import Glibc

extension Directory {
  /// What became of a rename that must not replace anything.
  enum Moved { case moved, sourceMissing, targetExists }

  /// Renames a file here to `newName` in `target` unless that name is taken: one atomic step, so a crash leaves the
  /// file under exactly one of the two names, and of two processes that move it one wins. Not durable before both
  /// directories are synchronized.
  func move(_ name: FileName, to target: Directory, as newName: FileName) throws(Failure) -> Moved {
    let result = name.withCString { old in
      newName.withCString { new in
        clinux_rename_noreplace(descriptor.number, old, target.descriptor.number, new)
      }
    }
    if result == 0 { return .moved }
    switch errno {
    case ENOENT: return .sourceMissing
    case EEXIST: return .targetExists
    case EINVAL, ENOSYS:
      // The file system (NFS) lacks the flag. Asking first leaves a gap, in which only a name that a user chose can be
      // taken: the targets of claims are minted and therefore free.
      if try target.status(of: newName) != nil { return .targetExists }
      return try replace(name, to: target, as: newName) ? .moved : .sourceMissing
    default: throw cannotMove(name, to: target, as: newName)
    }
  }

  /// Renames a file here over whatever has `newName` in `target`; false when there was none. Atomic as ``move``.
  func replace(_ name: FileName, to target: Directory, as newName: FileName) throws(Failure) -> Bool {
    let result = name.withCString { old in
      newName.withCString { new in renameat(descriptor.number, old, target.descriptor.number, new) }
    }
    if result == 0 { return true }
    guard errno == ENOENT else { throw cannotMove(name, to: target, as: newName) }
    return false
  }

  /// Removes a file of ours; one that is gone already is fine, which makes it safe to repeat after a crash.
  func remove(_ name: FileName) throws(Failure) -> Bool {
    if name.withCString({ unlinkat(descriptor.number, $0, 0) }) == 0 { return true }
    guard errno == ENOENT else { throw .system(path(of: name), "cannot remove it", errno) }
    return false
  }

  private func cannotMove(_ name: FileName, to target: Directory, as newName: FileName) -> Failure {
    .system(path(of: name), "cannot rename it to \(target.path(of: newName))", errno)
  }
}
