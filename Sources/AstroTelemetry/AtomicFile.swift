public import AstroCore
public import Glibc
import Synchronization

/// Files that readers must only ever see whole: the metrics page, the health report.
public enum AtomicFile {
  /// Tells temporary files of one process apart; the process id tells processes apart.
  private static let serial = Atomic<UInt64>(0)

  /// Replaces `path` by `bytes` in one rename(2): a reader sees the old file or the new one, never a mixture, and a
  /// crash at any moment leaves one of the two (and at worst a dot-file that no collector reads, for
  /// ``removeRemains(of:)``).
  ///
  /// - Parameters:
  ///   - mode: the exact permissions, whatever the umask: 0644 for files that node_exporter or a probe must read.
  ///   - durable: `true` survives power loss as well (fsync of the file before, and of its directory after the rename);
  ///     `false` is for files that are written again within seconds.
  /// - Throws: `cannotCreate`, `io` or `noSpace`; the old file is then untouched and the temporary one is removed.
  public static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t = 0o644, durable: Bool = false
  ) throws(Failure) {
    let (directory, name) = split(path)
    let (descriptor, temporary) = try openTemporary("\(directory)/.\(name)", for: path)
    // Keeps the file locked until it has its name: as long as it has not, its lock says that its writer lives.
    let life = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    defer { if life >= 0 { close(life) } }
    do throws(Failure) {
      try fill(descriptor, bytes, mode: mode, durable: durable, path: path)
      guard rename(temporary, path) == 0 else { throw .system(.io, path, "cannot be replaced", errno: errno) }
    } catch {
      unlink(temporary)
      throw error
    }
    if durable { try syncDirectory(directory) }
  }

  /// A new file beside the final one: rename(2) does not cross file systems.
  private static func openTemporary(_ stem: String, for path: String) throws(Failure) -> (Int32, String) {
    while true {
      // Starts with a dot and does not end in `.prom`: node_exporter reads every *.prom of its directory, dot or not.
      let number = serial.add(1, ordering: .relaxed).newValue
      let temporary = "\(stem).\(getpid())-\(number)\(temporarySuffix)"
      let descriptor = createLocked(temporary)
      if descriptor >= 0 { return (descriptor, temporary) }
      // Left by a process that was killed and had our number, as the first process of every container has the same.
      guard errno == EEXIST else { throw .system(.cannotCreate, path, "cannot create a temporary file", errno: errno) }
    }
  }

  /// Writes, sets the mode, makes durable and closes; the descriptor is closed in every case.
  private static func fill(
    _ descriptor: Int32, _ bytes: [UInt8], mode: mode_t, durable: Bool, path: String
  ) throws(Failure) {
    var isOpen = true
    defer { if isOpen { close(descriptor) } }
    if case .failed(let error, _) = bytes.withUnsafeBytes({ writeFully(descriptor, $0) }) {
      throw .system(.io, path, "cannot be written", errno: error)
    }
    guard fchmod(descriptor, mode) == 0 else { throw .system(.io, path, "cannot set its mode", errno: errno) }
    // Without this, power loss after the rename can leave an empty file under the final name.
    if durable, fsync(descriptor) != 0 { throw .system(.io, path, "cannot be made durable", errno: errno) }
    isOpen = false
    // Network file systems and quotas report a failed write only here.
    guard close(descriptor) == 0 else { throw .system(.io, path, "cannot be written", errno: errno) }
  }

  private static func syncDirectory(_ directory: String) throws(Failure) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(.io, directory, "cannot be opened", errno: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system(.io, directory, "cannot be made durable", errno: errno) }
  }

  static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let directory = String(path[..<slash])
    return (directory.isEmpty ? "/" : directory, String(path[path.utf8.index(after: slash)...]))
  }
}
