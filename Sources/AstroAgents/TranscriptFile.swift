import AstroCore
import AstroLLM
import Glibc
import Synchronization

/// `transcript.jsonl` of one attempt: what it has done so far, for people and for the attempt itself when it is begun again.
final class TranscriptFile: Sendable {
  private static let name = "transcript.jsonl"

  private let path: String
  private let descriptor: Int32
  /// Whether its name is on disk.
  private let isNamed = Mutex(false)

  /// Opens it, makes it where it is missing, and reads what it holds. A last line that is not whole is cut off: its writer
  /// died, and what is written next must not become a part of it.
  static func open(in directory: String) throws(Failure) -> (file: TranscriptFile, replay: TranscriptReplay) {
    let file = try TranscriptFile(directory)
    let bytes = try file.content()
    let read: (replay: TranscriptReplay, whole: Int)
    do throws(TranscriptReplay.Malformed) { read = try TranscriptReplay.read(bytes) } catch {
      throw Failure(
        .io, subject: file.path,
        message: "line \(error.line) is not what was written, so that nobody knows what the attempt has done")
    }
    if read.whole < bytes.count, ftruncate(file.descriptor, off_t(read.whole)) != 0 {
      throw failure(file.path, "cannot be cut to whole lines", errno)
    }
    return (file, read.replay)
  }

  /// What it holds, where it is there.
  static func replay(in directory: String) throws(Failure) -> TranscriptReplay {
    access("\(directory)/transcript.jsonl", F_OK) == 0 ? try open(in: directory).replay : TranscriptReplay()
  }

  private init(_ directory: String) throws(Failure) {
    path = "\(directory)/\(Self.name)"
    try Folder.make(directory)
    descriptor = Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened", errno) }
  }

  deinit { close(descriptor) }

  /// Adds lines, each with its newline.
  /// - Parameter durable: whether they are on disk when it returns: before anything is done that must not be done twice,
  ///   and after anything that was paid for.
  func append(_ lines: [UInt8], durable: Bool) throws(Failure) {
    var done = 0
    while done < lines.count {
      let count = lines.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, lines.count - done) }
      if count < 0, errno != EINTR { throw Self.failure(path, "cannot be written", errno) }
      done += max(0, count)
    }
    guard !durable || (fdatasync(descriptor) == 0 && keepName()) else {
      throw Self.failure(path, "cannot be made durable", errno, .notDurable)
    }
  }

  /// Makes its name last as long as its lines, once: whoever made it may have died before that.
  private func keepName() -> Bool {
    isNamed.withLock { isNamed in
      if isNamed { return true }
      let folder = Glibc.open(String(path.dropLast(Self.name.utf8.count)), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(folder) }
      isNamed = fsync(folder) == 0
      return isNamed
    }
  }

  private func content() throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = pread(descriptor, &piece, piece.count, off_t(bytes.count))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure(path, "cannot be read", errno) }
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  private static func failure(_ path: String, _ message: String, _ problem: Int32, _ code: Failure.Code = .io)
    -> Failure
  {
    Failure(code, subject: path, message: message, errno: problem, reason: String(cString: strerror(problem)))
  }
}
