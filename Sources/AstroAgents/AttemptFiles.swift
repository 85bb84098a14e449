public import AstroCore
import Glibc

/// What an attempt leaves in its run's directory, and the reading of it.
public struct AttemptFiles {
  let directory: RunDirectory
  let key: AttemptKey

  public init(_ key: AttemptKey, runs: String) {
    self.key = key
    directory = RunDirectory(key.workflow, in: runs)
  }

  /// How much of stdout expressions see, in bytes.
  public static let stdoutTail = 64 << 10

  /// Moves what was printed from the launcher's scratch file to `tasks/<task>/<attempt>/<stream>`.
  ///
  /// Done before the journal records the end, so that a recorded end has its output; after a crash in between the exit
  /// record is taken again, finds the scratch file gone and the target there, and goes on.
  public func keep(_ scratch: String, as stream: String) throws(Failure) {
    let folder = directory.attempt(key)
    let target = "\(folder)/\(stream)"
    if rename(scratch, target) == 0 { return }
    if errno == ENOENT {
      if access(scratch, F_OK) != 0 { return }
      mkdir("\(directory.path)/tasks", 0o700)
      mkdir("\(directory.path)/tasks/\(key.task)", 0o700)
      mkdir(folder, 0o700)
      if rename(scratch, target) == 0 { return }
    }
    let problem = errno
    throw Failure(
      problem == ENOSPC ? .noSpace : .io, subject: target, message: "cannot keep what '\(key.task)' printed",
      errno: problem, reason: String(cString: strerror(problem)))
  }

  /// The outputs the attempt wrote, or why they cannot be taken.
  public func outputs(promised: [String]) throws(OutputFile.Malformed) -> [String: String] {
    guard let bytes = Self.read(directory.output(of: key), last: OutputFile.limit + 1) else {
      guard let name = promised.first else { return [:] }
      throw OutputFile.Malformed(message: "the promised output '\(name)' was not written to $ASTRO_OUTPUT")
    }
    let written = try OutputFile.parse(bytes)
    for name in promised where written[name] == nil {
      throw OutputFile.Malformed(message: "the promised output '\(name)' was not written to $ASTRO_OUTPUT")
    }
    return written
  }

  /// The last 64 KiB of stdout, without white space around it; broken UTF-8 is repaired.
  public func stdoutText() -> String {
    guard let bytes = Self.read("\(directory.attempt(key))/stdout", last: Self.stdoutTail) else { return "" }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  /// The last `count` bytes of a file; `nil` when there is none.
  private static func read(_ path: String, last count: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let start = max(0, Int(status.st_size) - count)
    return [UInt8](unsafeUninitializedCapacity: Int(status.st_size) - start) { buffer, filled in
      while filled < buffer.count {
        let got = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(start + filled))
        if got < 0, errno == EINTR { continue }
        if got <= 0 { break }
        filled += got
      }
    }
  }
}
