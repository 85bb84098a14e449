public import AstroCore
import Glibc

/// What a removal has done so far.
public struct Removed: Sendable, Equatable {
  /// Names that are gone: files, links, directories, whatever they were.
  public var names = 0
  /// Disk space of files whose last name is gone, in bytes.
  public var bytes: Int64 = 0
  /// What could not be removed, and why; at most ``most`` of them.
  public var leftovers: [Failure] = []
  static let most = 10

  public init() {}

  public static func += (sum: inout Removed, more: Removed) {
    sum.names += more.names
    sum.bytes += more.bytes
    sum.leftovers = Array((sum.leftovers + more.leftovers).prefix(most))
  }

  public mutating func leave(_ failure: Failure) {
    if leftovers.count < Self.most, !leftovers.contains(failure) { leftovers.append(failure) }
  }
}

extension Directory {
  /// Removes what is in this directory, at most about `budget` names.
  ///
  /// Made for trees that a task left, which may be hostile. Everything is named by one component below an open
  /// descriptor and no link is followed, so nothing outside is reached, whatever is renamed meanwhile. A directory that is
  /// not empty is moved up into this one and emptied from here: two descriptors and no recursion do for any depth. A mount
  /// point cannot be renamed (rename(2), EBUSY), so none is ever entered. Permissions that stand in the way are changed
  /// first, which is our right where the tree is ours.
  ///
  /// Safe to repeat: a crash leaves fewer names.
  /// - Returns: false when the budget ended it; true when all is gone but what `removed` calls left over.
  func empty(atMost budget: Int, _ removed: inout Removed) throws(Failure) -> Bool {
    let target = removed.names + max(1, budget)
    var moved = 0
    var stuck: Set<FileName> = []
    while true {
      // Collected first: a scan need not show names that appear during it, and would show moved ones twice.
      let found = try someNames().filter { !stuck.contains($0) }
      if found.isEmpty { return true }
      for name in found {
        guard removed.names < target else { return false }
        if try discard(name, &removed) { continue }
        if case .stuck(let name) = try clear(name, &moved, target, &removed) { stuck.insert(name) }
      }
    }
  }

  private enum Cleared {
    case gone
    /// The budget is used up.
    case unfinished
    /// It stays, under this name.
    case stuck(FileName)
  }

  /// Empties the sub-directory `name` without descending: what it holds is removed or moved here. Then removes it.
  private func clear(
    _ name: FileName, _ moved: inout Int, _ target: Int, _ removed: inout Removed
  ) throws(Failure) -> Cleared {
    guard let own = try moveHere(name, from: self, &moved, &removed) else { return .stuck(name) }
    guard let inner = try enter(own, &removed) else { return .stuck(own) }
    while true {
      let found = try inner.someNames()
      if found.isEmpty { break }
      let before = removed.names + moved
      for name in found {
        guard removed.names < target else { return .unfinished }
        if try inner.discard(name, &removed) { continue }
        _ = try moveHere(name, from: inner, &moved, &removed)
      }
      // Nothing went: what is left are mount points.
      if removed.names + moved == before { return .stuck(own) }
    }
    return try discard(own, &removed) ? .gone : .stuck(own)
  }

  private func someNames() throws(Failure) -> [FileName] {
    var names: [FileName] = []
    try visit { (name, _) throws(Failure) in
      names.append(name)
      return names.count < 1024 ? .goOn : .stop
    }
    return names
  }

  /// Removes a name that is no directory with something in it.
  /// - Returns: false for a directory that is not empty, or that cannot be removed as it is.
  private func discard(_ name: FileName, _ removed: inout Removed) throws(Failure) -> Bool {
    var status = stat()
    guard name.withCString({ fstatat(descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      if errno != ENOENT { removed.leave(.system(path(of: name), "cannot read its status", errno)) }
      return true
    }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    guard name.withCString({ unlinkat(descriptor.number, $0, isDirectory ? AT_REMOVEDIR : 0) }) == 0 else {
      if errno == ENOENT || isDirectory { return errno == ENOENT }
      removed.leave(.system(path(of: name), "cannot remove it", errno))
      return true
    }
    removed.names += 1
    if !isDirectory, status.st_nlink == 1 { removed.bytes += Int64(status.st_blocks) * 512 }
    return true
  }

  /// Moves a directory here under a name of ours; `nil` when it cannot be moved.
  private func moveHere(
    _ name: FileName, from source: Directory, _ moved: inout Int, _ removed: inout Removed
  ) throws(Failure) -> FileName? {
    for isSecondTry in [false, true] {
      moved += 1
      let free = FileName(minted: ".removed-\(moved)-\(UInt32.random(in: .min ... .max))")
      let result = name.withCString { old in
        free.withCString { new in renameat(source.descriptor.number, old, descriptor.number, new) }
      }
      if result == 0 { return free }
      moved -= 1
      let problem = errno
      if problem == ENOENT { return nil }
      // A directory must be writable to be moved, because its `..` changes.
      if problem == EACCES || problem == EPERM, !isSecondTry, source.makeEnterable(name) { continue }
      let reason = problem == EBUSY || problem == EXDEV ? "is a mount point and stays" : "cannot be moved to be removed"
      removed.leave(.system(source.path(of: name), reason, problem))
      return nil
    }
    return nil
  }

  /// Opens a sub-directory to empty it, with the permissions that takes.
  private func enter(_ name: FileName, _ removed: inout Removed) throws(Failure) -> Directory? {
    guard makeEnterable(name) else {
      removed.leave(.system(path(of: name), "cannot be entered to be removed", errno))
      return nil
    }
    return try Directory(existing: name, in: self)
  }

  /// Gives us all permissions on a sub-directory, never on what a link points to (fchmodat(2), AT_SYMLINK_NOFOLLOW).
  private func makeEnterable(_ name: FileName) -> Bool {
    var status = stat()
    return name.withCString { name in
      guard fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
        status.st_mode & S_IFMT == S_IFDIR
      else { return false }
      if status.st_mode & 0o700 == 0o700 { return true }
      return fchmodat(descriptor.number, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0
    }
  }
}
