import CLinux
import Glibc

/// One file that takes what a command prints on one of its two streams.
final class ScratchFile {
  let name: String
  let path: String
  /// Read-only: it measures the file and asks for the lease. Commands open the path for themselves, and so are seen by
  /// the lease; a copy of this descriptor would not be.
  fileprivate let descriptor: Descriptor
  /// What ``OutputBound`` remembers of it: its size at the last look, up to where its middle has been freed, and how many
  /// bytes were cut off where that cannot be done.
  var measured: Int64 = 0
  var freed: Int64 = 0
  var omitted: Int64 = 0

  fileprivate init(name: String, path: String, descriptor: consuming Descriptor) {
    self.name = name
    self.path = path
    self.descriptor = descriptor
  }

  /// Whether anything was printed. A file that cannot be measured is kept, in case it was.
  var isEmpty: Bool { descriptor.size == 0 }

  /// In bytes; nil when it cannot be measured.
  var size: Int64? { descriptor.size.map(Int64.init) }

  /// The same file, whatever has its name by now.
  func openForWriting() -> Descriptor? {
    // O_NONBLOCK: the command may hold a lease, which would keep us waiting (fcntl(2)).
    Descriptor(opening: "/proc/self/fd/\(descriptor.number)", O_WRONLY | O_NONBLOCK)
  }

  /// Whether it still belongs to us. One that was given to a command's user stays that user's, who may have let others in.
  fileprivate var isOurs: Bool {
    var status = stat()
    return fstat(descriptor.number, &status) == 0 && status.st_uid == geteuid()
  }

  /// Whether it is still there for a command to open.
  var isThere: Bool { descriptor.isNamed }

  /// Whether no other open file of it exists: no descendant that may still print into it, no reader. By a write lease
  /// (fcntl(2), F_SETLEASE), given back at once; where the file system knows no leases the answer is no.
  fileprivate var isUnshared: Bool {
    guard clinux_lease_write(descriptor.number) == 0 else { return false }
    return clinux_lease_release(descriptor.number) == 0
  }
}

/// The files of one stream that no command uses: an attempt that prints nothing returns its file and so creates none.
struct ScratchPool: ~Copyable {
  private let files: RunnerFiles
  /// `out` or `err`.
  private let suffix: String
  private var next = 1
  private var idle: [ScratchFile] = []

  init(files: RunnerFiles, suffix: String) {
    self.files = files
    self.suffix = suffix
  }

  /// An empty file that nobody holds open: an idle one, else a new one. nil, with `errno` set, when none can be made.
  /// A crash after the creation leaves an empty file, which ``RunnerFiles/remove()`` takes away.
  mutating func take() -> ScratchFile? {
    if let file = idle.popLast() { return file }
    while true {
      let name = "\(files.runnerID)-\(next).\(suffix)"
      let path = files.scratch(name)
      next += 1
      if let descriptor = Descriptor(opening: path, O_RDONLY | O_CREAT | O_EXCL) {
        return ScratchFile(name: name, path: path, descriptor: descriptor)
      }
      // An earlier warden of this runner may have left files of these names, with output that is still wanted.
      if errno != EEXIST { return nil }
    }
  }

  /// Forgets the idle files that somebody has removed.
  mutating func forgetRemoved() { idle.removeAll { !$0.isThere } }

  /// Takes back the file of an ended command. Its name when it holds output: from then on it is the runner's. Without
  /// output it is used again, unless somebody still holds it open: what that one prints later belongs to no attempt,
  /// so the file loses its name instead of letting those bytes into the next attempt's output.
  mutating func putBack(_ file: ScratchFile) -> String? {
    guard file.isEmpty else { return file.name }
    if file.isOurs, file.isThere, file.isUnshared, file.isEmpty {
      idle.append(file)
    } else {
      unlink(file.path)
    }
    return nil
  }
}
