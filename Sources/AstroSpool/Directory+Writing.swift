import AstroCore
import CLinux
import Glibc

/// A file that is written but not named yet. It is locked for as long as somebody holds this: what is found unlocked has
/// lost its writer.
struct TemporaryFile: ~Copyable {
  static let prefix: StaticString = ".astro-"
  static let suffix: StaticString = ".tmp"

  let name: FileName
  private let descriptor: Descriptor

  init(name: FileName, descriptor: consuming Descriptor) {
    self.name = name
    self.descriptor = descriptor
  }

  /// Adds all of a file, and makes it durable.
  func take(_ source: borrowing Descriptor, _ path: String) throws(Failure) {
    while true {
      let count = sendfile(descriptor.number, source.number, nil, 1 << 30)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .system(path, "cannot be copied", errno) }
      if count == 0 { break }
    }
    try descriptor.synchronize(path)
  }
}

extension Directory {
  /// Writes `bytes` to a dot file of a random name, mode 0600 whatever the umask, and makes them durable.
  ///
  /// A crash leaves at most this dot file, which every scan ignores and ``Spool/sweepTemporaries(olderThan:)`` removes;
  /// under its final name a file is only ever whole, because the caller renames it after this fsync.
  func writeTemporary(_ bytes: [UInt8]) throws(Failure) -> TemporaryFile {
    var generator = SystemRandomNumberGenerator()
    let random = String(generator.next(), radix: 16)
    let name = FileName(minted: "\(TemporaryFile.prefix)\(random)\(TemporaryFile.suffix)")
    let number = name.withCString { clinux_create_locked(descriptor.number, $0, O_WRONLY) }
    guard number >= 0 else { throw .system(path(of: name), "cannot create it", errno) }
    let file = Descriptor(number)
    do throws(Failure) {
      guard fchmod(number, 0o600) == 0 else { throw .system(path(of: name), "cannot set its mode", errno) }
      try file.write(bytes, path(of: name))
      try file.synchronize(path(of: name))
    } catch {
      // A full disk must not stay full of our attempts. That this fails too changes nothing: the first error counts.
      _ = name.withCString { unlinkat(descriptor.number, $0, 0) }
      throw error
    }
    return TemporaryFile(name: name, descriptor: file)
  }

  /// Writes a whole file into `target`, over whatever has `name` there. Durable once `target` is.
  ///
  /// A crash leaves what was there, or all of the new one.
  func write(_ bytes: [UInt8], to target: Directory, as name: FileName) throws(Failure) {
    let temporary = try writeTemporary(bytes)
    do throws(Failure) {
      guard try replace(temporary.name, to: target, as: name) else { throw removed(temporary) }
    } catch {
      _ = try? remove(temporary.name)
      throw error
    }
  }

  /// Puts a copy of a file of another directory into `target`, over whatever has `name` there, in pieces: it may be larger
  /// than memory. Durable once `target` is.
  ///
  /// A crash leaves what was there, or all of the new one.
  func copy(fileAt path: String, to target: Directory, as name: FileName) throws(Failure) {
    let number = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard number >= 0 else { throw .system(path, "cannot be opened", errno) }
    let source = Descriptor(number)
    guard try source.status(of: path).kind == .regular else { throw .system(path, "is no regular file", EINVAL) }
    let temporary = try writeTemporary([])
    do throws(Failure) {
      try temporary.take(source, path)
      guard try replace(temporary.name, to: target, as: name) else { throw removed(temporary) }
    } catch {
      _ = try? remove(temporary.name)
      throw error
    }
  }

  private func removed(_ temporary: borrowing TemporaryFile) -> Failure {
    .system(path(of: temporary.name), "somebody removed it while it was being named", ENOENT)
  }

  /// Writes a whole new file, never over another; false when the name is taken. Durable once the directory is.
  ///
  /// A crash leaves either nothing under `name` or all of it.
  func create(_ bytes: [UInt8], as name: FileName) throws(Failure) -> Bool {
    let temporary = try writeTemporary(bytes)
    let moved: Moved
    do throws(Failure) {
      moved = try move(temporary.name, to: self, as: name)
    } catch {
      _ = try? remove(temporary.name)
      throw error
    }
    switch moved {
    case .moved: return true
    case .targetExists:
      _ = try remove(temporary.name)
      return false
    case .sourceMissing: throw removed(temporary)
    }
  }
}
