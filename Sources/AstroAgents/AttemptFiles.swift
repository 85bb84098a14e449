public import AstroCore
import Glibc

/// What an attempt leaves in its run's directory, and the reading of it.
public struct AttemptFiles {
  let directory: RunDirectory
  let key: AttemptKey

  public init(_ key: AttemptKey, runs: String) { self.init(key, in: RunDirectory(key.workflow, in: runs)) }

  init(_ key: AttemptKey, in directory: RunDirectory) {
    self.key = key
    self.directory = directory
  }

  /// Where what it printed is kept.
  var folder: String { directory.attempt(key) }

  /// How much of stdout expressions see, in bytes.
  public static let stdoutTail = 64 << 10

  /// Moves what was printed from the launcher's scratch file to `tasks/<task>/<attempt>/<stream>`; a scratch file that
  /// holds nothing stays where it is.
  ///
  /// Done before the journal records the end, so that a recorded end has its output; after a crash in between the exit
  /// record is taken again, finds the scratch file gone and the target there, and goes on.
  /// - Returns: `nil`, or what the task itself put in the way, in one sentence: a fault of one attempt, which must not
  ///   stop the runner and all others.
  public func keep(_ scratch: String, as stream: String) throws(Failure) -> String? {
    var status = stat()
    let folder = directory.attempt(key)
    let target = "\(folder)/\(stream)"
    guard lstat(scratch, &status) == 0 else {
      guard errno == ENOENT, lstat(target, &status) != 0, errno == ENOENT || errno == ENOTDIR else { return nil }
      return "what it printed cannot be kept as \(target): somebody removed \(scratch)"
    }
    guard status.st_size > 0 else { return nil }
    if rename(scratch, target) == 0 { return nil }
    if errno == ENOENT {
      for path in [directory.path, "\(directory.path)/tasks", "\(directory.path)/tasks/\(key.task)", folder] {
        mkdir(path, 0o700)
      }
      if rename(scratch, target) == 0 { return nil }
    }
    let problem = errno
    let reason = String(cString: strerror(problem))
    switch problem {
    case ENOTDIR, EISDIR, EEXIST, ENOTEMPTY, ELOOP, EACCES, EPERM, EXDEV:
      return "what it printed cannot be kept as \(target): \(reason)"
    default:
      throw Failure(
        .io, subject: target,
        message: "cannot keep what '\(key.task)' printed", errno: problem, reason: reason)
    }
  }

  /// The outputs the attempt wrote, or what is wrong with them. Throws where it is only the runner that is short of
  /// something.
  public func outputs(promised: [String]) throws(Failure) -> Result<[String: String], OutputFile.Malformed> {
    let content = try Self.read(directory.output(of: key), last: OutputFile.limit + 1)
    return Result { () throws(OutputFile.Malformed) in
      var written: [String: String] = [:]
      switch content {
      case .absent: break
      case .bytes(let bytes): written = try OutputFile.parse(bytes)
      case .unreadable(let why): throw OutputFile.Malformed(message: "$ASTRO_OUTPUT \(why)")
      }
      for name in promised where written[name] == nil {
        throw OutputFile.Malformed(message: "the promised output '\(name)' was not written to $ASTRO_OUTPUT")
      }
      return written
    }
  }

  /// The last 64 KiB of stdout, without white space around it; broken UTF-8 is repaired.
  public func stdoutText() throws(Failure) -> String {
    guard case .bytes(let bytes) = try Self.read("\(directory.attempt(key))/stdout", last: Self.stdoutTail) else {
      return ""
    }
    return Self.shown(bytes[...])
  }

  /// What expressions see of an output.
  static func shown(_ bytes: ArraySlice<UInt8>) -> String {
    let bytes = bytes.suffix(stdoutTail)
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  enum Content {
    case absent
    case bytes([UInt8])
    /// The end of a sentence that begins with the file.
    case unreadable(String)
  }

  /// The last `count` bytes of a file. The task had the directory to itself, so anything may lie there: a link is not
  /// followed, and a FIFO without a writer is not waited for.
  static func read(_ path: String, last count: Int) throws(Failure) -> Content {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      switch errno {
      case ENOENT, ENOTDIR: return .absent
      case ELOOP, ENXIO: return .unreadable("is no regular file any more")
      case EMFILE, ENFILE, ENOMEM:
        let (problem, reason) = (errno, String(cString: strerror(errno)))
        throw Failure(.unavailable, subject: path, message: "cannot be read now", errno: problem, reason: reason)
      default: return .unreadable("cannot be read: \(String(cString: strerror(errno)))")
      }
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return .unreadable("is no regular file any more")
    }
    let start = max(0, Int(status.st_size) - count)
    var failure: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size) - start) { buffer, filled in
      while filled < buffer.count {
        let got = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(start + filled))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        filled += got
      }
    }
    return failure.map { .unreadable("cannot be read: \(String(cString: strerror($0)))") } ?? .bytes(bytes)
  }
}
